// SPDX-License-Identifier: Apache-2.0
// From logits to the next token.
#pragma once
#include <cstdint>
#include <span>

#include "lib/base/rng.h"

namespace hearth::infer {

struct Sampling {
  double temperature = 1;  // 0: always the likeliest token
  int top_k = 0;           // only the k likeliest tokens; 0: all
  double top_p = 1;        // of these, the fewest whose probabilities sum to at least top_p
};

// Throws Error{config} naming the option that is out of range.
void check_sampling(const Sampling& sampling);

// Draws a token id from softmax(logits / temperature), cut by top_k and then top_p. Ties go to the lower id; the result
// depends on logits, sampling and rng alone. One draw of rng a call, none at temperature 0. Throws Error{internal} when
// no logit is finite. logits: [vocab]
std::int32_t sample_token(std::span<const float> logits, const Sampling& sampling, Rng& rng);

}  // namespace hearth::infer
