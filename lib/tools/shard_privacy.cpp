// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/shard_privacy.h"

namespace hearth::tools::shard {

void add_privacy_options(Command& command, text::privacy::PrivacyOptions& options) {
  command.group("Privacy");
  command.option(
      "privacy", &options.actions, "KIND=ACTION",
      "what becomes of a kind of private content: keep, tag (counted in the attributes), mask (a placeholder such "
      "as <EMAIL>, the default) or drop (the document); kinds: email, phone, iban, card, ip, key, password, name, "
      "all");
  command.option("names", &options.names, "FILE", "names to find, one a line, whole words, as spelled or in capitals");
  command.option(
      "pseudonym-key", &options.pseudonym_key, "FILE",
      "give placeholders a pseudonym that is the same for the same value, as in <EMAIL:1f0c53a7>, made with the "
      "secret in FILE");
}

std::unique_ptr<text::DocumentStage> make_privacy_stage(const text::privacy::PrivacyOptions& options) {
  return std::make_unique<text::privacy::PrivacyStage>(options);
}

}  // namespace hearth::tools::shard
