// SPDX-License-Identifier: Apache-2.0
// How merging makes each token of its own bytes, and from that whether two tokens can stand side by side in what
// merging makes of a text: they can when no merge across their border comes before the merges that made them. Tokens of
// which each two neighbours can stand so are what merging makes of the whole text, and there is only one such list: any
// merge that crossed a border would do so in the two tokens alone as well.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "lib/text/tokenizer/merge_rules.h"

namespace hearth::text {

class Derivations {
 public:
  // merge_all(bytes) gives what merging makes of bytes, by doing it.
  Derivations(const MergeRules& rules, const std::vector<std::uint32_t>& byte_ids, std::span<const Merge> merges,
              const std::vector<std::string>& tokens,
              const std::function<std::vector<std::uint32_t>(std::string_view)>& merge_all);

  enum class Kind : std::uint8_t {
    none,       // merging makes something else of its bytes
    regular,    // made by merges of ascending rank
    irregular,  // made, but a rule came to be usable after its turn: nothing is known of its neighbours here
  };
  Kind kind(std::uint32_t id) const { return kinds_[id]; }
  // Can merging ever use this rule? Of the rules that make one token only the last that merging uses for its bytes
  // alone: until a token is there, no merge has crossed its ends, so what happened between them is what happens without
  // the rest of the text.
  bool is_used(const Merge& merge, std::uint32_t rank) const {
    const Kind kind = kinds_[merge.result];
    return kind == Kind::regular ? made_[merge.result].time == rank + 1 : kind == Kind::irregular;
  }

  // Of two regular tokens: can right follow left?
  bool can_follow(const MergeRules& rules, std::uint32_t left, std::uint32_t right) const {
    return !crosses(rules, left, right, never, never, false);
  }

 private:
  static constexpr std::uint32_t never = 0xffffffffu;
  struct Made {
    std::uint32_t time = 0;  // rank + 1 of the last merge; 0: a byte
    std::uint32_t left = 0, right = 0;
  };
  bool crosses(const MergeRules& rules, std::uint32_t a, std::uint32_t b, std::uint32_t end_a, std::uint32_t end_b,
               bool but_the_whole) const;

  std::vector<Made> made_;
  std::vector<Kind> kinds_;
};

}  // namespace hearth::text
