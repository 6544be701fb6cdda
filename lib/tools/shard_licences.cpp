// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/shard_licences.h"

namespace hearth::tools::shard {

void add_licence_options(Command& command, text::licences::LicenceOptions& options) {
  command.group("Licenses");
  command.option("allow-license", &options.allow, "GLOB",
                 "keep only code under such licenses: an SPDX id with * and ?, as in 'BSD-*'; of a choice (MIT OR "
                 "GPL-2.0-only) one must be allowed; may be repeated");
  command.option("deny-license", &options.deny, "GLOB",
                 "drop code under such licenses, also allowed ones; may be repeated");
  command
      .option("license-unknown", &options.unknown, "WHAT",
              "what becomes of code that names no license and has none from a LICENSE or COPYING file in its folder or "
              "above: keep or drop; members of archives have none from a folder")
      .one_of({"keep", "drop"});
  command
      .option("license-scope", &options.scope, "WHICH",
              "the documents whose license is looked for and judged: code or all")
      .one_of({"code", "all"});
}

std::unique_ptr<text::DocumentStage> make_licence_stage(const text::licences::LicenceOptions& options,
                                                        std::vector<std::string> inputs,
                                                        const std::string& files_from) {
  const bool lists = std::erase(inputs, "-") > 0 || !files_from.empty();
  return std::make_unique<text::licences::LicenceStage>(options, inputs, lists);
}

}  // namespace hearth::tools::shard
