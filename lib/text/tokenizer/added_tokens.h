// SPDX-License-Identifier: Apache-2.0
// Finds added tokens in text: leftmost first, of those that begin at one place the longest.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/text/tokenizer/tokenizer_json.h"

namespace hearth::text {

class AddedTokenFinder {
 public:
  AddedTokenFinder() = default;
  // Of the tokens with this `normalized`, all, or only those that are not special.
  AddedTokenFinder(const std::vector<AddedToken>& tokens, bool normalized, bool special_too) {
    for (const AddedToken& token : tokens) {
      if (token.normalized == normalized && (special_too || !token.special)) tokens_.push_back(token);
    }
    std::stable_sort(tokens_.begin(), tokens_.end(),
                     [](const AddedToken& a, const AddedToken& b) { return a.content.size() > b.content.size(); });
    for (const AddedToken& token : tokens_) begins_[static_cast<unsigned char>(token.content[0])] = true;
  }

  // Calls on_token(id) for each token found and on_text(stretch) for what is not empty between them, in order.
  template <class OnToken, class OnText>
  void split(std::string_view text, OnToken on_token, OnText on_text) const {
    std::size_t done = 0;
    for (std::size_t i = 0; !tokens_.empty() && i < text.size();) {
      const AddedToken* token = begins_[static_cast<unsigned char>(text[i])] ? at(text.substr(i)) : nullptr;
      if (token == nullptr) {
        ++i;
        continue;
      }
      if (i > done) on_text(text.substr(done, i - done));
      on_token(token->id);
      done = i += token->content.size();
    }
    if (done < text.size()) on_text(text.substr(done));
  }

 private:
  const AddedToken* at(std::string_view text) const {
    for (const AddedToken& token : tokens_) {
      if (text.starts_with(token.content)) return &token;
    }
    return nullptr;
  }

  std::vector<AddedToken> tokens_;  // longest first
  std::array<bool, 256> begins_{};
};

}  // namespace hearth::text
