// SPDX-License-Identifier: Apache-2.0
// One form for equal texts, changing no meaning: what a reader sees stays, spaces and tabs included, in code and prose.
//   Line ends: CR LF and lone CR become LF; a vertical tab too.
//   Control characters: tab, line feed and form feed stay. Terminal escape sequences go, as do overstrikes of printed
//     manuals (X BS X and _ BS X leave X) and all other C0 controls, NUL and DEL. C1 controls (U+0080 to U+009F), which
//     come from Windows-1252 taken for Latin-1, become the characters meant; the five that mean none go.
//   Unicode: Normalization Form C (Unicode Standard Annex 15, by utf8proc).
#pragma once
#include <string>
#include <string_view>

namespace hearth::text {

struct Repairs {
  bool line_ends = false, controls = false, composed = false;  // what was changed
};

// text must be valid UTF-8, and stays so. Costs one pass when there is nothing to change.
std::string normalize(std::string text, Repairs& repairs);

// NFC of valid UTF-8. Only the surroundings of characters that normalisation may change are looked at closely.
std::string compose(std::string text);

// True for characters that no normalisation changes or moves or joins to what stands before them. Conservative: a
// false may be one too.
bool is_stable_character(char32_t code_point);

}  // namespace hearth::text
