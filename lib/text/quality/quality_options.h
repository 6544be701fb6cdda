// SPDX-License-Identifier: Apache-2.0
// How a corpus wants its documents judged: rules, languages, boilerplate. What a command line says, unchecked.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace hearth::text {

struct QualityOptions {
  std::vector<std::string> presets{"default"}, rules;  // see RuleSet
  std::string action = "reject";                       // or "tag"
  std::vector<std::string> languages;                  // each may hold several, separated by commas; none: all
  double language_threshold = 0.5;
  std::string unknown_language = "keep";  // or "reject"
};

}  // namespace hearth::text
