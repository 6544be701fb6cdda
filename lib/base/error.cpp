// SPDX-License-Identifier: Apache-2.0
#include "lib/base/error.h"

#include <cerrno>
#include <cstring>

namespace hearth {

void check_failed(const char* condition, const char* file, int line, const std::string& why) {
  throw Error(Kind::internal, std::string(file) + ":" + std::to_string(line) + ": " + condition + " does not hold: " + why +
                                  " (this is a bug in hearth)");
}

Error system_error(std::string_view what, int error_number) {
  Kind kind = Kind::io;
  if (error_number == ENOENT || error_number == ENOTDIR) kind = Kind::missing;
  if (error_number == EACCES || error_number == EPERM || error_number == EROFS) kind = Kind::cannot_create;
  if (error_number == EEXIST || error_number == EISDIR) kind = Kind::cannot_create;
  return {kind, std::string(what) + ": " + std::strerror(error_number)};
}

}  // namespace hearth
