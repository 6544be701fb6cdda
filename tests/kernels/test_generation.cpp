// SPDX-License-Identifier: Apache-2.0
// The ops that only generation needs, against the reference and against training: attention over pages, sampling.
// Trusts attention (test_cpu).
#include <cstring>
#include <numeric>

#include "tests/kernels/support.h"

namespace hearth::kernels::test {
namespace {

struct DecodeCase {
  std::vector<std::int64_t> lengths, queries;  // of each sequence
  std::int64_t q_heads, kv_heads, head_dim, v_dim, page_tokens;
  AttentionMask mask;
  bool sinks;
  float softcap;
  bool latent = false;
};

std::vector<std::int64_t> starts_of(const std::vector<std::int64_t>& counts) {
  std::vector<std::int64_t> starts(counts.size() + 1);
  std::partial_sum(counts.begin(), counts.end(), starts.begin() + 1);
  return starts;
}

// All tokens of all sequences one after another, and the same in pages in a mixed order, which hold NaN elsewhere.
struct DecodeData {
  const DecodeCase& each;
  Memory memory;
  std::vector<std::int64_t> starts = starts_of(each.lengths), query_starts = starts_of(each.queries);
  std::int64_t most_pages, n_pages = 0;
  std::vector<std::int64_t> table;
  Tensor q, k, v, new_q, k_pages, v_pages;

  DecodeData(const DecodeCase& with, DType dtype) : each(with) {
    const std::int64_t tokens = starts.back(), longest = *std::max_element(each.lengths.begin(), each.lengths.end());
    most_pages = longest / each.page_tokens + 2;
    n_pages = static_cast<std::int64_t>(each.lengths.size()) * most_pages;
    for (std::int64_t i = 0; i < n_pages; ++i) table.push_back((i * 7 + 3) % n_pages);
    if (n_pages % 7 == 0) std::iota(table.begin(), table.end(), 0);
    q = memory.random(dtype, {tokens, each.q_heads, each.head_dim});
    k = memory.random(dtype, {tokens, each.kv_heads, each.head_dim});
    v = each.latent ? front_of_keys() : memory.random(dtype, {tokens, each.kv_heads, each.v_dim});
    new_q = memory.zeros(dtype, {query_starts.back(), each.q_heads, each.head_dim});
    for (std::size_t s = 0; s < each.lengths.size(); ++s) copy_queries(s);
    k_pages = in_pages(k);
    if (!each.latent) v_pages = in_pages(v);
  }

  Tensor front_of_keys() {
    const ref::Values keys = ref::read(k);
    ref::Values values;
    for (std::int64_t row = 0; row < k.shape[0] * each.kv_heads; ++row)
      values.insert(values.end(), keys.begin() + row * each.head_dim, keys.begin() + row * each.head_dim + each.v_dim);
    return memory.of(k.dtype, {k.shape[0], each.kv_heads, each.v_dim}, values);
  }
  void copy_queries(std::size_t s) {
    const std::int64_t n = each.queries[s];
    if (n == 0) return;
    const Tensor from = q.rows(starts[s + 1] - n, n), to = new_q.rows(query_starts[s], n);
    std::memcpy(to.data, from.data, from.bytes());
  }
  Tensor in_pages(const Tensor& rows) {
    const std::int64_t width = rows.shape[1] * rows.shape[2];
    const Shape shape{n_pages, each.page_tokens, rows.shape[1], rows.shape[2]};
    const Tensor pages = memory.of(rows.dtype, shape, ref::Values(shape.n_elements(), NAN));
    const Tensor flat = pages.reshaped({n_pages * each.page_tokens, width});
    for (std::size_t s = 0; s < each.lengths.size(); ++s) {
      for (std::int64_t i = 0; i < each.lengths[s]; ++i) {
        const std::int64_t page = table[static_cast<std::int64_t>(s) * most_pages + i / each.page_tokens];
        const Tensor from = rows.rows(starts[s] + i, 1);
        std::memcpy(flat.rows(page * each.page_tokens + i % each.page_tokens, 1).data, from.data, from.bytes());
      }
    }
    return pages;
  }
  // The rows of all tokens that the queries have.
  Tensor of_queries(const Tensor& rows) {
    const Tensor out = memory.zeros(rows.dtype, {query_starts.back(), rows.shape[1], rows.shape[2]});
    for (std::size_t s = 0; s < each.lengths.size(); ++s) {
      const std::int64_t n = each.queries[s];
      if (n == 0) continue;
      const Tensor from = rows.rows(starts[s + 1] - n, n);
      std::memcpy(out.rows(query_starts[s], n).data, from.data, from.bytes());
    }
    return out;
  }
};

TEST_CASE("attention over pages agrees with the reference and with training") {
  const DecodeCase each = GENERATE(DecodeCase{{1}, {1}, 1, 1, 8, 8, 16, {}, false, 0},
                                   DecodeCase{{5, 300, 17}, {1, 1, 1}, 4, 2, 64, 64, 16, {}, true, 0},
                                   DecodeCase{{40, 9, 33}, {3, 0, 33}, 6, 2, 24, 40, 7, {.window = 9}, true, 0},
                                   DecodeCase{{270, 600}, {2, 5}, 2, 1, 33, 20, 32, {.chunk = 64}, false, 30},
                                   DecodeCase{{530}, {1}, 2, 1, 128, 128, 64, {.window = 260}, true, 0},
                                   DecodeCase{{90}, {20}, 2, 1, 192, 128, 16, {}, true, 15},
                                   DecodeCase{{70, 1}, {1, 1}, 4, 2, 256, 256, 8, {.causal = false}, false, 10},
                                   DecodeCase{{130, 9}, {1, 2}, 16, 1, 576, 512, 16, {}, false, 0, true},
                                   DecodeCase{{300}, {3}, 8, 1, 40, 32, 16, {.window = 70}, true, 5, true});
  const DType dtype = GENERATE(f32, b16);
  DecodeData data(each, dtype);
  Memory& memory = data.memory;
  const std::int64_t tokens = data.new_q.shape[0], sequences = static_cast<std::int64_t>(each.lengths.size());
  const Tensor sinks = each.sinks ? memory.random(f32, {each.q_heads}) : Tensor{};
  const float scale = 1 / std::sqrt(static_cast<float>(each.head_dim));
  const Tensor table = memory.indices({sequences, data.most_pages}, data.table);
  const Tensor lengths = memory.indices(each.lengths), cu_seqlens = memory.indices(data.query_starts);
  const auto decode = [&](Stream& stream, const Tensor& o, const Tensor& lse) {
    attention_decode(stream, {.q = data.new_q,
                              .cu_seqlens = cu_seqlens,
                              .k_pages = data.k_pages,
                              .v_pages = data.v_pages,
                              .page_table = table,
                              .lengths = lengths,
                              .sinks = sinks,
                              .o = o,
                              .lse = lse,
                              .mask = each.mask,
                              .scale = scale,
                              .softcap = each.softcap});
  };
  const Shape o_shape{tokens, each.q_heads, each.v_dim};
  const double tolerance = dtype == b16 ? 6e-2 : 1e-4;
  compare("attention_decode", tolerance, [&](Stream& stream) {
    const Tensor o = memory.zeros(dtype, o_shape), lse = memory.zeros(f32, {each.q_heads, tokens});
    decode(stream, o, lse);
    return Results{{"o", o}, {"lse", lse}};
  });
  Machine machine;
  const Tensor trained = memory.zeros(dtype, {data.q.shape[0], each.q_heads, each.v_dim});
  const Tensor lse = memory.zeros(f32, {each.q_heads, data.q.shape[0]}), o = memory.zeros(dtype, o_shape);
  const bool wide = !machine.fast.is_host() && each.head_dim > 512;  // more than training on CUDA takes
  Stream& trainer = wide ? machine.ref : machine.fast;
  attention(trainer, {.q = data.q,
                      .k = data.k,
                      .v = data.v,
                      .cu_seqlens = memory.indices(data.starts),
                      .sinks = sinks,
                      .o = trained,
                      .lse = lse,
                      .mask = each.mask,
                      .scale = scale,
                      .softcap = each.softcap});
  decode(machine.fast, o, {});
  machine.fast.wait();
  const Tensor expected = data.of_queries(trained);
  if (machine.fast.is_host())
    CHECK(same_bits(o, expected));
  else
    CHECK(relative_error(o, expected) < tolerance);
}

TEST_CASE("a page that is not there and a sequence too long for its pages are refused") {
  Machine machine;
  if (!machine.fast.is_host()) return;  // what lies on a device is not looked at
  Memory memory;
  const Tensor q = memory.zeros(f32, {1, 1, 8}), pages = memory.zeros(f32, {2, 4, 1, 8});
  const auto decode = [&](std::int64_t length, std::int64_t page) {
    attention_decode(machine.fast, {.q = q,
                                    .cu_seqlens = memory.indices({0, 1}),
                                    .k_pages = pages,
                                    .v_pages = pages,
                                    .page_table = memory.indices({1, 2}, {0, page}),
                                    .lengths = memory.indices({length}),
                                    .o = memory.zeros(f32, {1, 1, 8})});
  };
  CHECK_NOTHROW(decode(8, 1));
  CHECK_THROWS_WITH(decode(5, 2), Catch::Contains("sequence 0 of 5 tokens has page 2 of 2"));
  CHECK_THROWS_WITH(decode(9, 1), Catch::Contains("has room for 8"));
  CHECK_THROWS_WITH(decode(0, 1), Catch::Contains("has 1 queries"));
}

TEST_CASE("sampling agrees with the reference under every cut") {
  struct Case {
    std::int64_t vocab;
    float temperature;
    int top_k;
    float top_p;
  };
  const Case each = GENERATE(Case{1, 1, 0, 1}, Case{300, 0, 5, 0.5f}, Case{1000, 1, 0, 1}, Case{300, 0.7f, 20, 1},
                             Case{700, 1.5f, 0, 0.8f}, Case{300, 1, 40, 0.9f}, Case{20, 1, 1000, 0.5f},
                             Case{257, 2, 1, 1}, Case{300, 0.1f, 299, 0.999f});
  Memory memory(7);
  constexpr std::int64_t rows = 4;
  ref::Values logits = ref::read(memory.random(f32, {rows, each.vocab}, 3));
  for (std::int64_t i = 0; i < each.vocab; ++i) {  // many equals; nearly all forbidden
    logits[each.vocab + i] = std::round(logits[each.vocab + i]);
    if (i % 11 != 0) logits[2 * each.vocab + i] = -INFINITY;
  }
  const Tensor streams = memory.zeros(DType::i64, {rows}), draws = memory.zeros(DType::i64, {rows});
  for (std::int64_t row = 0; row < rows; ++row)
    streams.as<std::int64_t>()[row] = row - 1, draws.as<std::int64_t>()[row] = 5 * row;
  const Tensor all = memory.of(f32, {rows, each.vocab}, logits);
  Machine machine;
  const auto run = [&](Stream& stream) {
    const Tensor ids = memory.zeros(i32, {rows}), log_prob = memory.zeros(f32, {rows});
    sample(stream, {.logits = all,
                    .streams = streams,
                    .draws = draws,
                    .ids = ids,
                    .log_prob = log_prob,
                    .temperature = each.temperature,
                    .top_k = each.top_k,
                    .top_p = each.top_p,
                    .seed = 0x1234567890ULL});
    return Results{{"ids", ids}, {"log_prob", log_prob}};
  };
  const Results expected = run(machine.ref), actual = machine.finished(run);
  CHECK(ref::read_indices(actual[0].second) == ref::read_indices(expected[0].second));
  CHECK(relative_error(actual[1].second, expected[1].second) < 1e-5);
}

TEST_CASE("logits that are not numbers choose nothing") {
  Machine machine;
  Memory memory;
  const ref::Values rows{0, NAN, 1, -INFINITY, -INFINITY, -INFINITY, 0, 2, 1};
  const Tensor logits = memory.of(f32, {3, 3}, rows), ids = memory.zeros(i32, {3}), log_prob = memory.zeros(f32, {3});
  const Tensor none = memory.zeros(DType::i64, {3});
  const SampleArgs args{.logits = logits, .streams = none, .draws = none, .ids = ids, .log_prob = log_prob};
  if (machine.fast.is_host()) {
    CHECK_THROWS_WITH(sample(machine.fast, args), Catch::Contains("row 0"));
    return;
  }
  sample(machine.fast, args);
  machine.fast.wait();
  CHECK(ref::read_indices(ids).front() == -1);
  CHECK(ref::read_indices(ids)[1] == -1);
  CHECK(ref::read_indices(ids)[2] >= 0);
  CHECK(log_prob.as<float>()[1] == -INFINITY);
}

}  // namespace
}  // namespace hearth::kernels::test
