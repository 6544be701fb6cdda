// SPDX-License-Identifier: Apache-2.0
// One sequence, continued token by token.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "lib/infer/language_model.h"

namespace hearth::infer {

struct Sampling {
  float temperature = 1;  // 0: always the likeliest token
  int top_k = 0;          // only the k likeliest; 0: all
  float top_p = 1;        // of these, the fewest whose probabilities reach top_p; 1: all
  std::uint64_t seed = 1;
  std::uint32_t n_ids = 0;  // only ids below it (a vocabulary may be padded beyond its tokenizer's); 0: all
};

enum class Finish { length, stop_token, cancelled };
std::string_view name_of(Finish finish);  // "length", "stop", "cancelled"

struct Generated {
  std::vector<std::uint32_t> ids;  // without the stop token
  Finish finish = Finish::length;
};

// Draws up to max_new_tokens after prompt (at least one token). on_token sees each as it comes and returns whether to
// go on. Beyond model.max_tokens() the oldest tokens are forgotten. The same arguments give the same tokens.
Generated generate(LanguageModel& model, Stream& stream, const std::vector<std::uint32_t>& prompt,
                   std::int64_t max_new_tokens, const Sampling& sampling, const std::vector<std::uint32_t>& stop_ids,
                   const std::function<bool(std::uint32_t id)>& on_token);

}  // namespace hearth::infer
