// SPDX-License-Identifier: Apache-2.0
// Unicode normalisation form C of text that may hold invalid bytes: these stay as they are and part the stretches.
#pragma once
#include <string>
#include <string_view>

namespace hearth::text {

std::string nfc_where_valid(std::string_view text);

// True where nfc_where_valid(text) is text: of characters alone that NFC neither changes, moves nor joins to others.
// False does not mean that it would change. Some gigabytes a second where text is ASCII, most texts are stable.
bool is_nfc_stable(std::string_view text);

}  // namespace hearth::text
