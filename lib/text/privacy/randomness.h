// SPDX-License-Identifier: Apache-2.0
// Whether a string looks drawn at random rather than written: what a key is, and an identifier or a path is not.
#pragma once
#include <string_view>

namespace hearth::text::privacy {

double entropy_bits(std::string_view value);  // per character (Shannon), of the bytes' frequencies
bool all_hex(std::string_view value);

// Small letters, capitals and digits mixed as in random base64: words and camel case change class far less often.
bool looks_random_base64(std::string_view value);
// Hexadecimal digits, of both sorts, without an obvious pattern (entropy of at least 3 bits).
bool looks_random_hex(std::string_view value);
// Either of them, or small letters (or capitals) and digits mixed: enough where a name says that it is a key.
bool looks_random_token(std::string_view value);

}  // namespace hearth::text::privacy
