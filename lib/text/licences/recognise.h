// SPDX-License-Identifier: Apache-2.0
// Under which licence a text says it is: by its SPDX tag, by the name of a licence in a notice, or by the licence's own
// text. Told by short phrases that distinguish licences (phrases.cpp), so wrong where a text only talks about one.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/text/licences/gnu.h"
#include "lib/text/licences/phrases.h"
#include "lib/text/licences/words.h"

namespace hearth::text::licences {

// "All rights reserved" and not a word of what is allowed. Weak: the licence of the file's folder goes before it.
constexpr std::string_view all_rights_reserved = "LicenseRef-All-Rights-Reserved";
constexpr std::string_view proprietary = "LicenseRef-Proprietary";  // said to be confidential

class Recogniser {
 public:
  Recogniser();

  // An SPDX expression, or "" when nothing is recognised, or more than four licences (a table of them, not a notice).
  // Several are joined by OR where the text offers a choice, else by AND. Linear in text, which is a document's head.
  std::string find(std::string_view text) const;

 private:
  struct Seen {
    std::vector<Mention> named;
    Parts parts = 0;
  };
  Seen look(const Words& words) const;

  std::unordered_map<std::string_view, std::vector<std::uint32_t>> by_first_word_;  // names, then parts
  std::vector<bool> may_begin_;                                                     // by the hash of two letters
};

}  // namespace hearth::text::licences
