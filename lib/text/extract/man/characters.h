// SPDX-License-Identifier: Apache-2.0
// The escapes of roff that stand for characters, motions and fonts (groff(7), groff_char(7)), as the text they print.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace hearth::text::man {

// The place behind so many characters of UTF-8 from at on, or the end of source.
std::size_t behind_characters(std::string_view source, std::size_t at, int n);

// The name of what an escape selects, at source[at] behind its letter: "x", "(xx" or "[name]". Moves at behind it.
std::string_view selected_name(std::string_view source, std::size_t& at);

// The character of \(name or \[name]: UTF-8; "" for one that is not known.
std::string character(std::string_view name);

// What source prints, all escapes resolved but those that strings, registers and macros replace before. Drops fonts,
// sizes and motions. ends_joined becomes true when the line ends in \c: what follows goes on without a space.
std::string printed(std::string_view source, bool* ends_joined = nullptr);

}  // namespace hearth::text::man
