// SPDX-License-Identifier: Apache-2.0
// Tokens are bytes, not characters: one may end amid a character. This holds the end of such a piece back until the
// character is whole, so that what is printed is valid UTF-8 at every moment.
#pragma once
#include <string>
#include <string_view>

namespace hearth::infer {

class Utf8Stream {
 public:
  // What can be shown now that bytes came. Bytes that no later byte can make valid become U+FFFD, one for each maximal
  // invalid piece (Unicode 15, section 3.9, "substitution of maximal subparts").
  std::string push(std::string_view bytes);

  // The end: what is still held back is an incomplete character and becomes one U+FFFD.
  std::string finish();

 private:
  std::string held_;
};

}  // namespace hearth::infer
