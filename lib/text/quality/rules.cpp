// SPDX-License-Identifier: Apache-2.0
#include "lib/text/quality/rules.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "lib/base/error.h"
#include "lib/base/text.h"

namespace hearth::text {
namespace {

template <class Table>
[[noreturn]] void unknown(std::string_view what, std::string_view name, const Table& table) {
  std::vector<std::string> known;
  for (const auto& each : table) known.emplace_back(each.name);
  const auto nearest = nearest_word(name, known);
  throw Error(Kind::usage, std::string(what) + " '" + std::string(name) + "' is unknown" +
                               (nearest ? ": did you mean '" + *nearest + "'?" : "; 'hearth shard rules' lists them"));
}

double number_of(std::string_view change, std::string_view value) {
  double number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error == std::errc() && end == value.data() + value.size() && std::isfinite(number)) return number;
  throw Error(Kind::usage,
              "--rule " + std::string(change) + ": expects NAME=NUMBER or NAME=off, got '" + std::string(value) + "'");
}

}  // namespace

RuleSet::RuleSet(std::span<const std::string> presets, std::span<const std::string> changes) : RuleSet() {
  for (const std::string& preset : presets) add_preset(preset);
  for (const std::string& change : changes) {
    const std::size_t equals = change.find('=');
    if (equals == std::string::npos) throw Error(Kind::usage, "--rule " + change + ": expects NAME=NUMBER or NAME=off");
    const std::string_view value = std::string_view(change).substr(equals + 1);
    set(std::string_view(change).substr(0, equals),
        value == "off" ? std::nullopt : std::optional(number_of(change, value)));
  }
}

void RuleSet::add_preset(std::string_view name) {
  const auto preset = std::ranges::find(presets(), name, &Preset::name);
  if (preset == presets().end()) unknown("--quality", name, presets());
  for (const std::string& member : split(preset->members, ' ')) {
    const std::size_t equals = member.find('=');
    if (member.starts_with('!')) {
      set(std::string_view(member).substr(1), std::nullopt);
    } else if (equals != std::string::npos) {
      set(std::string_view(member).substr(0, equals), number_of(member, std::string_view(member).substr(equals + 1)));
    } else if (!member.empty()) {
      for (const Rule& rule : rules()) {
        if (rule.name == member || (member.ends_with('-') && rule.name.starts_with(member)))
          set(rule.name, rule.threshold);
      }
    }
  }
}

void RuleSet::set(std::string_view name, std::optional<double> value) {
  const auto rule = std::ranges::find(rules(), name, &Rule::name);
  if (rule == rules().end()) unknown("--rule", name, rules());
  thresholds_[static_cast<std::size_t>(rule - rules().begin())] = value;
}

std::optional<double> RuleSet::threshold(const Rule& rule) const {
  return thresholds_[static_cast<std::size_t>(&rule - rules().data())];
}

std::optional<double> RuleSet::threshold(std::string_view name) const {
  const auto rule = std::ranges::find(rules(), name, &Rule::name);
  HEARTH_CHECK(rule != rules().end(), "a rule of this name");
  return threshold(*rule);
}

bool RuleSet::any(std::span<const Rule> of) const {
  return std::ranges::any_of(of, [&](const Rule& rule) { return threshold(rule).has_value(); });
}

bool breaks(const Rule& rule, double value, double threshold) {
  return rule.bound == Bound::least ? value < threshold : value > threshold;
}

std::string describe(const Rule& rule, double value, double threshold) {
  return format_number(value, 3) + (rule.bound == Bound::least ? "; at least " : "; at most ") +
         format_number(threshold, 3) + " is wanted (" + std::string(rule.meaning) + ")";
}

std::string rule_table() {
  TextTable table({"rule", "threshold", "on", "from", "what is compared"});
  constexpr const char* scopes[] = {"prose", "lines of prose", "prose", "code"};
  for (const Rule& rule : rules()) {
    table.add({std::string(rule.name),
               (rule.bound == Bound::least ? "at least " : "at most ") + format_number(rule.threshold, 3),
               scopes[static_cast<std::size_t>(rule.scope)], std::string(rule.source), std::string(rule.meaning)});
  }
  TextTable sets({"preset", "what it is", "rules"});
  for (const Preset& preset : presets())
    sets.add({std::string(preset.name), std::string(preset.meaning), std::string(preset.members)});
  return table.text() + "\n" + sets.text();
}

}  // namespace hearth::text
