// SPDX-License-Identifier: Apache-2.0
// What a step decides and counts: one block for the sums over tokens, one thread for the verdict.
#include "kernels/step.h"

#include "kernels/backend.h"
#include "kernels/cuda/launch.cuh"
#include "kernels/step_judgement.h"

namespace hearth::kernels::cuda {
namespace {

constexpr int threads = 512;

struct TokenTotals {
  const int* targets;
  const float *weight, *log_prob, *log_normaliser;
  const double* normaliser;
  double* totals;
  int64_t tokens;
  float z_loss;
};

// x summed over the block in a fixed order; sm holds a number a thread. The first thread gets it.
__device__ double sum_of_block(double x, double* sm) {
  __syncthreads();
  sm[threadIdx.x] = x;
  for (int half = threads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (static_cast<int>(threadIdx.x) < half) sm[threadIdx.x] += sm[threadIdx.x + half];
  }
  return threadIdx.x == 0 ? sm[0] : 0;
}

__global__ void __launch_bounds__(threads) token_totals_kernel(TokenTotals t) {
  HEARTH_SHARED(double, threads, sums);
  double weights = 0, log_probs = 0, squares = 0;
  for (int64_t i = threadIdx.x; i < t.tokens; i += threads) {
    if (t.targets[i] < 0) continue;
    const double weight = t.weight[i], normaliser = t.log_normaliser[i];
    weights += weight;
    log_probs += weight * t.log_prob[i];
    squares += weight * normaliser * normaliser;
  }
  weights = sum_of_block(weights, &sums[0]);
  log_probs = sum_of_block(log_probs, &sums[0]);
  squares = sum_of_block(squares, &sums[0]);
  if (threadIdx.x != 0) return;
  t.totals[0] += (-log_probs + t.z_loss * squares) / *t.normaliser;
  t.totals[1] += weights;
  t.totals[2] += -log_probs;
  t.totals[3] += -log_probs / *t.normaliser;
}

struct AddCounts {
  const int* counts;
  long long* total;
  __device__ void operator()(int64_t i) const { total[i] += counts[i]; }
};

struct AtLeast {
  long long* number;
  long long least;
  __device__ void operator()() const { *number = *number < least ? least : *number; }
};

template <class F>
__global__ void once_kernel(F f) {
  if (threadIdx.x == 0) f();
}

}  // namespace

void token_totals(Stream& stream, const TokenTotalsArgs& args) {
  launch(
      stream, token_totals_kernel, {1, threads},
      TokenTotals{data<const int>(args.targets), data<const float>(args.token_weight), data<const float>(args.log_prob),
                  data<const float>(args.log_normaliser), data<const double>(args.normaliser),
                  data<double>(args.totals), args.targets.n_elements(), args.z_loss});
}

void count_tokens(Stream& stream, const CountTokensArgs& args) {
  each(stream, args.counts.n_elements(), AddCounts{data<const int>(args.counts), data<long long>(args.total)});
}

void at_least(Stream& stream, const AtLeastArgs& args) {
  launch(stream, once_kernel<AtLeast>, {1, 32}, AtLeast{data<long long>(args.number), args.least});
}

void judge_step(Stream& stream, const JudgeStepArgs& args) {
  launch(stream, once_kernel<StepJudgement>, {1, 32},
         StepJudgement{data<const double>(args.loss), data<const double>(args.squares), data<double>(args.state),
                       data<double>(args.steps), data<double>(args.control), data<double>(args.report),
                       args.learning_rate, args.clip, args.beta1, args.beta2});
}

void move_selection_bias(Stream& stream, const MoveSelectionBiasArgs& args) {
  launch(stream, once_kernel<SelectionBiasMove>, {1, 32},
         SelectionBiasMove{data<const std::int64_t>(args.counts), data<float>(args.bias),
                           data<const double>(args.control), args.gamma, args.counts.n_elements()});
}

}  // namespace hearth::kernels::cuda
