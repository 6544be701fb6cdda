// SPDX-License-Identifier: Apache-2.0
// `hearth shard forget`: a documents file without some of its documents, and a certificate that proves it. Gone with a
// document are all of equal text, kept or rejected, and those rejected as duplicates of it. The new file is then read
// back: the certificate is written only when none of these is in it and everything else is there unchanged.
#pragma once
#include <string>
#include <vector>

#include "lib/base/options.h"
#include "lib/tools/tool.h"

namespace hearth::tools::shard {

struct ForgetOptions {
  CommonOptions common;
  std::string input;
  std::string ids;                   // a file, one id a line
  std::vector<std::string> sources;  // shell patterns of whole sources; * matches / too
  std::string output;
  std::string certificate;  // default: OUTPUT.forgotten.json
  std::string check;        // a certificate: input is judged by it, nothing is written
};

// 0; 1 when check finds that input is not what the certificate says. Throws Error{data} when nothing is found to forget
// or nothing would be left, Error{internal} when the new file does not pass its own check.
int run_forget(const ForgetOptions& options, Context& context);

Command forget_command(const std::vector<std::string>& argv);

}  // namespace hearth::tools::shard
