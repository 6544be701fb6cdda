// SPDX-License-Identifier: Apache-2.0
// The commonest words of languages, by which Gopher tells running text from lists of words.
#pragma once
#include <string_view>
#include <vector>

#include "lib/text/quality/words.h"

namespace hearth::text {

// Eight words; English has those Gopher published, the others their most frequent articles, conjunctions and
// prepositions. Empty for languages there is no list for. language: ISO 639-1.
std::string_view stop_words(std::string_view language);  // separated by spaces

// How many of the list's words are among words (their hashes, as of words.h), each counted once.
int count_stop_words(std::string_view list, const std::vector<Word>& words);

}  // namespace hearth::text
