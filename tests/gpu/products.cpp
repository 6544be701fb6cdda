// SPDX-License-Identifier: Apache-2.0
// Ops that multiply: dense and grouped products, the head, attention; and what a mixture does around its products.
#include <array>

#include "kernels/attention.h"
#include "kernels/gemm.h"
#include "kernels/grouped_gemm.h"
#include "kernels/head.h"
#include "kernels/moe.h"
#include "kernels/router.h"
#include "lib/base/rng.h"
#include "tests/gpu/measure.h"

namespace hearth::gpu {
namespace {

using namespace kernels;

double bytes_of(std::initializer_list<Tensor> tensors) {
  double sum = 0;
  for (const Tensor& each : tensors) sum += static_cast<double>(each.bytes());
  return sum;
}

void linear(Measurement& m, DType dtype, std::int64_t tokens, std::int64_t in, std::int64_t out) {
  const Tensor x = m.tensor(dtype, {tokens, in}), w = m.tensor(dtype, {out, in}), y = m.tensor(dtype, {tokens, out});
  const Tensor dw = m.tensor(DType::f32, {out, in});
  const Json shape = {{"tokens", tokens}, {"in", in}, {"out", out}};
  const Work work{bytes_of({x, w, y}), 2.0 * static_cast<double>(tokens * in * out), dtype};
  const auto forward = [&] { gemm(m.stream(), {.a = x, .b = w, .y = y, .transpose_b = true}); };
  m.run("linear", shape, work, {y}, forward);
  if (dtype == DType::bf16)
    m.run_with({.gemm = GpuKernels::Gemm::sm90}, [&] { m.run("linear_sm90", shape, work, {y}, forward); });
  m.run("linear_input_gradient", shape, work, {x}, [&] { gemm(m.stream(), {.a = y, .b = w, .y = x}); });
  m.run("linear_weight_gradient", shape, {bytes_of({x, y, dw, dw}), work.flops, dtype}, {},
        [&] { gemm(m.stream(), {.a = y, .b = x, .y = dw, .transpose_a = true, .accumulate = true}); });
  m.clear();
}

void grouped(Measurement& m, DType dtype, std::int64_t experts, std::int64_t rows, std::int64_t in, std::int64_t out) {
  const Tensor offsets = m.indices(uneven_bounds(experts, rows)), x = m.tensor(dtype, {rows, in});
  const Tensor w = m.tensor(dtype, {experts, out, in}), y = m.tensor(dtype, {rows, out});
  const Tensor dw = m.tensor(DType::f32, {experts, out, in});
  const Json shape = {{"experts", experts}, {"rows", rows}, {"in", in}, {"out", out}};
  const Work work{bytes_of({x, w, y}), 2.0 * static_cast<double>(rows * in * out), dtype};
  const auto forward = [&] { grouped_gemm(m.stream(), {.x = x, .weight = w, .offsets = offsets, .y = y}); };
  m.run("grouped", shape, work, {y}, forward);
  if (dtype == DType::bf16)
    m.run_with({.grouped = GpuKernels::Grouped::cublaslt},
               [&] { m.run("grouped_cublaslt", shape, work, {y}, forward); });
  m.run("grouped_input_gradient", shape, work, {x},
        [&] { grouped_gemm_input_gradient(m.stream(), {.dy = y, .weight = w, .offsets = offsets, .dx = x}); });
  m.run("grouped_weight_gradient", shape, {bytes_of({x, y, dw, dw}), work.flops, dtype}, {},
        [&] { grouped_gemm_weight_gradient(m.stream(), {.dy = y, .x = x, .offsets = offsets, .dweight = dw}); });
  m.clear();
}

void head_with_gradient(Measurement& m, DType dtype, std::int64_t tokens, std::int64_t vocab, std::int64_t hidden) {
  const Tensor x = m.tensor(dtype, {tokens, hidden}), w = m.tensor(dtype, {vocab, hidden});
  const Tensor dx = m.tensor(dtype, {tokens, hidden}), dw = m.tensor(DType::f32, {vocab, hidden});
  const Tensor weight = m.tensor(DType::f32, {tokens}), log_prob = m.tensor(DType::f32, {tokens});
  const Tensor targets = m.indices(std::vector<std::int32_t>(static_cast<std::size_t>(tokens), 1));
  const Tensor workspace = m.tensor(DType::u8, {head_workspace_bytes(tokens, vocab)});
  m.run("head_with_gradient", {{"tokens", tokens}, {"vocab", vocab}, {"hidden", hidden}},
        {bytes_of({x, w, dx, dw, dw}), 6.0 * static_cast<double>(tokens * vocab * hidden), dtype}, {dx, log_prob}, [&] {
          head(m.stream(), {.hidden = x,
                            .weight = w,
                            .targets = targets,
                            .log_prob = log_prob,
                            .token_weight = weight,
                            .d_hidden = dx,
                            .d_weight = dw,
                            .workspace = workspace});
        });
  m.clear();
}

struct AttentionShape {
  std::int64_t sequences, length, q_heads, kv_heads, head_dim;
  bool causal;
  std::int64_t window;

  double pairs() const {  // of a query and a key it sees
    const auto n = static_cast<double>(length), w = static_cast<double>(window);
    const double each = !causal                         ? n * n
                        : window > 0 && window < length ? w * (w + 1) / 2 + (n - w) * w
                                                        : n * (n + 1) / 2;
    return each * static_cast<double>(sequences * q_heads);
  }
};

void attention_pair(Measurement& m, DType dtype, const AttentionShape& s) {
  const std::int64_t tokens = s.sequences * s.length;
  const Shape q_shape{tokens, s.q_heads, s.head_dim}, k_shape{tokens, s.kv_heads, s.head_dim};
  const Tensor bounds = m.indices(even_bounds(s.sequences, s.length)), lse = m.tensor(DType::f32, {s.q_heads, tokens});
  const Tensor q = m.tensor(dtype, q_shape), k = m.tensor(dtype, k_shape), v = m.tensor(dtype, k_shape);
  const Tensor o = m.tensor(dtype, q_shape), d_o = m.tensor(dtype, q_shape), dq = m.tensor(dtype, q_shape);
  const Tensor dk = m.tensor(dtype, k_shape), dv = m.tensor(dtype, k_shape);
  const double flops = 4 * s.pairs() * static_cast<double>(s.head_dim);
  const Json shape = {{"sequences", s.sequences}, {"length", s.length},     {"q_heads", s.q_heads},
                      {"kv_heads", s.kv_heads},   {"head_dim", s.head_dim}, {"causal", s.causal},
                      {"window", s.window}};
  const AttentionMask mask{.causal = s.causal, .window = s.window};
  const float scale = 0.125f;
  const auto run = [&](const std::string& provider) {
    m.run("attention" + provider, shape, {bytes_of({q, k, v, o, lse}), flops, dtype}, {o, lse}, [&] {
      attention(m.stream(), {.q = q,
                             .k = k,
                             .v = v,
                             .cu_seqlens = bounds,
                             .o = o,
                             .lse = lse,
                             .mask = mask,
                             .scale = scale,
                             .longest = s.length});
    });
    const Work backward{bytes_of({q, k, v, o, d_o, lse, dq, dk, dv}), 2.5 * flops, dtype};
    m.run("attention_backward" + provider, shape, backward, {dq, dk, dv}, [&] {
      attention_backward(m.stream(), {.q = q,
                                      .k = k,
                                      .v = v,
                                      .cu_seqlens = bounds,
                                      .o = o,
                                      .lse = lse,
                                      .d_o = d_o,
                                      .dq = dq,
                                      .dk = dk,
                                      .dv = dv,
                                      .mask = mask,
                                      .scale = scale,
                                      .longest = s.length});
    });
  };
  run("");
  if (m.has_cudnn() && dtype == DType::bf16)
    m.run_with({.attention = GpuKernels::Attention::cudnn}, [&] { run("_cudnn"); });
  m.clear();
}

void routing(Measurement& m, std::int64_t tokens, std::int64_t experts, std::int64_t k) {
  const Tensor logits = m.tensor(DType::f32, {tokens, experts}), scores = m.tensor(DType::f32, {tokens, experts});
  const Tensor ids = m.tensor(DType::i32, {tokens, k}), weights = m.tensor(DType::f32, {tokens, k});
  const Tensor d_weights = m.tensor(DType::f32, {tokens, k}), d_logits = m.tensor(DType::f32, {tokens, experts});
  const Tensor counts = m.tensor(DType::i32, {experts}), losses = m.tensor(DType::f32, {2});
  const Tensor bounds = m.indices({0, static_cast<std::int32_t>(tokens)});
  const RouterOptions options{.score = RouterScore::sigmoid};
  const Json shape = {{"tokens", tokens}, {"experts", experts}, {"k", k}};
  m.run("router", shape, {bytes_of({logits, scores, ids, weights}), 0, DType::f32}, {scores, weights}, [&] {
    router(m.stream(), {.logits = logits,
                        .scores = scores,
                        .expert_ids = ids,
                        .weights = weights,
                        .counts = counts,
                        .options = options});
  });
  m.run("router_backward", shape, {bytes_of({scores, logits, d_logits}), 0, DType::f32}, {d_logits}, [&] {
    router_backward(m.stream(), {.logits = logits,
                                 .scores = scores,
                                 .expert_ids = ids,
                                 .weights = weights,
                                 .d_weights = d_weights,
                                 .cu_seqlens = bounds,
                                 .d_logits = d_logits,
                                 .losses = losses,
                                 .options = options,
                                 .balance_coefficient = 1e-4f});
  });
  m.clear();
}

// Choices of k different experts for each token.
std::vector<std::int32_t> random_choices(std::int64_t tokens, std::int64_t experts, std::int64_t k) {
  Rng rng(3);
  std::vector<std::int32_t> choices;
  for (std::int64_t t = 0; t < tokens; ++t) {
    const std::uint64_t first = rng.below(static_cast<std::uint64_t>(experts));
    for (std::int64_t i = 0; i < k; ++i)
      choices.push_back(static_cast<std::int32_t>((first + static_cast<std::uint64_t>(i * (experts / k))) %
                                                  static_cast<std::uint64_t>(experts)));
  }
  return choices;
}

void dispatch(Measurement& m, DType dtype, std::int64_t tokens, std::int64_t experts, std::int64_t k,
              std::int64_t hidden) {
  const std::int64_t n_rows = tokens * k;
  const Tensor chosen = m.indices(random_choices(tokens, experts, k)), ids = chosen.reshaped({tokens, k});
  const Tensor offsets = m.tensor(DType::i32, {experts + 1}), row_of = m.tensor(DType::i32, {tokens, k});
  const Tensor token_of = m.tensor(DType::i32, {n_rows}), x = m.tensor(dtype, {tokens, hidden});
  const Tensor rows = m.tensor(dtype, {n_rows, hidden}), y = m.tensor(dtype, {tokens, hidden});
  const Json shape = {{"tokens", tokens}, {"experts", experts}, {"k", k}, {"hidden", hidden}};
  const auto sort = [&] {
    moe_sort(m.stream(), {.expert_ids = ids, .offsets = offsets, .row_of = row_of, .token_of = token_of});
  };
  sort();
  m.run("moe_sort", shape, {bytes_of({ids, row_of, token_of}), 0, DType::f32}, {}, sort);
  m.run("moe_gather", shape, {bytes_of({x, rows, token_of}), 0, dtype}, {rows},
        [&] { moe_gather(m.stream(), {.x = x, .token_of = token_of, .rows = rows}); });
  m.run("moe_combine", shape, {bytes_of({y, rows, row_of}), 0, dtype}, {y},
        [&] { moe_combine(m.stream(), {.rows = rows, .row_of = row_of, .weights = {}, .base = {}, .y = y}); });
  m.clear();
}

}  // namespace

void measure_products(Measurement& m) {
  if (m.tiny()) {
    linear(m, DType::bf16, 40, 24, 16);
    grouped(m, DType::bf16, 3, 40, 24, 16);
    return head_with_gradient(m, DType::bf16, 20, 50, 16);
  }
  for (const auto& [tokens, in, out] : {std::array<std::int64_t, 3>{16384, 4096, 4096},
                                        {16384, 4096, 28672},
                                        {16384, 14336, 4096},
                                        {32768, 768, 4096},
                                        {32768, 2048, 768}}) {
    linear(m, DType::bf16, tokens, in, out);
  }
  linear(m, DType::f32, 8192, 2048, 2048);
  grouped(m, DType::bf16, 64, 131072, 4096, 2048);
  grouped(m, DType::bf16, 128, 196608, 1536, 512);
  grouped(m, DType::bf16, 64, 196608, 768, 512);
  grouped(m, DType::f32, 16, 16384, 1024, 1024);
  head_with_gradient(m, DType::bf16, 16384, 32768, 768);
  head_with_gradient(m, DType::bf16, 16384, 128256, 4096);
}

void measure_mixture(Measurement& m) {
  if (m.tiny()) {
    routing(m, 20, 8, 2);
    return dispatch(m, DType::bf16, 20, 8, 2, 24);
  }
  routing(m, 32768, 64, 6);
  routing(m, 32768, 256, 8);
  dispatch(m, DType::bf16, 32768, 64, 6, 2048);
  dispatch(m, DType::bf16, 32768, 256, 8, 4096);
}

void measure_attention(Measurement& m) {
  if (m.tiny()) {
    attention_pair(m, DType::bf16, {2, 40, 4, 2, 64, true, 0});
    attention_pair(m, DType::bf16, {1, 40, 2, 2, 64, false, 0});
    return attention_pair(m, DType::f32, {1, 33, 2, 1, 32, true, 8});
  }
  for (const std::int64_t length : {512, 2048, 4096, 8192, 16384}) {
    const std::int64_t sequences = 16384 / length;
    attention_pair(m, DType::bf16, {sequences, length, 16, 16, 128, true, 0});
    attention_pair(m, DType::bf16, {sequences, length, 32, 32, 64, true, 0});
  }
  for (const std::int64_t length : {2048, 4096, 8192, 16384})
    attention_pair(m, DType::bf16, {1, length, 64, 8, 128, true, 0});
  for (const std::int64_t length : {4096, 16384}) attention_pair(m, DType::bf16, {1, length, 64, 8, 128, false, 0});
  for (const std::int64_t length : {2048, 8192, 32768})
    attention_pair(m, DType::bf16, {2, length, 64, 8, 64, true, 1024});
}

}  // namespace hearth::gpu
