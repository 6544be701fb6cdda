// SPDX-License-Identifier: Apache-2.0
// The published heuristics by which documents are judged, as a table: each rule has a name (which is the reason of a
// rejection), a measure, a threshold, and the presets it belongs to. A set of rules is made of presets and of changes
// to single rules.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/text/quality/code_statistics.h"
#include "lib/text/quality/line_rules.h"
#include "lib/text/quality/text_statistics.h"

namespace hearth::text {

// What rules apply to: prose as extracted; single lines of it, which are cut; what these leave; code.
enum class RuleScope : std::uint8_t { prose, line, remaining, code };
enum class Bound : std::uint8_t { least, most };

// What was measured of a document; null: not.
struct Measured {
  const TextStatistics* text = nullptr;  // for RuleScope::remaining, of what the line rules left
  const LineOutcome* lines = nullptr;
  const CodeStatistics* code = nullptr;
};

struct Rule {
  std::string_view name;  // "gopher-short-words"
  RuleScope scope;
  Bound bound;
  double threshold;                    // published
  std::string_view source;             // "Gopher"
  std::string_view meaning;            // what is compared with the threshold: "mean characters of a word"
  double (*measure)(const Measured&);  // NaN: does not apply to this document. Null for line rules
};

std::span<const Rule> rules();
std::span<const Rule> prose_rules();
std::span<const Rule> line_and_remaining_rules();
std::span<const Rule> code_rules();

// A preset: rules by name, "prefix-" for all that begin so, "!name" without one, "name=value" at another threshold.
struct Preset {
  std::string_view name, meaning;
  std::string_view members;  // separated by spaces
};
std::span<const Preset> presets();

class RuleSet {
 public:
  RuleSet() : thresholds_(rules().size()) {}
  // presets first, then changes: "NAME=VALUE" or "NAME=off". Throws Error{usage} for an unknown name, naming the
  // nearest, and for a value that is no number.
  RuleSet(std::span<const std::string> presets, std::span<const std::string> changes);

  // The threshold in force, or none when the rule is off.
  std::optional<double> threshold(const Rule& rule) const;
  std::optional<double> threshold(std::string_view name) const;
  bool any(std::span<const Rule> of) const;
  bool empty() const { return !any(rules()); }

 private:
  void add_preset(std::string_view name);
  void set(std::string_view name, std::optional<double> value);
  std::vector<std::optional<double>> thresholds_;  // by place in rules()
};

bool breaks(const Rule& rule, double value, double threshold);  // never for NaN

// For people: "0.42; at most 0.3 (repeated lines / lines) is wanted".
std::string describe(const Rule& rule, double value, double threshold);

// All rules as a table: name, threshold, source, meaning, presets. Ends in a newline.
std::string rule_table();

}  // namespace hearth::text
