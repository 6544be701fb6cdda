// SPDX-License-Identifier: Apache-2.0
#include "lib/text/tokenizer/rank_merges.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "lib/base/error.h"

namespace hearth::text {
namespace {

int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

}  // namespace

std::string strict_base64(std::string_view text, std::string_view where) {
  const auto fail = [&]() -> Error {
    return Error(Kind::data, std::string(where) + ": not base64: '" + std::string(text.substr(0, 60)) + "'");
  };
  if (text.size() % 4 != 0) throw fail();
  std::string_view digits = text;
  for (int i = 0; i < 2 && digits.ends_with('='); ++i) digits.remove_suffix(1);
  std::string bytes;
  std::uint32_t bits = 0;
  unsigned n_bits = 0;
  for (const char c : digits) {
    const int digit = base64_digit(c);
    if (digit < 0) throw fail();
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    n_bits += 6;
    if (n_bits < 8) continue;
    n_bits -= 8;
    bytes += static_cast<char>(bits >> n_bits & 0xFF);
  }
  return bytes;
}

TokenizerFile file_of_ranks(const std::vector<std::string>& tokens, std::uint32_t first_id, std::string_view where) {
  const auto fail = [&](const std::string& what) { throw Error(Kind::data, std::string(where) + ": " + what); };
  TokenizerFile file;
  file.ignore_merges = true;
  file.tokens.resize(first_id);
  file.tokens.insert(file.tokens.end(), tokens.begin(), tokens.end());
  std::unordered_map<std::string_view, std::uint32_t> ids;  // of the strings in tokens
  ids.reserve(tokens.size());
  for (std::size_t rank = 0; rank < tokens.size(); ++rank) {
    if (tokens[rank].empty()) fail("no token has the rank " + std::to_string(rank));
    if (!ids.emplace(tokens[rank], first_id + static_cast<std::uint32_t>(rank)).second) {
      fail("the token of rank " + std::to_string(rank) + " stands there twice");
    }
  }
  for (unsigned byte = 0; byte < 256; ++byte) {
    const std::string byte_text(1, static_cast<char>(byte));
    const auto found = ids.find(byte_text);
    if (found == ids.end()) fail("no token for byte " + std::to_string(byte) + ": not byte-level BPE");
    file.byte_ids.push_back(found->second);
  }
  for (std::size_t rank = 0; rank < tokens.size(); ++rank) {
    const std::string_view token = tokens[rank];
    const std::size_t n_before = file.merges.size();
    for (std::size_t cut = 1; cut < token.size(); ++cut) {
      const auto left = ids.find(token.substr(0, cut)), right = ids.find(token.substr(cut));
      if (left == ids.end() || right == ids.end()) continue;
      file.merges.push_back({left->second, right->second, first_id + static_cast<std::uint32_t>(rank)});
    }
    std::sort(file.merges.begin() + static_cast<std::ptrdiff_t>(n_before), file.merges.end(),
              [](const Merge& a, const Merge& b) { return std::pair(a.left, a.right) < std::pair(b.left, b.right); });
  }
  return file;
}

}  // namespace hearth::text
