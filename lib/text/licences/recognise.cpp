// SPDX-License-Identifier: Apache-2.0
#include "lib/text/licences/recognise.h"

#include <string.h>

#include <algorithm>
#include <array>
#include <utility>

#include "lib/text/file_type.h"

namespace hearth::text::licences {
namespace {

constexpr std::size_t most_licences = 4;

std::size_t key_of(std::string_view word) {
  const auto second = static_cast<unsigned char>(word.size() > 1 ? word[1] : 0);
  return (static_cast<unsigned char>(word[0]) * 64u + second) % 4096;
}

bool has(std::string_view text, std::string_view part) {
  return memmem(text.data(), text.size(), part.data(), part.size()) != nullptr;
}

// Whether it is worth looking: the words of which every notice has one.
bool may_have_notice(std::string_view text) {
  static constexpr std::array<std::string_view, 9> parts = {
      "icens", "icenc", "ICENS", "opyright", "OPYRIGHT", "ermission", "ublic domain", "onfidential", "GPL"};
  return std::any_of(parts.begin(), parts.end(), [&](std::string_view part) { return has(text, part); });
}

void add(std::vector<Mention>& found, std::string_view id, std::size_t word) {
  for (const Mention& one : found) {
    if (one.id == id) return;
  }
  found.push_back({std::string(id), word});
}

void remove(std::vector<Mention>& found, std::string_view id) {
  std::erase_if(found, [&](const Mention& one) { return one.id == id; });
}

bool contains(const std::vector<Mention>& found, std::string_view id) {
  return std::any_of(found.begin(), found.end(), [&](const Mention& one) { return one.id == id; });
}

// The exception to a GNU licence that the text grants.
std::string_view exception_of(Parts parts) {
  if (parts & bit(Part::classpath)) return " WITH Classpath-exception-2.0";
  if (parts & bit(Part::gcc_runtime)) return " WITH GCC-exception-3.1";
  if (parts & bit(Part::bison_skeleton)) return " WITH Bison-exception-2.2";
  if (parts & bit(Part::libtool_script)) return " WITH Libtool-exception";
  return parts & bit(Part::system_calls) ? " WITH Linux-syscall-note" : "";
}

// Names that say less than others beside them.
void drop_implied(std::vector<Mention>& found) {
  const bool tri_licence = contains(found, "MPL-1.1 OR GPL-2.0-or-later OR LGPL-2.1-or-later");
  if (contains(found, "Apache-2.0 WITH LLVM-exception")) remove(found, "Apache-2.0");
  if (tri_licence) {
    std::erase_if(found, [](const Mention& one) {
      return one.id == "MPL-1.1" || one.id.starts_with("GPL-2.0") || one.id.starts_with("LGPL-2");
    });
  }
  if (found.size() > 1) remove(found, "LicenseRef-Public-Domain");
  for (const std::string_view text : {"X11", "MIT-0", "JSON", "MIT-open-group"}) {
    if (contains(found, text)) remove(found, "MIT");
  }
}

std::string joined(const std::vector<Mention>& found, bool choice) {
  std::string expression;
  for (const Mention& one : found) {
    const bool inner_or = one.id.find(" OR ") != std::string::npos && !choice && found.size() > 1;
    if (!expression.empty()) expression += choice ? " OR " : " AND ";
    expression += inner_or ? "(" + one.id + ")" : one.id;
  }
  return expression;
}

}  // namespace

Recogniser::Recogniser() : may_begin_(4096, false) {
  std::uint32_t index = 0;
  const auto enter = [&](std::string_view phrase) {
    const std::string_view first = phrase.substr(0, phrase.find(' '));
    by_first_word_[first].push_back(index++);
    may_begin_[key_of(first)] = true;
  };
  for (const Name& name : names()) enter(name.phrase);
  for (const PartPhrase& part : part_phrases()) enter(part.phrase);
}

Recogniser::Seen Recogniser::look(const Words& words) const {
  Seen seen;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (!may_begin_[key_of(word)]) continue;
    const auto phrases = by_first_word_.find(word);
    if (phrases == by_first_word_.end()) continue;
    for (const std::uint32_t index : phrases->second) {
      if (index < names().size()) {
        if (words.match(i, names()[index].phrase)) add(seen.named, names()[index].id, i);
      } else if (const PartPhrase& part = part_phrases()[index - names().size()]; words.match(i, part.phrase)) {
        seen.parts |= bit(part.part);
      }
    }
  }
  return seen;
}

std::string Recogniser::find(std::string_view text) const {
  if (std::string tag = spdx_license(text); !tag.empty()) return tag;
  if (!may_have_notice(text)) return {};
  const Words words(text);
  auto [found, parts] = look(words);
  for (const TextRule& rule : text_rules()) {
    if ((parts & rule.all) == rule.all && (parts & rule.none) == 0) add(found, rule.id, words.size());
  }
  if (!(parts & bit(Part::secondary))) {
    for (const Mention& gnu : find_gnu(words)) add(found, gnu.id + std::string(exception_of(parts)), gnu.word);
  }
  drop_implied(found);
  std::stable_sort(found.begin(), found.end(), [](const Mention& a, const Mention& b) { return a.word < b.word; });
  if (found.size() > most_licences) return {};
  if (!found.empty()) return joined(found, parts & bit(Part::choice));
  if (parts & bit(Part::confidential)) return std::string(proprietary);
  return (parts & bit(Part::reserved)) && !(parts & bit(Part::grant)) ? std::string(all_rights_reserved)
                                                                      : std::string();
}

}  // namespace hearth::text::licences
