// SPDX-License-Identifier: Apache-2.0
// The output layer, a chunk of tokens at a time: one product gives the logits, a block a token turns them into what is
// asked for and into their gradient, two products take that back. Only a chunk's logits ever exist.
#include "kernels/backend.h"
#include "kernels/cuda/matmul.h"
#include "kernels/cuda/rows.cuh"

namespace hearth::kernels::cuda {
namespace {

constexpr int threads = 256;

template <class T>
struct Rows {
  float* logits;  // [chunk, vocab]
  T* dz;          // [chunk, vocab], may be the logits; none: no gradient
  const int* targets;
  float *log_prob, *log_normaliser, *entropy;
  const float *token_weight, *d_log_prob, *d_log_normaliser;
  int64_t vocab;
  float softcap, z_loss;
  int64_t first;         // id of the weight's first row
  float* own = nullptr;  // [2, n] of a part of the vocabulary
  int64_t n = 0;

  __device__ float capped(float z) const { return softcap > 0 ? softcap * tanhf(z / softcap) : z; }

  // Whether the target is here, and the row it has.
  __device__ bool has(int target) const { return target >= 0 && target >= first && target - first < vocab; }

  __device__ void operator()(int64_t token, float* parts) const {
    const float* z = logits + token * vocab;
    float greatest = -INFINITY, sum = 0, weighted = 0;
    for (int64_t v = threadIdx.x; v < vocab; v += threads) greatest = fmaxf(greatest, capped(z[v]));
    greatest = block_max<threads>(greatest, parts);
    for (int64_t v = threadIdx.x; v < vocab; v += threads) {
      const float value = capped(z[v]), p = expf(value - greatest);
      sum += p;
      weighted += p * value;
    }
    sum = block_sum<threads>(sum, parts);
    const float normaliser = greatest + logf(sum);
    if (entropy != nullptr) weighted = block_sum<threads>(weighted, parts);
    const int target = targets[token];
    if (threadIdx.x == 0) {
      if (own != nullptr) {
        own[token] = has(target) ? capped(z[target - first]) : 0;
        own[n + token] = normaliser;
      }
      if (log_prob != nullptr) log_prob[token] = target >= 0 ? capped(z[target]) - normaliser : 0;
      if (log_normaliser != nullptr) log_normaliser[token] = normaliser;
      if (entropy != nullptr) entropy[token] = normaliser - weighted / sum;
    }
    if (dz != nullptr) gradient(token, target, normaliser);
  }

  __device__ void gradient(int64_t token, int target, float normaliser) const {
    float a = 0, b = 0;
    if (token_weight != nullptr) {
      const float weight = target >= 0 ? token_weight[token] : 0;
      a = -weight;
      b = 2 * z_loss * weight * normaliser;
    } else {
      a = target >= 0 ? d_log_prob[token] : 0;
      if (d_log_normaliser != nullptr) b = d_log_normaliser[token];
    }
    __syncthreads();  // the target's logit has been read: dz may be the same memory
    for (int64_t v = threadIdx.x; v < vocab; v += threads) {
      const float raw = logits[token * vocab + v], value = capped(raw), p = expf(value - normaliser);
      const float t = softcap > 0 ? value / softcap : 0;
      store(dz + token * vocab + v,
            (1 - t * t) * (a * ((target >= 0 && v == target - first ? 1.0f : 0.0f) - p) + b * p));
    }
  }
};

// The parts of the vocabulary together: what the whole says of a token, and its logits' gradient.
template <class T>
struct JoinedRows {
  Rows<T> rows;
  const float* all;  // [n_parts, 2, n]
  int n_parts;

  __device__ void operator()(int64_t token, float*) const {
    const int64_t n = rows.n;
    float greatest = -INFINITY, logit = 0, sum = 0;
    for (int part = 0; part < n_parts; ++part) {
      logit += all[2 * part * n + token];
      greatest = fmaxf(greatest, all[(2 * part + 1) * n + token]);
    }
    for (int part = 0; part < n_parts; ++part) sum += expf(all[(2 * part + 1) * n + token] - greatest);
    const float normaliser = greatest + logf(sum);
    const int target = rows.targets[token];
    if (threadIdx.x == 0) {
      if (rows.log_prob != nullptr) rows.log_prob[token] = target >= 0 ? logit - normaliser : 0;
      if (rows.log_normaliser != nullptr) rows.log_normaliser[token] = normaliser;
    }
    if (rows.dz != nullptr) rows.gradient(token, target, normaliser);
  }
};

// The operands of tokens [begin, begin + count); absent ones stay absent.
HeadArgs chunk_of(const HeadArgs& args, int64_t begin, int64_t count) {
  HeadArgs part = args;
  for (Tensor* each : {&part.hidden, &part.targets, &part.log_prob, &part.log_normaliser, &part.entropy,
                       &part.token_weight, &part.d_log_prob, &part.d_log_normaliser, &part.d_hidden}) {
    if (*each) *each = each->rows(begin, count);
  }
  return part;
}

template <class T>
void run_chunk(Stream& stream, const HeadArgs& args, std::byte* logits, std::byte* dz, const HeadExchange& exchange) {
  const int64_t tokens = args.hidden.shape[0], vocab = args.weight.shape[0];
  const Tensor z(logits, DType::f32, {tokens, vocab}), d(dz, args.hidden.dtype, {tokens, vocab});
  multiply(stream, {.a = args.hidden, .b = args.weight, .y = z, .transpose_b = true});
  Rows<T> rows{data<float>(z),
               args.d_hidden ? data<T>(d) : nullptr,
               data<const int>(args.targets),
               data<float>(args.log_prob),
               data<float>(args.log_normaliser),
               data<float>(args.entropy),
               data<const float>(args.token_weight),
               data<const float>(args.d_log_prob),
               data<const float>(args.d_log_normaliser),
               vocab,
               args.softcap,
               args.z_loss,
               args.part.first};
  if (!args.part.gather) {
    each_row<threads>(stream, tokens, rows);
  } else {
    Rows<T> part = rows;  // of itself it knows its statistics only
    part.dz = nullptr, part.log_prob = part.log_normaliser = nullptr;
    part.own = data<float>(exchange.own), rows.n = part.n = tokens;
    each_row<threads>(stream, tokens, part);
    args.part.gather(exchange.own, exchange.all);
    each_row<threads>(stream, tokens, JoinedRows<T>{rows, data<const float>(exchange.all), args.part.n_parts});
  }
  if (args.d_weight)  // before d_hidden, which may be hidden
    multiply(stream, {.a = d, .b = args.hidden, .y = args.d_weight, .transpose_a = true, .accumulate = true});
  if (args.d_hidden) multiply(stream, {.a = d, .b = args.weight, .y = args.d_hidden});
}

struct Softcap {
  float* z;
  float cap;
  __device__ void operator()(int64_t i) const { z[i] = cap * tanhf(z[i] / cap); }
};

}  // namespace

void head(Stream& stream, const HeadArgs& args) {
  const int64_t tokens = args.hidden.shape[0], vocab = args.weight.shape[0], chunk = head_chunk_tokens(args);
  const auto logits_bytes = static_cast<std::size_t>(chunk * vocab) * sizeof(float);
  std::byte* logits = args.workspace.data;
  std::byte* dz = args.hidden.dtype == DType::f32 ? logits : logits + (logits_bytes + 255) / 256 * 256;
  for (int64_t begin = 0; begin < tokens; begin += chunk) {
    const HeadArgs part = chunk_of(args, begin, std::min(chunk, tokens - begin));
    const HeadExchange exchange = args.part.gather ? head_exchange(args, part.hidden.shape[0]) : HeadExchange{};
    with_type(args.hidden.dtype, [&](auto type) { run_chunk<decltype(type)>(stream, part, logits, dz, exchange); });
  }
}

void head_logits(Stream& stream, const HeadLogitsArgs& args) {
  multiply(stream, {.a = args.hidden, .b = args.weight, .y = args.logits, .transpose_b = true});
  if (args.softcap > 0) each(stream, args.logits.n_elements(), Softcap{data<float>(args.logits), args.softcap});
}

}  // namespace hearth::kernels::cuda
