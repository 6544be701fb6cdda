// SPDX-License-Identifier: Apache-2.0
// Unicode normalisation form C of text that may hold invalid bytes: these stay as they are and part the stretches.
#pragma once
#include <string>
#include <string_view>

namespace hearth::text {

std::string nfc_where_valid(std::string_view text);

}  // namespace hearth::text
