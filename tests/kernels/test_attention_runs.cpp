// SPDX-License-Identifier: Apache-2.0
// Attention where of a sequence some queries and other keys are given, and what becomes of it when pieces of the keys
// are merged. Trusts attention (test_cpu).
#include <cmath>
#include <vector>

#include "tests/kernels/support.h"

using namespace hearth;
using namespace hearth::kernels;
using namespace hearth::kernels::test;

namespace {

struct Heads {
  std::int64_t q_heads, kv_heads, head_dim, v_dim;
  AttentionMask mask;
  bool sinks;
  float softcap;
};
auto all_heads() {
  return Catch::Generators::values<Heads>({{2, 1, 16, 16, {}, true, 0},
                                           {2, 2, 33, 40, {.causal = false}, false, 0},
                                           {2, 1, 64, 64, {.window = 37}, true, 0},
                                           {1, 1, 20, 20, {.chunk = 64}, true, 30},
                                           {2, 1, 192, 128, {.causal = false, .window = 90}, false, 0},
                                           {4, 2, 128, 128, {.window = 260, .chunk = 150}, false, 20}});
}

// Queries and keys of a batch, and what attention and its backward make of a choice of keys.
struct Problem {
  Heads heads;
  Tensor q, d_o, sinks, cu_seqlens;
  float scale = 1 / std::sqrt(static_cast<float>(heads.head_dim));

  struct Keys {
    Tensor k, v;
    AttentionRuns runs;
    bool with_sinks;
  };
  struct Result {
    Tensor o, lse;
  };
  struct Gradients {
    Tensor dq, dk, dv, dsinks;
  };

  Result forward(Memory& memory, Stream& stream, const Keys& keys) const {
    const std::int64_t tokens = q.shape[0];
    const Result made{memory.zeros(q.dtype, {tokens, heads.q_heads, heads.v_dim}),
                      memory.zeros(f32, {heads.q_heads, tokens})};
    attention(stream, {.q = q,
                       .k = keys.k,
                       .v = keys.v,
                       .cu_seqlens = cu_seqlens,
                       .sinks = keys.with_sinks ? sinks : Tensor{},
                       .o = made.o,
                       .lse = made.lse,
                       .mask = heads.mask,
                       .scale = scale,
                       .softcap = heads.softcap,
                       .runs = keys.runs});
    return made;
  }
  Gradients backward(Memory& memory, Stream& stream, const Keys& keys, const Result& whole) const {
    const bool with_sinks = keys.with_sinks && sinks;
    const Gradients made{memory.zeros(q.dtype, q.shape), memory.random(q.dtype, keys.k.shape),
                         memory.random(q.dtype, keys.v.shape),
                         with_sinks ? memory.zeros(f32, {heads.q_heads}) : Tensor{}};
    attention_backward(stream, {.q = q,
                                .k = keys.k,
                                .v = keys.v,
                                .cu_seqlens = cu_seqlens,
                                .sinks = with_sinks ? sinks : Tensor{},
                                .o = whole.o,
                                .lse = whole.lse,
                                .d_o = d_o,
                                .dq = made.dq,
                                .dk = made.dk,
                                .dv = made.dv,
                                .dsinks = made.dsinks,
                                .mask = heads.mask,
                                .scale = scale,
                                .softcap = heads.softcap,
                                .runs = keys.runs});
    return made;
  }
};

Problem make_problem(Memory& memory, const Heads& heads, DType dtype, const std::vector<std::int64_t>& cu_seqlens) {
  const std::int64_t tokens = cu_seqlens.back();
  return {heads, memory.random(dtype, {tokens, heads.q_heads, heads.head_dim}),
          memory.random(dtype, {tokens, heads.q_heads, heads.v_dim}),
          heads.sinks ? memory.random(f32, {heads.q_heads}) : Tensor{}, memory.indices(cu_seqlens)};
}

double tolerance_of(DType dtype) {
  return dtype == b16 ? 6e-2 : 1e-4;
}

// sum += part, as f32.
void add_to(const Tensor& sum, const Tensor& part) {
  ref::Values values = ref::read(sum);
  const ref::Values more = ref::read(part);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] += more[i];
  ref::write(sum, values);
}

TEST_CASE("sequences are cut as queries and keys") {
  struct Runs {
    std::int64_t query, n_queries, key, n_keys;
  };
  const auto runs = GENERATE(
      Catch::Generators::values<Runs>({{0, 20, 0, 20}, {8, 6, 0, 8}, {12, 3, 6, 2}, {7, 0, 3, 1}, {20, 0, 0, 0}}));
  Memory memory;
  const Tensor cu_seqlens = memory.indices({0, 5, 5, 12, 20, 20});
  Results cut;
  const auto run = [&](Stream& stream) {
    const AttentionCutArgs args{.cu_seqlens = cu_seqlens,
                                .query_begin = runs.query,
                                .n_queries = runs.n_queries,
                                .key_begin = runs.key,
                                .n_keys = runs.n_keys,
                                .cu_queries = memory.zeros(i32, {6}),
                                .runs = {.key_seqlens = memory.zeros(i32, {6}),
                                         .first_query = memory.zeros(i32, {5}),
                                         .first_key = memory.zeros(i32, {5})}};
    attention_cut(stream, args);
    return cut = {{"cu_queries", args.cu_queries},
                  {"key_seqlens", args.runs.key_seqlens},
                  {"first_query", args.runs.first_query},
                  {"first_key", args.runs.first_key}};
  };
  compare("attention_cut", 0, run);
  if (runs.query != 8) return;  // of the documents [5, 12) and [12, 20), which see [0, 8)
  CHECK(same_bits(cut[0].second, memory.indices({0, 0, 0, 4, 6, 6})));
  CHECK(same_bits(cut[1].second, memory.indices({0, 5, 5, 8, 8, 8})));
  CHECK(same_bits(cut[2].second, memory.indices({8, 3, 3, 0, 0})));
  CHECK(same_bits(cut[3].second, memory.indices({0, 0, 0, 0, 0})));
}

}  // namespace

// Sequences with keys before, around and behind their queries, without keys, and without queries.
TEST_CASE("attention over runs of keys agrees with the reference") {
  const Heads heads = GENERATE(all_heads());
  const DType dtype = GENERATE(f32, b16);
  Memory memory;
  const Problem problem = make_problem(memory, heads, dtype, {0, 140, 147, 147, 240, 301});
  const AttentionRuns runs{.key_seqlens = memory.indices({0, 301, 301, 310, 420, 440}),
                           .first_query = memory.indices({330, 3, 0, 20, 200}),
                           .first_key = memory.indices({29, 0, 5, 0, 215})};
  const Problem::Keys keys{memory.random(dtype, {440, heads.kv_heads, heads.head_dim}),
                           memory.random(dtype, {440, heads.kv_heads, heads.v_dim}), runs, true};
  compare("attention over runs", tolerance_of(dtype), [&](Stream& stream) {
    const Problem::Result made = problem.forward(memory, stream, keys);
    const Problem::Gradients d = problem.backward(memory, stream, keys, made);
    Results results{{"o", made.o}, {"lse", made.lse}, {"dq", d.dq}, {"dk", d.dk}, {"dv", d.dv}};
    if (heads.sinks) results.push_back({"dsinks", d.dsinks});
    return results;
  });
}

TEST_CASE("runs of keys, merged, are attention over all of them, and their gradients add up") {
  const Heads heads = GENERATE(all_heads());
  const DType dtype = GENERATE(f32, b16);
  constexpr std::int64_t tokens = 310;
  const std::vector<std::int64_t> cuts{0, 131, 290, tokens};
  Memory memory;
  Machine machine;
  const Problem problem = make_problem(memory, heads, dtype, {0, tokens});
  const Tensor k = memory.random(dtype, {tokens, heads.kv_heads, heads.head_dim}),
               v = memory.random(dtype, {tokens, heads.kv_heads, heads.v_dim});
  const Problem::Keys all{k, v, {}, true};
  const Problem::Result whole = problem.forward(memory, machine.ref, all);
  const Problem::Gradients d_whole = problem.backward(memory, machine.ref, all, whole);
  const auto keys_of = [&](std::size_t i) {
    const std::int64_t n = cuts[i + 1] - cuts[i];
    return Problem::Keys{k.rows(cuts[i], n), v.rows(cuts[i], n),
                         AttentionRuns{.key_seqlens = memory.indices({0, n}),
                                       .first_query = memory.indices({0}),
                                       .first_key = memory.indices({cuts[i]})},
                         i == 1};
  };
  const Tensor o = memory.zeros(f32, whole.o.shape), lse = memory.zeros(f32, whole.lse.shape);
  for (float& each : lse.span<float>()) each = -INFINITY;
  for (std::size_t i = 0; i < 3; ++i) {
    const Problem::Result part = problem.forward(memory, machine.fast, keys_of(i));
    machine.fast.wait();
    compare("attention_merge", 1e-5, [&](Stream& stream) {
      const Tensor to = memory.copy(o), to_lse = memory.copy(lse);
      attention_merge(stream, {.o = to, .lse = to_lse, .part_o = part.o, .part_lse = part.lse});
      return Results{{"o", to}, {"lse", to_lse}};
    });
    attention_merge(machine.fast, {.o = o, .lse = lse, .part_o = part.o, .part_lse = part.lse});
    machine.fast.wait();
  }
  CHECK(relative_error(o, whole.o) < tolerance_of(dtype));
  CHECK(relative_error(lse, whole.lse) < tolerance_of(dtype));
  const Problem::Result merged{memory.of(dtype, o.shape, ref::read(o)), lse};
  const Tensor dq = memory.zeros(f32, problem.q.shape);
  for (std::size_t i = 0; i < 3; ++i) {
    const Problem::Gradients part = problem.backward(memory, machine.fast, keys_of(i), merged);
    machine.fast.wait();
    add_to(dq, part.dq);
    CHECK(relative_error(part.dk, d_whole.dk.rows(cuts[i], cuts[i + 1] - cuts[i])) < tolerance_of(dtype));
    CHECK(relative_error(part.dv, d_whole.dv.rows(cuts[i], cuts[i + 1] - cuts[i])) < tolerance_of(dtype));
    if (part.dsinks) CHECK(relative_error(part.dsinks, d_whole.dsinks) < tolerance_of(dtype));
  }
  CHECK(relative_error(dq, d_whole.dq) < tolerance_of(dtype));
}
