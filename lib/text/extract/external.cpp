// SPDX-License-Identifier: Apache-2.0
#include "lib/text/extract/external.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/text.h"

namespace hearth::text {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

// A file that goes with the object. Its name keeps the extension, by which some programs tell formats.
class TemporaryFile {
 public:
  TemporaryFile(const std::filesystem::path& folder, const std::string& extension, std::string_view bytes) {
    std::string name = (folder / ("hearth-XXXXXX." + extension)).string();
    const int descriptor = ::mkstemps(name.data(), static_cast<int>(extension.size()) + 1);
    if (descriptor < 0) throw system_error(name, errno);
    path = name;
    while (!bytes.empty()) {
      const ssize_t n = ::write(descriptor, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        const int error_number = errno;
        ::close(descriptor);
        ::unlink(path.c_str());
        throw system_error(path, error_number);
      }
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    ::close(descriptor);
  }
  ~TemporaryFile() { ::unlink(path.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  std::string path;
};

}  // namespace

Rejection rejection_of_end(std::string_view name, ChildEnd end, std::string_view description) {
  const std::string detail = std::string(name) + ": " + std::string(description);
  switch (end) {
    case ChildEnd::exited:
      return {"parser-failed", detail};
    case ChildEnd::signalled:
      return {"parser-crashed", detail};
    case ChildEnd::out_of_time:
      return {"parser-timeout", detail};
    case ChildEnd::out_of_memory:
      return {"parser-memory", detail};
    case ChildEnd::too_much_output:
      return {"too-large", detail};
  }
  return {"parser-failed", detail};
}

Rejection parser_rejection(std::string_view name, const ChildResult& result, const ChildLimits& limits) {
  return rejection_of_end(name, result.end, result.describe(limits));
}

ExternalParser external_parser(std::string_view rule) {
  const std::size_t equals = rule.find('=');
  std::string_view extension = rule.substr(0, equals);
  if (extension.starts_with('.')) extension.remove_prefix(1);
  ExternalParser parser;
  std::transform(extension.begin(), extension.end(), std::back_inserter(parser.extension), lower);
  if (equals != std::string_view::npos) parser.argv = split(std::string(rule.substr(equals + 1)), ' ');
  std::erase(parser.argv, "");
  if (parser.extension.empty() || parser.extension.find('/') != std::string::npos || parser.argv.empty()) {
    throw Error(Kind::config, "--extract '" + std::string(rule) +
                                  "' is not of the form EXT=COMMAND, as in --extract 'djvu=djvutxt {}'");
  }
  if (find_program(parser.argv[0]).empty()) {
    throw Error(Kind::config, "--extract '" + std::string(rule) + "': the program '" + parser.argv[0] +
                                  "' is not in PATH; install it, or give its path");
  }
  return parser;
}

const ExternalParser* parser_for(std::string_view file_name, const ExtractOptions& options) {
  const auto fits = [&](const ExternalParser& parser) {
    const std::size_t n = parser.extension.size();
    if (file_name.size() < n + 2 || file_name[file_name.size() - n - 1] != '.') return false;
    return std::equal(parser.extension.begin(), parser.extension.end(),
                      file_name.end() - static_cast<std::ptrdiff_t>(n), [](char a, char b) { return a == lower(b); });
  };
  const auto found = std::find_if(options.parsers.begin(), options.parsers.end(), fits);
  return found == options.parsers.end() ? nullptr : &*found;
}

std::optional<Rejection> run_external(const ExternalParser& parser, std::string_view bytes,
                                      const ExtractOptions& options, std::string& output) {
  const std::string& name = parser.argv[0];
  if (find_program(name).empty()) return Rejection{"parser-missing", "the program '" + name + "' is not in PATH"};
  std::optional<TemporaryFile> file;
  std::vector<std::string> argv = parser.argv;
  for (auto argument = argv.begin() + 1; argument != argv.end(); ++argument) {
    if (*argument != "{}") continue;
    if (!file) file.emplace(options.temporary_folder, parser.extension, bytes);
    *argument = file->path;
  }
  ChildResult result = run_child(argv, file ? std::string_view() : bytes, options.limits);
  if (!result.succeeded()) return parser_rejection(name, result, options.limits);
  output = std::move(result.output);
  return std::nullopt;
}

}  // namespace hearth::text
