// SPDX-License-Identifier: Apache-2.0
// The router: a warp takes a token, its scores lie in shared memory, and the k best are found in k rounds.
#include <cfloat>

#include "kernels/backend.h"
#include "kernels/cuda/rows.cuh"

namespace hearth::kernels::cuda {
namespace {

constexpr int tokens_per_block = 4, threads = tokens_per_block * warp;

__device__ __forceinline__ int lane_id() {
  return static_cast<int>(threadIdx.x) % warp;
}

// The index of the greatest value, the lowest among equals; values of -infinity are not taken. All lanes get it.
__device__ int best_of(const float* values, int n) {
  float best = -INFINITY;
  int at = n;
  for (int i = lane_id(); i < n; i += warp) {
    if (values[i] > best) best = values[i], at = i;
  }
  for (int lanes = 16; lanes > 0; lanes /= 2) {
    const float other = __shfl_xor_sync(~0u, best, lanes);
    const int other_at = __shfl_xor_sync(~0u, at, lanes);
    if (other > best || (other == best && other_at < at)) best = other, at = other_at;
  }
  return at;
}

// Takes a value out of what best_of may choose.
__device__ void strike(float* values, int i) {
  __syncwarp();
  if (lane_id() == 0) values[i] = -INFINITY;
  __syncwarp();
}

// Strikes all experts but those of the best groups.
__device__ void keep_best_groups(float* choice, float* ranks, int experts, int groups, int groups_kept) {
  const int size = experts / groups;
  for (int group = lane_id(); group < groups; group += warp) {
    float first = -FLT_MAX, second = -FLT_MAX;
    for (int i = group * size; i < (group + 1) * size; ++i) {
      if (choice[i] > first)
        second = first, first = choice[i];
      else if (choice[i] > second)
        second = choice[i];
    }
    ranks[group] = fmaxf(size > 1 ? first + second : first, -FLT_MAX);
  }
  __syncwarp();
  for (int kept = 0; kept < groups_kept; ++kept) {
    const int group = best_of(ranks, groups);
    __syncwarp();
    if (lane_id() == 0) ranks[group] = NAN;  // kept: never the greatest again, and not -infinity
    __syncwarp();
  }
  for (int i = lane_id(); i < experts; i += warp) {
    if (ranks[i / size] == ranks[i / size]) choice[i] = -INFINITY;
  }
  __syncwarp();
}

__device__ float log_sum_exp(const float* logits, int n) {
  float greatest = -INFINITY, sum = 0;
  for (int i = lane_id(); i < n; i += warp) greatest = fmaxf(greatest, logits[i]);
  greatest = warp_max(greatest);
  for (int i = lane_id(); i < n; i += warp) sum += expf(logits[i] - greatest);
  return greatest + logf(warp_sum(sum));
}

struct Forward {
  const float *logits, *bias;
  float* scores;
  int* expert_ids;
  float* weights;
  int* counts;
  int64_t tokens;
  int experts, k;
  RouterOptions options;
};

__global__ void __launch_bounds__(threads) router_kernel(Forward f) {
  HEARTH_DYNAMIC_SHARED(float, shared);
  const int64_t token = static_cast<int64_t>(blockIdx.x) * tokens_per_block + threadIdx.x / warp;
  if (token >= f.tokens) return;
  const int lane = lane_id();
  float* choice = shared + threadIdx.x / warp * (f.experts + f.options.groups);
  const float* logits = f.logits + token * f.experts;
  float* scores = f.scores + token * f.experts;
  const bool softmax = f.options.score == RouterScore::softmax;
  const float log_sum = softmax ? log_sum_exp(logits, f.experts) : 0;
  for (int e = lane; e < f.experts; e += warp) {
    const float score = softmax ? expf(logits[e] - log_sum) : 1 / (1 + expf(-logits[e]));
    scores[e] = score;
    const float value = score + (f.bias != nullptr ? f.bias[e] : 0.0f);
    choice[e] = fmaxf(value, -FLT_MAX);  // also where it is NaN
  }
  __syncwarp();
  if (f.options.groups > 1)
    keep_best_groups(choice, choice + f.experts, f.experts, f.options.groups, f.options.groups_kept);
  float sum = 1e-20f;
  for (int i = 0; i < f.k; ++i) {
    const int e = best_of(choice, f.experts);
    strike(choice, e);
    sum += scores[e];
    if (lane == 0) {
      f.expert_ids[token * f.k + i] = e;
      atomicAdd(&f.counts[e], 1);
    }
  }
  __syncwarp();
  for (int i = lane; i < f.k; i += warp) {
    const int64_t at = token * f.k + i;
    f.weights[at] = f.options.scale * scores[f.expert_ids[at]] / (f.options.renormalise ? sum : 1.0f);
  }
}

// f_counts[s, e] += tokens of sequence s whose k best scores include e.
__device__ int64_t sequence_of(const int* cu_seqlens, int64_t n_sequences, int64_t token) {
  int64_t low = 0, high = n_sequences;  // the last that starts at or before token
  while (high - low > 1) {
    const int64_t middle = (low + high) / 2;
    cu_seqlens[middle] <= token ? low = middle : high = middle;
  }
  return low;
}

__global__ void __launch_bounds__(threads) count_best_scores(const float* scores, const int* cu_seqlens, int* f_counts,
                                                             int64_t tokens, int64_t n_sequences, int experts, int k) {
  HEARTH_DYNAMIC_SHARED(float, shared);
  const int64_t token = static_cast<int64_t>(blockIdx.x) * tokens_per_block + threadIdx.x / warp;
  if (token >= tokens) return;
  float* choice = shared + threadIdx.x / warp * experts;
  for (int e = lane_id(); e < experts; e += warp) {
    const float score = scores[token * experts + e];
    choice[e] = fmaxf(score, -FLT_MAX);
  }
  __syncwarp();
  const int64_t sequence = sequence_of(cu_seqlens, n_sequences, token);
  for (int i = 0; i < k; ++i) {
    const int e = best_of(choice, experts);
    strike(choice, e);
    if (lane_id() == 0) atomicAdd(&f_counts[sequence * experts + e], 1);
  }
}

struct Backward {
  const float *logits, *scores;
  const int* expert_ids;
  const float* d_weights;
  const int *cu_seqlens, *f_counts;
  float* d_logits;
  float *balance, *z;  // [tokens]: each token's part of the losses
  int64_t tokens, n_sequences;
  int experts, k;
  RouterOptions options;
  float balance_coefficient, z_coefficient;
  const float* coefficients;  // instead of the two, or none

  __device__ float balance_factor() const { return coefficients != nullptr ? coefficients[0] : balance_coefficient; }
  __device__ float z_factor() const { return coefficients != nullptr ? coefficients[1] : z_coefficient; }

  // d_score of the chosen, through the renormalisation.
  __device__ void weights_backward(int64_t token, const float* score, float* d_score) const {
    float sum = 1, dot = 0;
    if (options.renormalise) {
      sum = 1e-20f;
      for (int64_t i = token * k; i < (token + 1) * k; ++i) {
        sum += score[expert_ids[i]];
        dot += d_weights[i] * score[expert_ids[i]];
      }
    }
    const float mean = options.renormalise ? dot / sum : 0;
    __syncwarp();
    for (int64_t i = token * k + lane_id(); i < (token + 1) * k; i += warp)
      d_score[expert_ids[i]] = options.scale * (d_weights[i] - mean) / sum;
    __syncwarp();
  }

  // Adds the balance loss's derivative; returns the token's part of the loss.
  __device__ float balance_backward(int64_t token, const float* score, float* d_score) const {
    const int64_t sequence = sequence_of(cu_seqlens, n_sequences, token);
    const float length = static_cast<float>(cu_seqlens[sequence + 1] - cu_seqlens[sequence]);
    const int* counts = f_counts + sequence * experts;
    const float unit = static_cast<float>(experts) / (static_cast<float>(k) * length);
    float sum = 0, dot = 0;
    for (int e = lane_id(); e < experts; e += warp) {
      sum += score[e];
      dot += unit * static_cast<float>(counts[e]) * score[e];
    }
    sum = warp_sum(sum);
    const float average = warp_sum(dot) / sum, factor = balance_factor();
    for (int e = lane_id(); e < experts; e += warp)
      d_score[e] += factor * (unit * static_cast<float>(counts[e]) - average) / sum;
    __syncwarp();
    return factor * average;
  }
};

__global__ void __launch_bounds__(threads) router_backward_kernel(Backward b) {
  HEARTH_DYNAMIC_SHARED(float, shared);
  const int64_t token = static_cast<int64_t>(blockIdx.x) * tokens_per_block + threadIdx.x / warp;
  if (token >= b.tokens) return;
  float* d_score = shared + threadIdx.x / warp * b.experts;
  const int64_t base = token * b.experts;
  const float *score = b.scores + base, *logits = b.logits + base;
  for (int e = lane_id(); e < b.experts; e += warp) d_score[e] = 0;
  b.weights_backward(token, score, d_score);
  const float balance = b.balance_coefficient != 0 ? b.balance_backward(token, score, d_score) : 0;
  const float log_sum = log_sum_exp(logits, b.experts), z_factor = b.z_factor();
  float dot = 0;
  for (int e = lane_id(); e < b.experts; e += warp) dot += d_score[e] * score[e];
  dot = warp_sum(dot);
  for (int e = lane_id(); e < b.experts; e += warp) {
    const float d = b.options.score == RouterScore::softmax ? score[e] * (d_score[e] - dot)
                                                            : d_score[e] * score[e] * (1 - score[e]);
    b.d_logits[base + e] = d + 2 * z_factor * log_sum * expf(logits[e] - log_sum);
  }
  if (lane_id() != 0) return;
  b.balance[token] = balance;
  b.z[token] = z_factor * log_sum * log_sum;
}

// losses = the sums of balance and z, in a fixed order. One block.
__global__ void __launch_bounds__(256) add_losses(const float* balance, const float* z, float* losses, int64_t tokens) {
  HEARTH_SHARED(float, 8, parts);
  float first = 0, second = 0;
  for (int64_t i = threadIdx.x; i < tokens; i += 256) first += balance[i], second += z[i];
  first = block_sum<256>(first, &parts[0]);
  second = block_sum<256>(second, &parts[0]);
  if (threadIdx.x == 0) losses[0] = first, losses[1] = second;
}

Shape3 by_tokens(int64_t tokens, int64_t floats_per_token) {
  return {static_cast<unsigned>(ceil_div(tokens, tokens_per_block)), threads,
          tokens_per_block * static_cast<std::size_t>(floats_per_token) * sizeof(float)};
}

}  // namespace

void router(Stream& stream, const RouterArgs& args) {
  const int64_t tokens = args.logits.shape[0], experts = args.logits.shape[1];
  const Forward f{data<const float>(args.logits),
                  data<const float>(args.selection_bias),
                  data<float>(args.scores),
                  data<int>(args.expert_ids),
                  data<float>(args.weights),
                  data<int>(args.counts),
                  tokens,
                  static_cast<int>(experts),
                  static_cast<int>(args.expert_ids.shape[1]),
                  args.options};
  launch(stream, router_kernel, by_tokens(tokens, experts + args.options.groups), f);
}

std::size_t router_backward_scratch(int64_t tokens, int64_t sequences, int64_t experts) {
  return static_cast<std::size_t>(2 * tokens + sequences * experts) * sizeof(float);
}

void router_backward(Stream& stream, const RouterBackwardArgs& args) {
  const int64_t tokens = args.logits.shape[0], experts = args.logits.shape[1];
  const bool balances = args.balance_coefficient != 0;
  const int64_t n_sequences = balances ? args.cu_seqlens.shape[0] - 1 : 0;
  const int k = static_cast<int>(args.expert_ids.shape[1]), n_experts = static_cast<int>(experts);
  std::byte* scratch = stream.state<State>().scratch(router_backward_scratch(tokens, n_sequences, experts));
  auto* balance = reinterpret_cast<float*>(scratch);
  auto* f_counts = reinterpret_cast<int*>(balance + 2 * tokens);
  if (balances) {
    stream.zero(Tensor(f_counts, {n_sequences * experts}));
    launch(stream, count_best_scores, by_tokens(tokens, experts), data<const float>(args.scores),
           data<const int>(args.cu_seqlens), f_counts, tokens, n_sequences, n_experts, k);
  }
  const Backward b{data<const float>(args.logits),
                   data<const float>(args.scores),
                   data<const int>(args.expert_ids),
                   data<const float>(args.d_weights),
                   data<const int>(args.cu_seqlens),
                   f_counts,
                   data<float>(args.d_logits),
                   balance,
                   balance + tokens,
                   tokens,
                   n_sequences,
                   n_experts,
                   k,
                   args.options,
                   args.balance_coefficient,
                   args.z_coefficient,
                   data<const float>(args.coefficients)};
  launch(stream, router_backward_kernel, by_tokens(tokens, experts), b);
  launch(stream, add_losses, {1, 256}, balance, balance + tokens, data<float>(args.losses), tokens);
}

}  // namespace hearth::kernels::cuda
