// SPDX-License-Identifier: Apache-2.0
// One token id a row from its logits.
//
//   temperature 0: the greatest logit, the lower index among equals. Otherwise p = softmax(logits / temperature), cut
//   to the top_k greatest (0: all), then to the fewest greatest whose sum reaches top_p (1: all; the cut's order puts
//   the lower index first among equals), renormalised, and drawn by inverting the cumulative sum at u. u is draw
//   draws[r] of Philox stream streams[r] under seed: it depends on neither the row nor its neighbours.
//
// dtypes: logits f32; sums f64. log_prob is that of the chosen token under softmax(logits), before temperature and
// cuts. Same bits each time; another backend may choose otherwise where u falls within rounding of a boundary.
// Errors: Error{internal} for shapes that do not fit; Error{data} for a row that holds a NaN or whose greatest logit is
// not finite. On a device, where nobody waits for the result, such a row has id -1 and log_prob -infinity.
#pragma once
#include <cstdint>

#include "lib/base/tensor.h"
#include "lib/device/device.h"

namespace hearth::kernels {

struct SampleArgs {
  Tensor logits;         // [rows, vocab] f32
  Tensor streams;        // [rows] i64: which random stream each row draws from
  Tensor draws;          // [rows] i64: the how manieth draw this is
  Tensor ids;            // [rows] i32, out
  Tensor log_prob = {};  // [rows] f32, out, or none
  float temperature = 1;
  int top_k = 0;
  float top_p = 1;
  std::uint64_t seed = 0;
};
void sample(Stream& stream, const SampleArgs& args);

}  // namespace hearth::kernels
