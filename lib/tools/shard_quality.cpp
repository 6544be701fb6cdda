// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/shard_quality.h"

#include <cstdio>
#include <memory>
#include <utility>

#include "lib/base/text.h"
#include "lib/text/quality/natural_language.h"
#include "lib/text/quality/quality_filter.h"
#include "lib/tools/tool.h"

namespace hearth::tools::shard {
namespace {

std::vector<std::string> words_of(const std::vector<std::string>& lists) {
  std::vector<std::string> words;
  for (const std::string& list : lists) {
    for (const std::string& word : split(list, ',')) {
      if (!trim(word).empty()) words.emplace_back(trim(word));
    }
  }
  return words;
}

std::vector<std::string> preset_names() {
  std::vector<std::string> names;
  for (const text::Preset& preset : text::presets()) names.emplace_back(preset.name);
  return names;
}

}  // namespace

void add_quality_options(Command& command, text::QualityOptions& options) {
  command.group("Quality and language");
  command
      .option("quality", &options.presets, "PRESET",
              "rules by which documents are judged, several are joined; 'hearth shard rules' lists them all")
      .one_of(preset_names());
  command.option("rule", &options.rules, "NAME=VALUE",
                 "another threshold for one rule, or NAME=off; a rule that no preset has is switched on");
  command
      .option("quality-action", &options.action, "WHAT",
              "reject documents that break a rule, or only tag them with the attribute broken_rules")
      .one_of({"reject", "tag"});
  command.option("languages", &options.languages, "LIST",
                 "keep only texts in these languages, as en,de; by default all. Code has none and is kept");
  command
      .option("language-threshold", &options.language_threshold, "F",
              "least share of a text in its language; below it the language is unknown")
      .range(0, 1);
  command
      .option("unknown-language", &options.unknown_language, "WHAT",
              "with --languages: what to do about texts whose language is unknown, as very short ones")
      .one_of({"keep", "reject"});
}

void add_quality_stages(const text::QualityOptions& options,
                        std::vector<std::unique_ptr<text::DocumentStage>>& stages) {
  text::LanguageOptions languages{words_of(options.languages), options.language_threshold,
                                  options.unknown_language == "keep"};
  for (const std::string& code : languages.wanted) text::require_known_language(code);
  stages.push_back(std::make_unique<text::LanguageStage>(std::move(languages)));
  text::RuleSet rules(options.presets, options.rules);
  if (rules.empty()) return;
  const auto action = options.action == "tag" ? text::QualityAction::tag : text::QualityAction::reject;
  stages.push_back(std::make_unique<text::QualityFilter>(std::move(rules), action));
}

Command build_rules_command(const std::vector<std::string>& argv) {
  const auto common = std::make_shared<CommonOptions>();
  Command command("shard rules", "the rules on quality: names, thresholds, sources, presets");
  command.examples = {{"hearth shard rules | grep fineweb", "FineWeb's rules"}};
  add_common(command, *common, {.json = false});
  command.run = [common, argv](const Command& self) {
    return run_with_context(self, *common, argv, [](Context&) {
      std::fputs(text::rule_table().c_str(), stdout);
      return 0;
    });
  };
  return command;
}

}  // namespace hearth::tools::shard
