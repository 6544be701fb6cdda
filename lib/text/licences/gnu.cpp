// SPDX-License-Identifier: Apache-2.0
#include "lib/text/licences/gnu.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string_view>

namespace hearth::text::licences {
namespace {

enum class Family : std::uint8_t { gpl, lgpl, agpl };

constexpr std::string_view name_of(Family family) {
  constexpr std::array<std::string_view, 3> names = {"GPL", "LGPL", "AGPL"};
  return names[static_cast<std::size_t>(family)];
}

// A family's name in the text: words [begin, end); version when it is part of the last word ("gplv2+").
struct Place {
  Family family;
  std::size_t begin, end;
  std::string_view version;
};

struct Spelling {
  std::string_view phrase;
  Family family;
};

constexpr std::array<Spelling, 5> spellings = {{
    {"lesser general public license", Family::lgpl},
    {"library general public license", Family::lgpl},
    {"affero general public license", Family::agpl},
    {"library or lesser general public license", Family::lgpl},
    {"general public license", Family::gpl},
}};

bool is_number(std::string_view word) {
  return !word.empty() && word[0] >= '0' && word[0] <= '9';
}

std::optional<Place> place_at(const Words& words, std::size_t i) {
  const std::string_view word = words[i];
  for (const auto& [phrase, family] : spellings) {
    if (word[0] != phrase[0] || !words.match(i, phrase)) continue;
    return Place{family, i, i + 1 + static_cast<std::size_t>(std::count(phrase.begin(), phrase.end(), ' ')), {}};
  }
  for (const auto& [start, family] : {Spelling{"gpl", Family::gpl}, {"lgpl", Family::lgpl}, {"agpl", Family::agpl}}) {
    if (!word.starts_with(start)) continue;
    std::string_view rest = word.substr(start.size());
    if (rest.starts_with('v')) rest.remove_prefix(1);
    if (rest.empty() && word.size() > start.size()) rest = "v";  // "gplv 2"
    if (rest.empty() || rest == "v") return Place{family, i, i + 1, {}};
    if (is_number(rest)) return Place{family, i, i + 1, rest};
  }
  return std::nullopt;
}

// "2.1" of the words that say a version: "version 2.1", "v2.1", "v 2.1", "2.1+". at is moved behind them.
std::string_view read_version(const Words& words, std::size_t& at) {
  std::string_view word = words[at];
  if (word == "version" || word == "versions" || word == "v" || word == "ver") word = words[++at];
  if (word.starts_with('v')) word.remove_prefix(1);
  if (!is_number(word)) return {};
  ++at;
  return word;
}

bool is_one_of(std::string_view word, std::span<const std::string_view> list) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

// The version said behind the name, with only words between that do so in notices.
std::string_view version_behind(const Words& words, std::size_t& at) {
  static constexpr std::array<std::string_view, 19> between = {
      "as", "published", "by",  "the",  "free",    "software", "foundation", "inc", "fsf", "either",
      "of", "gnu",       "gpl", "lgpl", "license", "under",    "terms",      "its", "agpl"};
  for (std::size_t n = 0; n < 14; ++n, ++at) {
    std::size_t next = at;
    const std::string_view version = read_version(words, next);
    if (!version.empty()) {
      at = next;
      return version;
    }
    if (!is_one_of(words[at], between)) break;
  }
  return {};
}

// "version 2 (or later) of the GNU ...": the version said before the name. at is the word behind it.
std::string_view version_before(const Words& words, std::size_t name, std::size_t& at) {
  static constexpr std::array<std::string_view, 16> between = {
      "of",  "the", "or",    "later", "any",     "at",      "your",   "option",
      "gnu", "a",   "newer", "terms", "version", "greater", "higher", "only"};
  for (std::size_t i = name; i-- > 0 && name - i < 12;) {
    std::size_t next = i;
    const std::string_view version = read_version(words, next);
    if (!version.empty() && next > i + 1) {
      at = next;
      return version;
    }
    if (!is_number(words[i]) && !is_one_of(words[i], between)) break;
  }
  return {};
}

// Whether later versions are allowed: said in the words behind the version, up to the next licence's name.
bool or_later(const Words& words, std::size_t at) {
  for (std::size_t i = at; i < std::min(at + 16, words.size()); ++i) {
    const std::string_view word = words[i], before = words[i - 1];
    if (i > at && place_at(words, i)) return false;
    if (word == "later" && (before == "or" || before == "any")) return true;
    if ((word == "newer" || word == "higher" || word == "greater" || word == "above") && before == "or") return true;
  }
  return false;
}

// The number of a licence that there is, as SPDX spells it; "" of others.
std::string_view spdx_version(Family family, std::string_view version) {
  if (version.ends_with('+')) version.remove_suffix(1);
  if (family != Family::lgpl && (version == "1" || version == "1.0")) return "1.0";
  if (family != Family::agpl && (version == "2" || version == "2.0")) return "2.0";
  if (family == Family::lgpl && version == "2.1") return "2.1";
  return version == "3" || version == "3.0" ? "3.0" : "";
}

// "GNU GENERAL PUBLIC LICENSE Version 2, June 1991": the licence itself begins.
bool is_title(const Words& words, std::size_t behind_version) {
  static constexpr std::array<std::string_view, 4> months = {"february", "june", "november", "march"};
  return is_one_of(words[behind_version], months) ||
         (is_number(words[behind_version]) && is_one_of(words[behind_version + 1], months));
}

// "under the terms of the GNU ...", "license: GPL"
bool says_under(const Words& words, std::size_t name) {
  for (std::size_t i = name; i-- > 0 && name - i <= 5;) {
    if (words[i] == "under") return true;
  }
  return name > 0 && words[name - 1] == "license" && (name < 2 || words[name - 2] != "module");
}

struct Known {
  Family family;
  std::string_view version;
  bool later;
  std::size_t word;
};

void add(std::vector<Known>& known, const Known& one) {
  for (Known& other : known) {
    if (other.family != one.family || other.version != one.version) continue;
    other.later = other.later || one.later;
    return;
  }
  known.push_back(one);
}

bool has_family(const std::vector<Known>& known, Family family) {
  return std::any_of(known.begin(), known.end(), [&](const Known& one) { return one.family == family; });
}

}  // namespace

std::vector<Mention> find_gnu(const Words& words) {
  std::vector<Known> known, unversioned;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const char first = words.from(i)[0];
    if (first != 'l' && first != 'g' && first != 'a') continue;
    const auto place = place_at(words, i);
    if (!place) continue;
    std::size_t at = place->end;
    std::string_view version = place->version;
    if (version.empty()) version = version_behind(words, at = place->end);
    const bool behind = !version.empty();
    if (!behind) version = version_before(words, place->begin, at);
    const std::string_view spdx = spdx_version(place->family, version);
    if (!spdx.empty()) {
      add(known, {place->family, spdx, version.ends_with('+') || or_later(words, at), i});
      if (behind && is_title(words, at)) break;  // what follows speaks of itself and of its relatives
    } else if (version.empty() && says_under(words, place->begin)) {
      unversioned.push_back({place->family, place->family == Family::lgpl ? "2.0" : "1.0", true, i});
    }
    i = place->end - 1;
  }
  for (const Known& one : unversioned) {
    if (!has_family(known, one.family)) add(known, one);
  }
  std::vector<Mention> found;
  for (const Known& one : known) {
    std::string id(name_of(one.family));
    id.append("-").append(one.version).append(one.later ? "-or-later" : "-only");
    found.push_back({std::move(id), one.word});
  }
  return found;
}

}  // namespace hearth::text::licences
