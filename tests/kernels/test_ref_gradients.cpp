// SPDX-License-Identifier: Apache-2.0
// The reference kernels' backward passes against numeric derivatives of their forward passes, in f64. Trusts nothing.
#include "kernels/backend.h"
#include "tests/kernels/support.h"

namespace hearth::kernels::test {
namespace {

constexpr DType f64 = DType::f64;

struct Fixture {
  Machine machine{1};
  Stream& stream = machine.ref;
  Memory memory;
};

TEST_CASE("a linear layer's gradients are gemms") {
  Fixture f;
  const Tensor x = f.memory.random(f64, {5, 3}), w = f.memory.random(f64, {4, 3}), dy = f.memory.random(f64, {5, 4});
  const Tensor y = f.memory.zeros(f64, {5, 4}), dx = f.memory.zeros(f64, {5, 3}), dw = f.memory.zeros(f64, {4, 3});
  const auto loss = [&] {
    ref::gemm(f.stream, {.a = x, .b = w, .y = y, .transpose_b = true, .alpha = 0.5f});
    return weighted_sum(y, dy);
  };
  ref::gemm(f.stream, {.a = dy, .b = w, .y = dx, .alpha = 0.5f});
  ref::gemm(f.stream, {.a = dy, .b = x, .y = dw, .transpose_a = true, .alpha = 0.5f, .accumulate = true});
  check_gradient("x", x, dx, loss);
  check_gradient("w", w, dw, loss);
}

TEST_CASE("grouped gemm gradients") {
  Fixture f;
  const Tensor x = f.memory.random(f64, {7, 3}), w = f.memory.random(f64, {3, 4, 3}), dy = f.memory.random(f64, {7, 4});
  const Tensor offsets = f.memory.indices({0, 2, 2, 6});  // the second expert has no row, the last row no expert
  const Tensor y = f.memory.zeros(f64, {7, 4}), dx = f.memory.zeros(f64, {7, 3}), dw = f.memory.zeros(f64, {3, 4, 3});
  const auto loss = [&] {
    ref::grouped_gemm(f.stream, {.x = x, .weight = w, .offsets = offsets, .y = y});
    return weighted_sum(y, dy);
  };
  ref::grouped_gemm_input_gradient(f.stream, {.dy = dy, .weight = w, .offsets = offsets, .dx = dx});
  ref::grouped_gemm_weight_gradient(f.stream, {.dy = dy, .x = x, .offsets = offsets, .dweight = dw});
  check_gradient("x", x, dx, loss);
  check_gradient("weight", w, dw, loss);
}

TEST_CASE("grouped gemm gradients through a gather and a glu") {
  Fixture f;
  const Tensor x = f.memory.random(f64, {4, 3}), w = f.memory.random(f64, {2, 10, 3}),
               dy = f.memory.random(f64, {4, 3});
  const Tensor down = f.memory.random(f64, {2, 3, 5}), row_weight = f.memory.random(f64, {6});
  const Tensor offsets = f.memory.indices({0, 2, 6}), gather = f.memory.indices({3, 0, 1, 1, 0, 2});
  const Tensor gate_up = f.memory.zeros(f64, {6, 10}), activated = f.memory.zeros(f64, {6, 5});
  const Tensor y = f.memory.zeros(f64, {6, 3}), picked = f.memory.zeros(f64, {6, 3});
  for (int row = 0; row < 6; ++row) {
    for (int i = 0; i < 3; ++i)
      picked.as<double>()[row * 3 + i] = dy.as<double>()[gather.as<std::int32_t>()[row] * 3 + i];
  }
  const auto loss = [&] {
    ref::grouped_gemm(f.stream, {.x = x,
                                 .gather = gather,
                                 .weight = w,
                                 .offsets = offsets,
                                 .y = gate_up,
                                 .row_weight = row_weight,
                                 .activated = activated});
    ref::grouped_gemm(f.stream, {.x = activated, .weight = down, .offsets = offsets, .y = y});
    return weighted_sum(y, picked);
  };
  loss();
  const Tensor d_gate_up = f.memory.zeros(f64, {6, 10}), d_row_weight = f.memory.zeros(f64, {6});
  const Tensor again = f.memory.zeros(f64, {6, 5}), d_down = f.memory.zeros(f64, {2, 3, 5});
  const Tensor dw = f.memory.zeros(f64, {2, 10, 3});
  ref::grouped_gemm_input_gradient(f.stream, {.dy = dy,
                                              .gather = gather,
                                              .weight = down,
                                              .offsets = offsets,
                                              .gate_up = gate_up,
                                              .row_weight = row_weight,
                                              .d_gate_up = d_gate_up,
                                              .d_row_weight = d_row_weight,
                                              .activated = again});
  ref::grouped_gemm_weight_gradient(f.stream,
                                    {.dy = dy, .gather_dy = gather, .x = again, .offsets = offsets, .dweight = d_down});
  ref::grouped_gemm_weight_gradient(f.stream,
                                    {.dy = d_gate_up, .x = x, .gather_x = gather, .offsets = offsets, .dweight = dw});
  CHECK(relative_error(again, activated) < 1e-12);
  check_gradient("weight", w, dw, loss);
  check_gradient("down", down, d_down, loss);
  check_gradient("row_weight", row_weight, d_row_weight, loss);
}

TEST_CASE("rmsnorm gradients, with residual, weight and the gradient past the norm") {
  Fixture f;
  const Shape shape{4, 7};
  const Tensor x = f.memory.random(f64, shape), residual = f.memory.random(f64, shape), w = f.memory.random(f64, {7});
  const Tensor dy = f.memory.random(f64, shape), dsum = f.memory.random(f64, shape);
  const Tensor sum = f.memory.zeros(f64, shape), y = f.memory.zeros(f64, shape), rstd = f.memory.zeros(f64, {4});
  const Tensor ds = f.memory.zeros(f64, shape), dw = f.memory.zeros(f64, {7});
  const auto loss = [&] {
    ref::rmsnorm(f.stream,
                 {.x = x, .residual = residual, .weight = w, .sum = sum, .y = y, .rstd = rstd, .epsilon = 0.1f});
    return weighted_sum(y, dy) + weighted_sum(sum, dsum);
  };
  loss();
  ref::rmsnorm_backward(f.stream,
                        {.dy = dy, .s = sum, .weight = w, .rstd = rstd, .d_residual = dsum, .ds = ds, .dweight = dw});
  check_gradient("x", x, ds, loss);
  check_gradient("residual", residual, ds, loss);
  check_gradient("weight", w, dw, loss);
}

TEST_CASE("norm and rope gradients") {
  Fixture f;
  const Shape shape{3, 2, 10};
  const Tensor x = f.memory.random(f64, shape), dy = f.memory.random(f64, shape), w = f.memory.random(f64, {10});
  const Tensor y = f.memory.zeros(f64, shape), dx = f.memory.zeros(f64, shape), rstd = f.memory.zeros(f64, {6});
  const Tensor table = f.memory.random(f64, {3, 2, 4}), dw = f.memory.zeros(f64, {10});
  const auto loss = [&] {
    ref::norm_rope(f.stream, {.x = x, .weight = w, .cos_sin = table, .y = y, .rstd = rstd, .epsilon = 0.1f});
    return weighted_sum(y, dy);
  };
  loss();
  ref::norm_rope_backward(f.stream,
                          {.dy = dy, .x = x, .weight = w, .rstd = rstd, .cos_sin = table, .dx = dx, .dweight = dw});
  check_gradient("x", x, dx, loss);
  check_gradient("weight", w, dw, loss);
}

TEST_CASE("rope gradients, partial rotation") {
  Fixture f;
  const Shape shape{3, 2, 10};
  const Tensor x = f.memory.random(f64, shape), dy = f.memory.random(f64, shape);
  const Tensor y = f.memory.zeros(f64, shape), dx = f.memory.zeros(f64, shape), table = f.memory.zeros(f64, {3, 2, 4});
  ref::rope_table(f.stream, {.positions = f.memory.indices({0, 5, 1000}),
                             .inverse_frequency = f.memory.of(DType::f32, {4}, {1, 0.1, 0.01, 0.001}),
                             .multiplier = 1.25f,
                             .cos_sin = table});
  const auto loss = [&] {
    ref::rope(f.stream, {.x = x, .cos_sin = table, .y = y});
    return weighted_sum(y, dy);
  };
  ref::rope(f.stream, {.x = dy, .cos_sin = table, .y = dx, .backward = true});
  check_gradient("x", x, dx, loss);
}

TEST_CASE("attention gradients under every mask") {
  struct Case {
    AttentionMask mask;
    float softcap;
    bool sinks;
  };
  const Case each = GENERATE(Case{{}, 0, false}, Case{{.causal = false}, 0, false}, Case{{.window = 3}, 0, true},
                             Case{{.chunk = 4}, 5, false}, Case{{.causal = false, .window = 2}, 3, true});
  Fixture f;
  const Shape q_shape{11, 4, 3}, k_shape{11, 2, 3}, v_shape{11, 2, 5}, o_shape{11, 4, 5};
  const Tensor q = f.memory.random(f64, q_shape), k = f.memory.random(f64, k_shape), v = f.memory.random(f64, v_shape);
  const Tensor sinks = each.sinks ? f.memory.random(f64, {4}) : Tensor{};
  const Tensor dsinks = each.sinks ? f.memory.zeros(f64, {4}) : Tensor{};
  const Tensor cu_seqlens = f.memory.indices({0, 1, 1, 8, 11}), d_o = f.memory.random(f64, o_shape);
  const Tensor o = f.memory.zeros(f64, o_shape), lse = f.memory.zeros(f64, {4, 11});
  const Tensor dq = f.memory.zeros(f64, q_shape), dk = f.memory.zeros(f64, k_shape), dv = f.memory.zeros(f64, v_shape);
  const auto loss = [&] {
    ref::attention(f.stream, {.q = q,
                              .k = k,
                              .v = v,
                              .cu_seqlens = cu_seqlens,
                              .sinks = sinks,
                              .o = o,
                              .lse = lse,
                              .mask = each.mask,
                              .scale = 0.7f,
                              .softcap = each.softcap});
    return weighted_sum(o, d_o);
  };
  loss();
  ref::attention_backward(f.stream, {.q = q,
                                     .k = k,
                                     .v = v,
                                     .cu_seqlens = cu_seqlens,
                                     .sinks = sinks,
                                     .o = o,
                                     .lse = lse,
                                     .d_o = d_o,
                                     .dq = dq,
                                     .dk = dk,
                                     .dv = dv,
                                     .dsinks = dsinks,
                                     .mask = each.mask,
                                     .scale = 0.7f,
                                     .softcap = each.softcap});
  check_gradient("q", q, dq, loss);
  check_gradient("k", k, dk, loss);
  check_gradient("v", v, dv, loss);
  if (each.sinks) check_gradient("sinks", sinks, dsinks, loss);
}

TEST_CASE("glu gradients, with a weight for each row") {
  Fixture f;
  const Tensor x = f.memory.random(f64, {4, 10}), w = f.memory.random(f64, {4}), dy = f.memory.random(f64, {4, 5});
  const Tensor y = f.memory.zeros(f64, {4, 5}), again = f.memory.zeros(f64, {4, 5});
  const Tensor dx = f.memory.zeros(f64, {4, 10}), dw = f.memory.zeros(f64, {4});
  const auto loss = [&] {
    ref::glu(f.stream, {.x = x, .row_weight = w, .y = y});
    return weighted_sum(y, dy);
  };
  loss();
  ref::glu_backward(f.stream, {.dy = dy, .x = x, .row_weight = w, .dx = dx, .d_row_weight = dw, .y = again});
  CHECK(relative_error(y, again) < 1e-14);
  check_gradient("x", x, dx, loss);
  check_gradient("row_weight", w, dw, loss);
}

TEST_CASE("router gradients: weights, balance loss, z-loss") {
  struct Case {
    RouterOptions options;
    float balance, z;
  };
  const Case each =
      GENERATE(Case{{}, 0, 0}, Case{{.renormalise = false, .scale = 2.5f}, 0.3f, 0.1f},
               Case{{.score = RouterScore::sigmoid}, 0, 0},
               Case{{.score = RouterScore::sigmoid, .groups = 3, .groups_kept = 2, .scale = 2.5f}, 0.7f, 0.05f});
  Fixture f;
  const Tensor logits = f.memory.random(f64, {9, 6}), bias = f.memory.random(f64, {6}, 0.1);
  const Tensor scores = f.memory.zeros(f64, {9, 6}), ids = f.memory.zeros(DType::i32, {9, 2});
  const Tensor weights = f.memory.zeros(f64, {9, 2}), d_weights = f.memory.random(f64, {9, 2});
  const Tensor counts = f.memory.zeros(DType::i32, {6}), d_logits = f.memory.zeros(f64, {9, 6});
  const Tensor losses = f.memory.zeros(f64, {2}), cu_seqlens = f.memory.indices({0, 4, 9});
  const auto backward = [&] {
    ref::router_backward(f.stream, {.logits = logits,
                                    .scores = scores,
                                    .expert_ids = ids,
                                    .weights = weights,
                                    .d_weights = d_weights,
                                    .cu_seqlens = cu_seqlens,
                                    .d_logits = d_logits,
                                    .losses = losses,
                                    .options = each.options,
                                    .balance_coefficient = each.balance,
                                    .z_coefficient = each.z});
  };
  const auto loss = [&] {
    ref::router(f.stream, {.logits = logits,
                           .selection_bias = bias,
                           .scores = scores,
                           .expert_ids = ids,
                           .weights = weights,
                           .counts = counts,
                           .options = each.options});
    backward();
    return weighted_sum(weights, d_weights) + losses.as<double>()[0] + losses.as<double>()[1];
  };
  loss();
  const Tensor expected = f.memory.copy(d_logits);
  check_gradient("logits", logits, expected, loss);
}

TEST_CASE("the balance loss of perfectly balanced tokens is its coefficient times the tokens") {
  Fixture f;
  // Four tokens, each sure of another expert: f = 1 and P = 1/4 for every expert.
  const Tensor scores = f.memory.of(f64, {4, 4}, {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1});
  const Tensor losses = f.memory.zeros(f64, {2}), zeros = f.memory.zeros(f64, {4, 1});
  ref::router_backward(f.stream, {.logits = scores,
                                  .scores = scores,
                                  .expert_ids = f.memory.indices({4, 1}, {0, 1, 2, 3}),
                                  .weights = zeros,
                                  .d_weights = zeros,
                                  .cu_seqlens = f.memory.indices({0, 4}),
                                  .d_logits = f.memory.zeros(f64, {4, 4}),
                                  .losses = losses,
                                  .balance_coefficient = 0.25f});
  CHECK(losses.as<double>()[0] == Approx(0.25 * 4));
}

TEST_CASE("bringing tokens to experts and back: gradients") {
  Fixture f;
  const Tensor ids = f.memory.indices({4, 2}, {2, 0, 0, 1, 2, 1, 0, 2});
  const Tensor offsets = f.memory.zeros(DType::i32, {4}), row_of = f.memory.zeros(DType::i32, {4, 2});
  const Tensor token_of = f.memory.zeros(DType::i32, {8});
  ref::moe_sort(f.stream, {.expert_ids = ids, .offsets = offsets, .row_of = row_of, .token_of = token_of});
  CHECK(ref::read_indices(offsets) == std::vector<std::int64_t>{0, 3, 5, 8});
  CHECK(ref::read_indices(token_of) == std::vector<std::int64_t>{0, 1, 3, 1, 2, 0, 2, 3});
  CHECK(ref::read_indices(row_of) == std::vector<std::int64_t>{5, 0, 1, 3, 6, 4, 2, 7});

  const Tensor x = f.memory.random(f64, {4, 3}), weights = f.memory.random(f64, {4, 2});
  const Tensor rows = f.memory.random(f64, {8, 3}), dy = f.memory.random(f64, {4, 3}),
               d_rows = f.memory.zeros(f64, {8, 3});
  const Tensor y = f.memory.zeros(f64, {4, 3}), d_weights = f.memory.zeros(f64, {4, 2}),
               dx = f.memory.zeros(f64, {4, 3});
  const auto combined = [&] {
    ref::moe_combine(f.stream, {.rows = rows, .row_of = row_of, .weights = weights, .base = x, .y = y});
    return weighted_sum(y, dy);
  };
  ref::moe_combine_backward(
      f.stream,
      {.dy = dy, .rows = rows, .row_of = row_of, .weights = weights, .d_rows = d_rows, .d_weights = d_weights});
  check_gradient("rows", rows, d_rows, combined);
  check_gradient("weights", weights, d_weights, combined);
  check_gradient("base", x, dy, combined);

  const Tensor gathered = f.memory.zeros(f64, {8, 3}), weight = f.memory.random(f64, {8, 3});
  ref::moe_combine(f.stream, {.rows = weight, .row_of = row_of, .y = dx});
  check_gradient("x", x, dx, [&] {
    ref::moe_gather(f.stream, {.x = x, .token_of = token_of, .rows = gathered});
    return weighted_sum(gathered, weight);
  });

  const Tensor on_rows = f.memory.zeros(f64, {8}), back = f.memory.zeros(f64, {4, 2});
  ref::moe_to_rows(f.stream, {.row_of = row_of, .choices = weights, .rows = on_rows});
  ref::moe_from_rows(f.stream, {.row_of = row_of, .rows = on_rows, .choices = back});
  CHECK(same_bits(back, weights));
  CHECK(on_rows.as<double>()[0] == weights.as<double>()[1]);
}

TEST_CASE("embedding gradients, a token used twice, and of a part of the table") {
  const std::int64_t first = GENERATE(0, 2), whole = first > 0 ? 9 : 0;
  Fixture f;
  const Tensor ids = f.memory.indices({3, 0, 3}), table = f.memory.random(f64, {5, 2}),
               dy = f.memory.random(f64, {3, 2});
  const Tensor y = f.memory.zeros(f64, {3, 2}), d_table = f.memory.zeros(f64, {5, 2});
  ref::embedding_backward(f.stream, {.ids = ids, .dy = dy, .d_table = d_table, .first = first, .whole = whole});
  check_gradient("table", table, d_table, [&] {
    ref::embedding(f.stream, {.ids = ids, .table = table, .y = y, .first = first, .whole = whole});
    return weighted_sum(y, dy);
  });
}

TEST_CASE("head gradients: weighted loss with z-loss, and given derivatives") {
  const float softcap = GENERATE(0.0f, 2.0f);
  const bool given = GENERATE(false, true);
  Fixture f;
  const Tensor hidden = f.memory.random(f64, {5, 4}), weight = f.memory.random(f64, {7, 4});
  const Tensor targets = f.memory.indices({0, 6, -1, 3, 3});
  const Tensor w = f.memory.random(f64, {5}), b = f.memory.random(f64, {5});
  const Tensor log_prob = f.memory.zeros(f64, {5}), log_normaliser = f.memory.zeros(f64, {5});
  const Tensor d_hidden = f.memory.zeros(f64, {5, 4}), d_weight = f.memory.zeros(f64, {7, 4});
  HeadArgs args{.hidden = hidden,
                .weight = weight,
                .targets = targets,
                .softcap = softcap,
                .log_prob = log_prob,
                .log_normaliser = log_normaliser,
                .z_loss = 0.1f};
  const auto loss = [&] {
    ref::head(f.stream, args);
    if (given) return weighted_sum(log_prob, w) + weighted_sum(log_normaliser, b);
    double sum = 0;
    for (int t = 0; t < 5; ++t) {
      const double lse = log_normaliser.as<double>()[t];
      if (t != 2) sum += w.as<double>()[t] * (-log_prob.as<double>()[t] + args.z_loss * lse * lse);
    }
    return sum;
  };
  HeadArgs with_gradient = args;
  (given ? with_gradient.d_log_prob : with_gradient.token_weight) = w;
  if (given) with_gradient.d_log_normaliser = b;
  with_gradient.d_hidden = d_hidden;
  with_gradient.d_weight = d_weight;
  ref::head(f.stream, with_gradient);
  check_gradient("hidden", hidden, d_hidden, loss);
  check_gradient("weight", weight, d_weight, loss);
}

}  // namespace
}  // namespace hearth::kernels::test
