// SPDX-License-Identifier: Apache-2.0
// Which of the GNU licences a notice speaks of, in which version, and whether later versions will do: notices name them
// in too many ways for a table of phrases ("GPLv2+", "version 2 of the GNU General Public License, or (at your option)
// any later version"). The bare text of a licence, which does not say, counts as that version only.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "lib/text/licences/words.h"

namespace hearth::text::licences {

// A licence named at a word.
struct Mention {
  std::string id;
  std::size_t word = 0;
};

// In the order of the text, each licence once. A licence without a version counts ("GPL-1.0-or-later") when the notice
// says it is under that licence and names no version elsewhere.
std::vector<Mention> find_gnu(const Words& words);

}  // namespace hearth::text::licences
