// SPDX-License-Identifier: Apache-2.0
// Ops of generation: attention of new tokens over a paged cache, grouped heads and latent, and sampling.
#include <vector>

#include "kernels/attention_decode.h"
#include "kernels/sample.h"
#include "tests/gpu/measure.h"

namespace hearth::gpu {
namespace {

using namespace kernels;

constexpr std::int64_t page_tokens = 64;

// latent: kv_heads is 1, the values are the first v_dim elements of the keys.
struct DecodeShape {
  std::int64_t sequences, length, q_heads, kv_heads, head_dim, v_dim;
  bool latent;
};

void decode(Measurement& m, DType dtype, const DecodeShape& s) {
  const std::int64_t pages = (s.length + page_tokens - 1) / page_tokens, all_pages = s.sequences * pages;
  std::vector<std::int32_t> table(static_cast<std::size_t>(all_pages));
  for (std::size_t i = 0; i < table.size(); ++i) table[i] = static_cast<std::int32_t>(table.size() - 1 - i);
  const Tensor q = m.tensor(dtype, {s.sequences, s.q_heads, s.head_dim});
  const Tensor k = m.tensor(dtype, {all_pages, page_tokens, s.kv_heads, s.head_dim});
  const Tensor v = s.latent ? Tensor{} : m.tensor(dtype, {all_pages, page_tokens, s.kv_heads, s.v_dim});
  const Tensor o = m.tensor(dtype, {s.sequences, s.q_heads, s.v_dim});
  const auto sequences = static_cast<std::size_t>(s.sequences);
  const Tensor lengths = m.indices(std::vector<std::int32_t>(sequences, static_cast<std::int32_t>(s.length)));
  const Tensor bounds = m.indices(even_bounds(s.sequences, 1));
  const Tensor page_table = m.indices(table).reshaped({s.sequences, pages});
  const auto keys = static_cast<double>(s.sequences * s.length);
  const double row_bytes =
      static_cast<double>(s.kv_heads * (s.head_dim + (s.latent ? 0 : s.v_dim))) * static_cast<double>(size_of(dtype));
  const Work work{keys * row_bytes + static_cast<double>(q.bytes() + o.bytes()),
                  2 * keys * static_cast<double>(s.q_heads * (s.head_dim + s.v_dim)), dtype};
  m.run(s.latent ? "attention_decode_latent" : "attention_decode",
        {{"sequences", s.sequences},
         {"length", s.length},
         {"q_heads", s.q_heads},
         {"kv_heads", s.kv_heads},
         {"head_dim", s.head_dim}},
        work, {o}, [&] {
          attention_decode(m.stream(), {.q = q,
                                        .cu_seqlens = bounds,
                                        .k_pages = k,
                                        .v_pages = v,
                                        .page_table = page_table,
                                        .lengths = lengths,
                                        .o = o,
                                        .scale = 0.1f});
        });
  m.clear();
}

void sampling(Measurement& m, std::int64_t rows, std::int64_t vocab, int top_k, float top_p) {
  const Tensor logits = m.tensor(DType::f32, {rows, vocab}), log_prob = m.tensor(DType::f32, {rows});
  const Tensor ids = m.tensor(DType::i32, {rows}), numbers = m.tensor(DType::i64, {rows});
  m.run("sample", {{"rows", rows}, {"vocab", vocab}, {"top_k", top_k}, {"top_p", top_p}},
        {static_cast<double>(logits.bytes()), 0, DType::f32}, {log_prob}, [&] {
          sample(m.stream(), {.logits = logits,
                              .streams = numbers,
                              .draws = numbers,
                              .ids = ids,
                              .log_prob = log_prob,
                              .top_k = top_k,
                              .top_p = top_p});
        });
  m.clear();
}

}  // namespace

void measure_generation(Measurement& m) {
  if (m.tiny()) {
    decode(m, DType::bf16, {2, 70, 4, 2, 64, 64, false});
    decode(m, DType::bf16, {2, 70, 4, 1, 96, 64, true});
    return sampling(m, 3, 50, 5, 0.9f);
  }
  for (const std::int64_t length : {1024, 8192}) {
    decode(m, DType::bf16, {64, length, 32, 8, 128, 128, false});
    decode(m, DType::bf16, {64, length, 16, 1, 576, 512, true});
  }
  decode(m, DType::bf16, {1, 65536, 32, 8, 128, 128, false});
  sampling(m, 64, 32768, 0, 1);
  sampling(m, 64, 128256, 50, 0.95f);
}

}  // namespace hearth::gpu
