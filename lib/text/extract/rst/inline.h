// SPDX-License-Identifier: Apache-2.0
// The text of a paragraph of reStructuredText without its inline markup: emphasis, literals, roles, references,
// substitutions.
#pragma once
#include <string>
#include <string_view>
#include <unordered_map>

namespace hearth::text::rst {

using Substitutions = std::unordered_map<std::string, std::string>;

// Lines of source become one.
std::string inline_text(std::string_view source, const Substitutions& substitutions);

}  // namespace hearth::text::rst
