// SPDX-License-Identifier: Apache-2.0
// The encodings that carry bytes through mail (RFC 2045, 2047, 2231). Decoders take anything: what does not belong is
// passed by (base64) or stands for itself.
#pragma once
#include <string>
#include <string_view>

namespace hearth::text {

std::string decode_base64(std::string_view text);
std::string decode_quoted_printable(std::string_view text);
std::string decode_q(std::string_view word);         // of encoded words: "_" is a space
std::string decode_percent(std::string_view value);  // "%C3%A9"
std::string decode_uu(std::string_view text);        // from its line "begin MODE NAME" to "end"

}  // namespace hearth::text
