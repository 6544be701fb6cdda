// SPDX-License-Identifier: Apache-2.0
// A document's id and its split: functions of the document alone, so equal on every machine and for any thread count.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "formats/documents.h"
#include "lib/base/digest.h"

namespace hearth::text {

// 32 hexadecimal digits: 16 of the path, 16 of the text. Line numbers have no part in it: a record of a JSONL file
// keeps its id when lines are put in before it.
std::string document_id(std::uint64_t path_hash, const Hash128& text_hash);
std::uint64_t hash_path(std::string_view path);  // always even: tables keep a flag in the last bit
Hash128 hash_text(std::string_view text);        // white space at both ends does not count

struct SplitFractions {
  double validation = 0.01, test = 0.01;
};

// Drawn from the text and the seed, so that equal texts would fall on the same side whatever their names. Raising the
// test fraction takes documents from train alone, and so does raising the validation fraction.
formats::Split choose_split(const Hash128& text_hash, std::uint64_t seed, const SplitFractions& fractions);

}  // namespace hearth::text
