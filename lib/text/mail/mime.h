// SPDX-License-Identifier: Apache-2.0
// The structure of a mail: header fields, parts, and what their encodings hide. RFC 5322 (fields), 2045 and 2046
// (parts), 2047 (encoded words), 2231 (long parameters), 3676 (flowed text). Anything is accepted: what is malformed is
// text.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hearth::text {

struct MimePart {
  std::vector<std::pair<std::string, std::string>> fields;  // names in lower case, values unfolded, not decoded
  std::string type = "text/plain";                          // lower case
  std::string charset;                                      // as written, of text parts
  std::string file_name;                                    // decoded; of an attachment, if it has one
  bool is_attachment = false;
  bool flowed = false, flowed_delsp = false;
  std::string_view body;        // encoded as it stands in the message
  std::vector<MimePart> parts;  // of a multipart

  // The value of the first such field, or "". name in lower case.
  std::string_view field(std::string_view name) const;
};

// Views point into message, which must outlive the result. Multiparts nested deeper than 20 and parts beyond 1000 are
// left as text.
MimePart parse_mime(std::string_view message);

// The bytes that the part's transfer encoding (base64, quoted-printable, uuencode or none) hides.
std::string decoded_body(const MimePart& part);

// Text of a header field as UTF-8: encoded words decoded, white space between two of them dropped.
std::string decode_words(std::string_view value);

// Bytes in the charset a mail names, as UTF-8; what cannot be read in it becomes U+FFFD. Without a charset or with an
// unknown one the bytes tell, as of any file.
std::string from_charset(std::string bytes, std::string_view charset);

}  // namespace hearth::text
