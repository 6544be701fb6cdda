// SPDX-License-Identifier: Apache-2.0
// What LaTeX's commands mean for the text: characters, accents, and how many arguments of a command are not text.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace hearth::text::latex {

// Of "ldots", "ss", "textbackslash", ...: the characters; nothing for other commands.
std::optional<std::string_view> symbol(std::string_view command);

// The combining character of an accent ("'", "c", "v"), or "".
std::string_view accent(std::string_view command);

// How many arguments in braces a command takes that are no text: 1 for \label, 2 for \setlength; -1: not known.
int hidden_arguments(std::string_view command);

// 1 to 6 for \chapter to \subparagraph; 0 for other commands.
int heading_level(std::string_view command);

enum class Environment : unsigned char { text, math, verbatim, hidden, itemize, enumerate, description, table };
Environment environment(std::string_view name);  // text for those that are not known

}  // namespace hearth::text::latex
