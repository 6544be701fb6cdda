// SPDX-License-Identifier: Apache-2.0
// What a training step decides and counts, where the numbers lie: so that the host waits for nothing inside a step.
//
//   token_totals   over tokens with a target, w = token_weight, p = log_prob, l = log_normaliser:
//                  totals += {(sum of -w p + z_loss * sum of w l^2) / normaliser, sum of w, sum of -w p,
//                             (sum of -w p) / normaliser}
//   count_tokens   total[e] += counts[e]
//   at_least       number = max(number, least)
//   judge_step     from the step's loss and its gradient's sum of squares: whether to take the step, and how far
//     norm      = sqrt(squares)
//     verdict   = StepVerdict; outliers are values above the mean of the last 128 taken steps by more than six standard
//                 deviations (at least half a percent of the loss; 0.25 of the norm's logarithm), once there are 64
//     control   = {taken (1 or 0), min(1, clip / norm), learning_rate, optimiser steps with this one,
//                  1 / (1 - beta1^steps), 1 / (1 - beta2^steps)}: what adamw and muon take as `control`
//     state     is updated: only taken steps enter the window
//   move_selection_bias   loss-free balancing (Wang et al. 2024), where control says that the step is taken:
//                  bias += gamma * (s - mean(s)), s[e] = sign(mean(counts) - counts[e])
//
// Detectors of this kind: llm.c's, OLMo's. dtypes: totals, state, control and report f64, counts of steps i64.
// Determinism: sums of token_totals in order on the host, in blocks cut by shape alone on a device.
// Errors: Error{internal} for shapes that do not fit.
#pragma once
#include "lib/base/tensor.h"
#include "lib/device/device.h"

namespace hearth::kernels {

struct TokenTotalsArgs {
  Tensor targets;                   // [tokens] i32, negative: none
  Tensor token_weight;              // [tokens] f32
  Tensor log_prob, log_normaliser;  // [tokens] f32
  Tensor normaliser;                // [1] f64
  float z_loss = 0;
  Tensor totals;  // [4] f64, added to
};
void token_totals(Stream& stream, const TokenTotalsArgs& args);

struct CountTokensArgs {
  Tensor counts;  // [experts] i32
  Tensor total;   // [experts] i64, added to
};
void count_tokens(Stream& stream, const CountTokensArgs& args);

struct AtLeastArgs {
  Tensor number;  // [1] i64, updated
  std::int64_t least = 0;
};
void at_least(Stream& stream, const AtLeastArgs& args);

enum class StepVerdict { taken, loss_not_finite, gradient_not_finite, loss_outlier, gradient_outlier };

// Where in judge_step's tensors what stands.
struct StepState {
  static constexpr std::int64_t window = 128;
  static constexpr std::int64_t accepted = 0, skipped_in_a_row = 1, losses = 2, log_norms = losses + window;
  static constexpr std::int64_t size = log_norms + window;  // rings: value i of the run lies at i % window
};
struct StepControl {
  static constexpr std::int64_t taken = 0, gradient_scale = 1, learning_rate = 2, steps = 3, correction1 = 4,
                                correction2 = 5, size = 6;
};
struct StepReport {
  static constexpr std::int64_t loss = 0, gradient_norm = 1, verdict = 2, skipped_in_a_row = 3, steps = 4, size = 5;
};

struct JudgeStepArgs {
  Tensor loss, squares;  // [1] f64 each
  Tensor state;          // [StepState::size] f64, updated; zeros at first
  Tensor steps;          // [1] f64, updated: optimiser steps taken
  double learning_rate = 0;
  double clip = 0;  // 0: no clipping
  double beta1 = 0.9, beta2 = 0.95;
  Tensor control;  // [StepControl::size] f64, out
  Tensor report;   // [StepReport::size] f64, out
};
void judge_step(Stream& stream, const JudgeStepArgs& args);

struct MoveSelectionBiasArgs {
  Tensor counts;        // [experts] i64
  Tensor bias;          // [experts] f32, updated
  Tensor control = {};  // judge_step's, or none: taken
  float gamma = 0;
};
void move_selection_bias(Stream& stream, const MoveSelectionBiasArgs& args);

}  // namespace hearth::kernels
