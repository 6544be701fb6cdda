// SPDX-License-Identifier: Apache-2.0
// Every fast kernel against the reference, in f32 and bf16, over shapes that include one, the tile and beyond, and with
// other numbers of threads (on CUDA: under another schedule). Trusts the reference (test_ref_gradients) and gemm
// (test_gemm).
#include "tests/kernels/support.h"

namespace hearth::kernels::test {
namespace {

TEST_CASE("rmsnorm agrees with the reference") {
  struct Case {
    std::int64_t rows, width;
    bool residual, weight;
  };
  const Case each = GENERATE(Case{1, 1, false, true}, Case{3, 16, true, true}, Case{5, 33, false, false},
                             Case{300, 64, true, true}, Case{17, 384, false, true}, Case{130, 1000, true, false});
  const DType dtype = GENERATE(f32, b16), weight_dtype = GENERATE(f32, b16);
  Memory memory;
  const Shape shape{each.rows, each.width};
  const Tensor x = memory.random(dtype, shape), dy = memory.random(dtype, shape), past = memory.random(dtype, shape);
  const Tensor residual = each.residual ? memory.random(dtype, shape) : Tensor{};
  const Tensor weight = each.weight ? memory.random(weight_dtype, {each.width}) : Tensor{};
  compare("rmsnorm", one_rounding(dtype), [&](Stream& stream) {
    const Tensor sum = each.residual ? memory.zeros(dtype, shape) : Tensor{}, y = memory.zeros(dtype, shape);
    const Tensor rstd = memory.zeros(f32, {each.rows}), ds = memory.copy(dy);
    const Tensor dweight = memory.of(f32, {each.width}, ref::Values(each.width, 0.25));
    rmsnorm(stream,
            {.x = x, .residual = residual, .weight = weight, .sum = sum, .y = y, .rstd = rstd, .epsilon = 0.1f});
    rmsnorm_backward(stream, {.dy = ds,
                              .s = each.residual ? sum : x,
                              .weight = weight,
                              .rstd = rstd,
                              .d_residual = each.residual ? past : Tensor{},
                              .ds = ds,
                              .dweight = dweight});
    return Results{{"y", y}, {"rstd", rstd}, {"ds", ds}, {"dweight", dweight}};
  });
}

TEST_CASE("rope agrees with the reference, also in place and up to far positions") {
  const std::int64_t head_dim = GENERATE(4, 64, 72), half = GENERATE(2, 20, 32);
  const DType dtype = GENERATE(f32, b16);
  if (2 * half > head_dim) return;
  Memory memory;
  const std::int64_t tokens = 37, heads = 3;
  const Tensor positions = memory.random_indices({tokens}, 200000), x = memory.random(dtype, {tokens, heads, head_dim});
  ref::Values frequencies;
  for (std::int64_t i = 0; i < half; ++i) frequencies.push_back(std::pow(10000.0, -static_cast<double>(i) / half));
  const Tensor frequency = memory.of(f32, {half}, frequencies);
  compare("rope", one_rounding(dtype), [&](Stream& stream) {
    const Tensor table = memory.zeros(f32, {tokens, 2, half}), y = memory.zeros(dtype, x.shape), back = memory.copy(x);
    rope_table(stream, {.positions = positions, .inverse_frequency = frequency, .multiplier = 1.1f, .cos_sin = table});
    rope(stream, {.x = x, .cos_sin = table, .y = y});
    rope(stream, {.x = back, .cos_sin = table, .y = back, .backward = true});
    return Results{{"table", table}, {"y", y}, {"backward", back}};
  });
}

TEST_CASE("norm and rope of heads in one agree with the reference, the gradient in place") {
  struct Case {
    std::int64_t tokens, heads, head_dim, rotary;
  };
  const Case each = GENERATE(Case{1, 1, 2, 2}, Case{5, 3, 20, 12}, Case{33, 2, 128, 128}, Case{150, 2, 80, 40});
  const DType dtype = GENERATE(f32, b16), weight_dtype = GENERATE(f32, b16);
  Memory memory;
  const Shape shape{each.tokens, each.heads, each.head_dim};
  const Tensor x = memory.random(dtype, shape), dy = memory.random(dtype, shape);
  const Tensor weight = memory.random(weight_dtype, {each.head_dim});
  const Tensor table = memory.random(f32, {each.tokens, 2, each.rotary / 2});
  compare("norm_rope", one_rounding(dtype), [&](Stream& stream) {
    const Tensor y = memory.zeros(dtype, shape), rstd = memory.zeros(f32, {each.tokens * each.heads});
    const Tensor dx = memory.copy(dy), dweight = memory.of(f32, {each.head_dim}, ref::Values(each.head_dim, 0.25));
    norm_rope(stream, {.x = x, .weight = weight, .cos_sin = table, .y = y, .rstd = rstd, .epsilon = 0.1f});
    norm_rope_backward(
        stream, {.dy = dx, .x = x, .weight = weight, .rstd = rstd, .cos_sin = table, .dx = dx, .dweight = dweight});
    return Results{{"y", y}, {"rstd", rstd}, {"dx", dx}, {"dweight", dweight}};
  });
}

struct AttentionCase {
  std::vector<std::int64_t> cu_seqlens;
  std::int64_t q_heads, kv_heads, head_dim, v_dim;
  AttentionMask mask;
  bool sinks;
  float softcap;
};

TEST_CASE("attention agrees with the reference under every mask") {
  const AttentionCase each =
      GENERATE(AttentionCase{{0, 1}, 1, 1, 8, 8, {}, false, 0}, AttentionCase{{0, 5, 5, 18}, 2, 1, 16, 16, {}, true, 0},
               AttentionCase{{0, 111, 112, 400}, 2, 2, 64, 64, {}, false, 0},
               AttentionCase{{0, 300}, 3, 1, 33, 40, {.causal = false}, false, 0},
               AttentionCase{{0, 290, 301}, 2, 1, 32, 32, {.window = 37}, true, 0},
               AttentionCase{{0, 600}, 1, 1, 16, 16, {.window = 260}, false, 20},
               AttentionCase{{0, 100, 380}, 2, 2, 16, 24, {.causal = false, .window = 5}, false, 0},
               AttentionCase{{0, 530}, 1, 1, 20, 20, {.chunk = 64}, true, 30},
               AttentionCase{{0, 70}, 4, 2, 128, 128, {}, true, 0},
               AttentionCase{{0, 40, 75}, 2, 2, 192, 128, {.window = 20}, false, 0},
               AttentionCase{{0, 66}, 2, 1, 256, 256, {.chunk = 40}, false, 10},
               AttentionCase{{0, 67, 70}, 4, 2, 192, 128, {}, true, 15},
               AttentionCase{{0, 90}, 2, 1, 192, 128, {.chunk = 33}, true, 0},
               AttentionCase{{0, 70, 97}, 2, 1, 80, 80, {.window = 30}, true, 25},
               AttentionCase{{0, 65}, 3, 1, 96, 72, {.causal = false, .chunk = 16}, true, 0},
               AttentionCase{{0, 68}, 2, 2, 224, 224, {.window = 17}, true, 20});
  const DType dtype = GENERATE(f32, b16);
  Memory memory;
  const std::int64_t tokens = each.cu_seqlens.back();
  const Shape q_shape{tokens, each.q_heads, each.head_dim}, k_shape{tokens, each.kv_heads, each.head_dim};
  const Shape v_shape{tokens, each.kv_heads, each.v_dim}, o_shape{tokens, each.q_heads, each.v_dim};
  const Tensor q = memory.random(dtype, q_shape), k = memory.random(dtype, k_shape), v = memory.random(dtype, v_shape);
  const Tensor d_o = memory.random(dtype, o_shape), cu_seqlens = memory.indices(each.cu_seqlens);
  const Tensor sinks = each.sinks ? memory.random(f32, {each.q_heads}) : Tensor{};
  const float scale = 1 / std::sqrt(static_cast<float>(each.head_dim));
  compare("attention", dtype == b16 ? 6e-2 : 1e-4, [&](Stream& stream) {
    const Tensor o = memory.zeros(dtype, o_shape), lse = memory.zeros(f32, {each.q_heads, tokens});
    const Tensor dq = memory.zeros(dtype, q_shape), dk = memory.zeros(dtype, k_shape),
                 dv = memory.zeros(dtype, v_shape);
    const Tensor dsinks = each.sinks ? memory.of(f32, {each.q_heads}, ref::Values(each.q_heads, 0.5)) : Tensor{};
    attention(stream, {.q = q,
                       .k = k,
                       .v = v,
                       .cu_seqlens = cu_seqlens,
                       .sinks = sinks,
                       .o = o,
                       .lse = lse,
                       .mask = each.mask,
                       .scale = scale,
                       .softcap = each.softcap});
    attention_backward(stream, {.q = q,
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
                                .scale = scale,
                                .softcap = each.softcap});
    Results results{{"o", o}, {"lse", lse}, {"dq", dq}, {"dk", dk}, {"dv", dv}};
    if (each.sinks) results.push_back({"dsinks", dsinks});
    return results;
  });
}

TEST_CASE("attention of a sequence does not depend on what is packed beside it, nor a query on later ones") {
  const DType dtype = GENERATE(f32, b16);
  Machine machine;
  Memory memory;
  const Tensor q = memory.random(dtype, {500, 2, 32}), k = memory.random(dtype, {500, 1, 32}),
               v = memory.random(dtype, {500, 1, 32});
  const auto run = [&](std::int64_t begin, std::int64_t count, const std::vector<std::int64_t>& cu_seqlens) {
    const Tensor o = memory.zeros(dtype, {count, 2, 32}), lse = memory.zeros(f32, {2, count});
    attention(machine.fast, {.q = q.rows(begin, count),
                             .k = k.rows(begin, count),
                             .v = v.rows(begin, count),
                             .cu_seqlens = memory.indices(cu_seqlens),
                             .o = o,
                             .lse = lse,
                             .scale = 0.2f});
    machine.fast.wait();
    return o;
  };
  const Tensor both = run(0, 500, {0, 201, 500}), second = run(201, 299, {0, 299}), prefix = run(201, 280, {0, 280});
  CHECK(same_bits(both.rows(201, 299), second));
  CHECK(same_bits(second.rows(0, 280), prefix));
  const Tensor one = run(201, 1, {0, 1});
  CHECK(same_bits(one, second.rows(0, 1)));
}

TEST_CASE("glu agrees with the reference") {
  const std::int64_t rows = GENERATE(1, 300), ffn = GENERATE(1, 16, 51, 192);
  const DType dtype = GENERATE(f32, b16);
  const bool weighted = GENERATE(false, true);
  Memory memory;
  const Tensor x = memory.random(dtype, {rows, 2 * ffn}, 3), dy = memory.random(dtype, {rows, ffn});
  const Tensor weight = weighted ? memory.random(f32, {rows}) : Tensor{};
  compare("glu", one_rounding(dtype), [&](Stream& stream) {
    const Tensor y = memory.zeros(dtype, {rows, ffn}), again = memory.zeros(dtype, {rows, ffn}), dx = memory.copy(x);
    const Tensor d_weight = weighted ? memory.zeros(f32, {rows}) : Tensor{};
    glu(stream, {.x = x, .row_weight = weight, .y = y});
    glu_backward(stream, {.dy = dy, .x = dx, .row_weight = weight, .dx = dx, .d_row_weight = d_weight, .y = again});
    Results results{{"y", y}, {"y again", again}, {"dx", dx}};
    if (weighted) results.push_back({"d_row_weight", d_weight});
    return results;
  });
}

TEST_CASE("router agrees with the reference") {
  struct Case {
    std::int64_t experts, k;
    RouterOptions options;
    bool bias;
  };
  const Case each =
      GENERATE(Case{8, 2, {}, false}, Case{64, 6, {.renormalise = false}, true}, Case{5, 5, {}, false},
               Case{64, 8, {.score = RouterScore::sigmoid, .groups = 8, .groups_kept = 3, .scale = 2.5f}, true},
               Case{4, 2, {.score = RouterScore::sigmoid, .groups = 4, .groups_kept = 2}, true});
  Memory memory;
  const std::int64_t tokens = 301;
  const Tensor logits = memory.random(f32, {tokens, each.experts}, 2), d_weights = memory.random(f32, {tokens, each.k});
  const Tensor bias = each.bias ? memory.random(f32, {each.experts}, 0.1) : Tensor{};
  const Tensor cu_seqlens = memory.indices({0, 7, 7, 150, 301});
  compare("router", 2e-5, [&](Stream& stream) {
    const Tensor scores = memory.zeros(f32, logits.shape), ids = memory.zeros(i32, {tokens, each.k});
    const Tensor weights = memory.zeros(f32, {tokens, each.k}), counts = memory.zeros(i32, {each.experts});
    const Tensor d_logits = memory.zeros(f32, logits.shape), losses = memory.zeros(f32, {2});
    router(stream, {.logits = logits,
                    .selection_bias = bias,
                    .scores = scores,
                    .expert_ids = ids,
                    .weights = weights,
                    .counts = counts,
                    .options = each.options});
    router_backward(stream, {.logits = logits,
                             .scores = scores,
                             .expert_ids = ids,
                             .weights = weights,
                             .d_weights = d_weights,
                             .cu_seqlens = cu_seqlens,
                             .d_logits = d_logits,
                             .losses = losses,
                             .options = each.options,
                             .balance_coefficient = 0.01f,
                             .z_coefficient = 0.02f});
    return Results{{"scores", scores}, {"ids", ids},           {"weights", weights},
                   {"counts", counts}, {"d_logits", d_logits}, {"losses", losses}};
  });
}

TEST_CASE("logits that are not numbers still choose distinct experts in range") {
  Machine machine;
  Memory memory;
  const double nan = std::nan("");
  const Tensor logits = memory.of(f32, {2, 4}, {nan, nan, nan, nan, 1, nan, 2, -INFINITY});
  const Tensor ids = memory.zeros(i32, {2, 3});
  router(machine.fast, {.logits = logits,
                        .scores = memory.zeros(f32, {2, 4}),
                        .expert_ids = ids,
                        .weights = memory.zeros(f32, {2, 3}),
                        .counts = memory.zeros(i32, {4})});
  machine.fast.wait();
  for (int token = 0; token < 2; ++token) {
    std::vector<std::int64_t> chosen = ref::read_indices(ids.rows(token, 1));
    std::sort(chosen.begin(), chosen.end());
    CHECK(std::adjacent_find(chosen.begin(), chosen.end()) == chosen.end());
    CHECK((chosen.front() >= 0 && chosen.back() < 4));
  }
}

TEST_CASE("moving tokens to experts and back agrees with the reference") {
  const std::int64_t tokens = GENERATE(1, 203), hidden = GENERATE(8, 100), k = GENERATE(1, 3);
  const DType dtype = GENERATE(f32, b16);
  Memory memory;
  const Tensor ids = memory.random_indices({tokens, k}, 7), x = memory.random(dtype, {tokens, hidden});
  const Tensor weights = memory.random(f32, {tokens, k}), rows = memory.random(dtype, {tokens * k, hidden});
  compare("moe", one_rounding(dtype), [&](Stream& stream) {
    const Tensor offsets = memory.zeros(i32, {8}), row_of = memory.zeros(i32, {tokens, k});
    const Tensor token_of = memory.zeros(i32, {tokens * k}), gathered = memory.zeros(dtype, rows.shape);
    const Tensor y = memory.copy(x), plain = memory.zeros(dtype, x.shape), d_rows = memory.zeros(dtype, rows.shape);
    const Tensor d_weights = memory.zeros(f32, weights.shape), on_rows = memory.zeros(f32, {tokens * k});
    const Tensor back = memory.zeros(f32, weights.shape);
    moe_sort(stream, {.expert_ids = ids, .offsets = offsets, .row_of = row_of, .token_of = token_of});
    moe_gather(stream, {.x = x, .token_of = token_of, .rows = gathered});
    moe_combine(stream, {.rows = rows, .row_of = row_of, .weights = weights, .base = y, .y = y});
    moe_combine(stream, {.rows = rows, .row_of = row_of, .y = plain});
    moe_combine_backward(
        stream,
        {.dy = x, .rows = rows, .row_of = row_of, .weights = weights, .d_rows = d_rows, .d_weights = d_weights});
    moe_to_rows(stream, {.row_of = row_of, .choices = weights, .rows = on_rows});
    moe_from_rows(stream, {.row_of = row_of, .rows = on_rows, .choices = back});
    return Results{
        {"offsets", offsets}, {"row_of", row_of}, {"token_of", token_of},   {"gathered", gathered}, {"y", y},
        {"plain", plain},     {"d_rows", d_rows}, {"d_weights", d_weights}, {"on_rows", on_rows},   {"back", back}};
  });
}

TEST_CASE("rows that arrive from several ranks are told apart") {
  Memory memory;
  const Tensor counts = memory.indices({3, 4}, {9, 2, 0, 1, 0, 5, 3, 7, 0, 0, 4, 2});  // for experts 1 and 2: 2 + 8 + 4
  const std::int64_t begin = GENERATE(0, 1, 6, 13, 14);
  compare("moe_arrived", 0, [&](Stream& stream) {
    const Tensor ids = memory.zeros(i32, {14 - begin, 1});
    moe_arrived(stream, {.counts = counts, .first = 1, .n_here = 2, .begin = begin, .expert_ids = ids});
    return Results{{"expert_ids", ids}};
  });
  Machine machine;
  const Tensor ids = memory.zeros(i32, {5, 1});
  moe_arrived(machine.ref, {.counts = counts, .first = 1, .n_here = 2, .begin = 6, .expert_ids = ids});
  CHECK(same_bits(ids, memory.indices({5, 1}, {0, 1, 1, 1, 1})));
}

TEST_CASE("a number is raised to what it must be at least") {
  Memory memory;
  compare("at_least", 0, [&](Stream& stream) {
    const Tensor number = memory.zeros(DType::i64, {1}), other = memory.zeros(DType::i64, {1});
    *number.as<std::int64_t>() = *other.as<std::int64_t>() = 5;
    at_least(stream, {.number = number, .least = 7});
    at_least(stream, {.number = other, .least = 3});
    stream.wait();
    CHECK(*number.as<std::int64_t>() == 7);
    CHECK(*other.as<std::int64_t>() == 5);
    return Results{};
  });
}

TEST_CASE("embedding agrees with the reference, of a whole table and of a part") {
  const DType dtype = GENERATE(f32, b16);
  const std::int64_t width = GENERATE(33, 24), first = GENERATE(0, 13), whole = first > 0 ? 70 : 0;
  Memory memory;
  const Tensor ids = memory.random_indices({500}, first > 0 ? 70 : 40), table = memory.random(dtype, {40, width});
  const Tensor dy = memory.random(dtype, {500, width});
  compare("embedding", one_rounding(dtype), [&](Stream& stream) {
    const Tensor y = memory.zeros(dtype, {500, width});
    const Tensor d_table = memory.of(f32, {40, width}, ref::Values(static_cast<std::size_t>(40 * width), 1));
    embedding(stream, {.ids = ids, .table = table, .y = y, .first = first, .whole = whole});
    embedding_backward(stream, {.ids = ids, .dy = dy, .d_table = d_table, .first = first, .whole = whole});
    return Results{{"y", y}, {"d_table", d_table}};
  });
}

TEST_CASE("head agrees with the reference, over several chunks and with every kind of derivative") {
  struct Case {
    std::int64_t tokens, vocab, hidden;
    float softcap;
  };
  const Case each = GENERATE(Case{1, 3, 5, 0}, Case{70, 300, 16, 0}, Case{33, 5000, 8, 4}, Case{130, 270000, 2, 0});
  const DType dtype = GENERATE(f32, b16);
  const bool given = GENERATE(false, true);
  if (each.vocab > 100000 && (dtype == b16 || given)) return;  // the case for chunks
  Memory memory;
  const Shape per_token{each.tokens};
  const Tensor hidden = memory.random(dtype, {each.tokens, each.hidden});
  const Tensor weight = memory.random(dtype, {each.vocab, each.hidden});
  const Tensor targets = memory.random_indices(per_token, each.vocab);
  if (each.tokens > 3) targets.as<std::int32_t>()[2] = -1;
  const Tensor w = memory.random(f32, per_token), b = memory.random(f32, per_token);
  compare("head of " + std::to_string(each.vocab),
          dtype == b16          ? 5e-2
          : each.vocab > 100000 ? 1e-3
                                : 1e-4,
          [&](Stream& stream) {
            const Tensor log_prob = memory.zeros(f32, per_token), log_normaliser = memory.zeros(f32, per_token);
            const Tensor entropy = memory.zeros(f32, per_token), d_hidden = memory.zeros(dtype, hidden.shape);
            const Tensor d_weight = memory.zeros(f32, weight.shape);
            HeadArgs args{.hidden = hidden,
                          .weight = weight,
                          .targets = targets,
                          .softcap = each.softcap,
                          .log_prob = log_prob,
                          .log_normaliser = log_normaliser,
                          .entropy = entropy,
                          .z_loss = 0.01f};
            args.workspace = memory.zeros(DType::u8, {head_workspace_bytes(each.tokens, each.vocab)});
            head(stream, args);
            (given ? args.d_log_prob : args.token_weight) = w;
            if (given) args.d_log_normaliser = b;
            args.d_hidden = d_hidden;
            args.d_weight = d_weight;
            head(stream, args);
            return Results{{"log_prob", log_prob},
                           {"log_normaliser", log_normaliser},
                           {"entropy", entropy},
                           {"d_hidden", d_hidden},
                           {"d_weight", d_weight}};
          });
  if (each.tokens > 100) return;
  compare("head_logits", 1e-5, [&](Stream& stream) {
    const Tensor logits = memory.zeros(f32, {each.tokens, each.vocab});
    head_logits(stream, {.hidden = hidden, .weight = weight, .softcap = each.softcap, .logits = logits});
    return Results{{"logits", logits}};
  });
}

TEST_CASE("adamw agrees with the reference over several steps") {
  const std::int64_t n = GENERATE(1, 17, 70000);
  Memory memory;
  const Tensor start = memory.random(f32, {n}), gradient = memory.random(f32, {n});
  compare("adamw", 1e-5, [&](Stream& stream) {
    const Tensor p = memory.copy(start), m = memory.zeros(f32, {n}), v = memory.zeros(f32, {n});
    for (int step = 1; step <= 3; ++step) {
      adamw(stream, {.parameter = p,
                     .gradient = gradient,
                     .m = m,
                     .v = v,
                     .learning_rate = 0.01f,
                     .weight_decay = 0.1f,
                     .gradient_scale = 0.5f,
                     .step = step});
    }
    const Tensor copy = memory.zeros(b16, {n});
    adamw(stream, {.parameter = p, .gradient = gradient, .m = m, .v = v, .copy = copy, .step = 4});
    stream.wait();
    CHECK(relative_error(copy, p) < 3e-2);
    return Results{{"parameter", p}, {"m", m}, {"v", v}};
  });
}

TEST_CASE("muon agrees with the reference, tall, wide and in batches") {
  const Shape shape = GENERATE(Shape{16, 16}, Shape{20, 50}, Shape{50, 20}, Shape{3, 33, 17}, Shape{1, 1});
  const DType compute = GENERATE(f32, b16);
  Memory memory;
  const Tensor start = memory.random(f32, shape), gradient = memory.random(f32, shape);
  compare("muon", compute == b16 ? 0.1 : 2e-4, [&](Stream& stream) {
    const Tensor p = memory.copy(start), buffer = memory.zeros(f32, shape), copy = memory.zeros(b16, shape);
    for (int step = 0; step < 2; ++step) {
      muon(stream, {.parameter = p,
                    .gradient = gradient,
                    .buffer = buffer,
                    .copy = copy,
                    .workspace = memory.zeros(DType::u8, {muon_workspace_bytes(shape)}),
                    .learning_rate = 0.1f,
                    .weight_decay = 0.1f,
                    .update_scale = 2,
                    .compute = compute});
    }
    return Results{{"parameter", p}, {"buffer", buffer}};
  });
}

TEST_CASE("muon makes singular values about one") {
  Machine machine;
  Memory memory;
  const Shape shape{24, 40};
  const Tensor p = memory.zeros(f32, shape), squares = memory.zeros(DType::f64, {1});
  muon(machine.fast, {.parameter = p,
                      .gradient = memory.random(f32, shape),
                      .buffer = memory.zeros(f32, shape),
                      .workspace = memory.zeros(DType::u8, {muon_workspace_bytes(shape)}),
                      .learning_rate = 1});
  sum_of_squares(machine.fast, {.x = p, .total = squares});
  machine.fast.wait();
  CHECK(squares.as<double>()[0] == Approx(24).epsilon(0.25));  // the sum of the squared singular values
}

TEST_CASE("elementwise operations and sums agree with the reference") {
  const std::int64_t rows = GENERATE(1, 7, 900), width = GENERATE(1, 100);
  const DType x_dtype = GENERATE(f32, b16), y_dtype = GENERATE(f32, b16);
  Memory memory;
  const Shape shape{rows, width};
  const Tensor a = memory.random(x_dtype, shape), b = memory.random(y_dtype, shape), bias = memory.random(f32, {width});
  compare("elementwise", one_rounding(y_dtype), [&](Stream& stream) {
    const Tensor sum_ab = memory.zeros(y_dtype, shape), casted = memory.zeros(y_dtype, shape);
    const Tensor filled = memory.zeros(y_dtype, shape), scaled = memory.zeros(y_dtype, shape), biased = memory.copy(b);
    add(stream, {.a = a, .b = b, .y = sum_ab});
    cast(stream, {.x = a, .y = casted});
    fill(stream, {.y = filled, .value = 1.5f});
    scale(stream, {.x = a, .factor = -2, .y = scaled});
    add_bias(stream, {.y = biased, .bias = bias});
    return Results{{"add", sum_ab}, {"cast", casted}, {"fill", filled}, {"scale", scaled}, {"add_bias", biased}};
  });
  compare("sums", 1e-4, [&](Stream& stream) {
    const Tensor squares = memory.zeros(DType::f64, {1}), total = memory.of(DType::f64, {1}, {100});
    const Tensor weighted = memory.of(DType::f64, {1}, {100}), columns = memory.zeros(f32, {width});
    sum_of_squares(stream, {.x = a, .total = squares});
    sum(stream, {.x = a, .total = total});
    sum(stream, {.x = a, .weight = memory.of(f32, shape, ref::Values(rows * width, 0.5)), .total = weighted});
    sum_rows(stream, {.x = a, .total = columns});
    return Results{{"sum_of_squares", squares}, {"sum", total}, {"weighted sum", weighted}, {"sum_rows", columns}};
  });
}

TEST_CASE("a NaN or infinity anywhere makes the sum of squares non-finite, and casts keep both") {
  const double bad = GENERATE(double(INFINITY), -double(INFINITY), double(NAN));
  Machine machine;
  Memory memory;
  ref::Values values(1000, 1);
  values[777] = bad;
  const Tensor x = memory.of(f32, {1000}, values), total = memory.zeros(DType::f64, {1}), y = memory.zeros(b16, {1000});
  sum_of_squares(machine.fast, {.x = x, .total = total});
  machine.fast.wait();
  CHECK_FALSE(std::isfinite(total.as<double>()[0]));
  cast(machine.fast, {.x = x, .y = y});
  machine.fast.wait();
  const float kept = static_cast<float>(y.as<bf16>()[777]);
  CHECK((std::isnan(bad) ? std::isnan(kept) : kept == static_cast<float>(bad)));
}

TEST_CASE("a NaN is never hidden by the fast kernels") {
  Machine machine;
  Memory memory;
  const DType dtype = GENERATE(f32, b16);
  const std::int64_t tokens = 40, width = 32;
  const Tensor x = memory.random(dtype, {tokens, width}), y = memory.zeros(dtype, {tokens, width / 2});
  if (dtype == f32) x.as<float>()[3 * width + 5] = NAN;
  if (dtype == b16) x.as<bf16>()[3 * width + 5] = bf16(NAN);
  const auto is_nan = [](const Tensor& tensor, std::int64_t i) { return std::isnan(ref::read(tensor)[i]); };
  glu(machine.fast, {.x = x, .y = y});
  machine.fast.wait();
  CHECK(is_nan(y, 3 * width / 2 + 5));

  const Tensor log_prob = memory.zeros(f32, {tokens}), log_normaliser = memory.zeros(f32, {tokens});
  head(machine.fast, {.hidden = x,
                      .weight = memory.random(dtype, {50, width}),
                      .targets = memory.random_indices({tokens}, 50),
                      .log_prob = log_prob,
                      .log_normaliser = log_normaliser,
                      .workspace = memory.zeros(DType::u8, {head_workspace_bytes(tokens, 50)})});
  machine.fast.wait();
  CHECK((is_nan(log_prob, 3) && is_nan(log_normaliser, 3) && !is_nan(log_prob, 4)));

  const Tensor q = x.reshaped({tokens, 2, 16}), v = memory.random(dtype, {tokens, 2, 16}),
               o = memory.zeros(dtype, {tokens, 2, 16});
  const Tensor lse = memory.zeros(f32, {2, tokens});
  attention(machine.fast, {.q = q, .k = v, .v = v, .cu_seqlens = memory.indices({0, tokens}), .o = o, .lse = lse});
  machine.fast.wait();
  CHECK((is_nan(o, 3 * width + 1) && is_nan(lse, 3) && !is_nan(lse, 4)));
}

TEST_CASE("sampling: greedy, cuts, and frequencies") {
  Machine machine;
  if (!machine.fast.is_host()) return;  // frequencies want more rows than the SIMT machine has time for
  Memory memory;
  constexpr std::int64_t rows = 20000;
  ref::Values values;
  for (std::int64_t row = 0; row < rows; ++row)
    values.insert(values.end(), {std::log(0.5), std::log(0.3), std::log(0.15), std::log(0.05)});
  const Tensor logits = memory.of(f32, {rows, 4}, values), ids = memory.zeros(i32, {rows}),
               log_prob = memory.zeros(f32, {rows});
  const Tensor streams = memory.zeros(DType::i64, {rows}), draws = memory.zeros(DType::i64, {rows});
  for (std::int64_t row = 0; row < rows; ++row) streams.as<std::int64_t>()[row] = row;
  const auto frequencies = [&](float temperature, int top_k, float top_p) {
    sample(machine.fast, {.logits = logits,
                          .streams = streams,
                          .draws = draws,
                          .ids = ids,
                          .log_prob = log_prob,
                          .temperature = temperature,
                          .top_k = top_k,
                          .top_p = top_p,
                          .seed = 3});
    std::vector<double> share(4);
    for (const std::int64_t id : ref::read_indices(ids)) share[id] += 1.0 / rows;
    return share;
  };
  CHECK(frequencies(0, 0, 1)[0] == Approx(1));
  const auto plain = frequencies(1, 0, 1);
  CHECK(plain[0] == Approx(0.5).margin(0.015));
  CHECK(plain[3] == Approx(0.05).margin(0.01));
  CHECK(log_prob.as<float>()[0] == Approx(logits.as<float>()[ids.as<std::int32_t>()[0]]));
  const auto two = frequencies(1, 2, 1);
  CHECK(two[0] == Approx(0.625).margin(0.015));
  CHECK(two[2] + two[3] == 0);
  const auto nucleus = frequencies(1, 0, 0.6f);
  CHECK(nucleus[1] == Approx(0.375).margin(0.015));
  CHECK(nucleus[2] + nucleus[3] == 0);
  CHECK(frequencies(0.5f, 0, 1)[0] == Approx(0.25 / 0.365).margin(0.015));
}

TEST_CASE("wrong operands are named") {
  Machine machine;
  Memory memory;
  const Tensor x = memory.zeros(f32, {2, 4}), half = memory.zeros(b16, {2, 4}), ids = memory.indices({1, 9});
  CHECK_THROWS_WITH(rmsnorm(machine.fast, {.x = x, .y = half}), Catch::Contains("rmsnorm: y holds bf16, wanted f32"));
  CHECK_THROWS_WITH(head(machine.fast, {.hidden = x, .weight = x, .targets = memory.indices({0, 1})}),
                    Catch::Contains("workspace"));
  if (!machine.fast.is_host()) return;  // what lies on a device is not looked at
  CHECK_THROWS_WITH(embedding(machine.fast, {.ids = ids, .table = x, .y = x}), Catch::Contains("token id 9"));
  const Tensor q = memory.zeros(f32, {4, 2, 8}), lse = memory.zeros(f32, {2, 4});
  CHECK_THROWS_WITH(
      attention(machine.fast, {.q = q, .k = q, .v = q, .cu_seqlens = memory.indices({0, 3}), .o = q, .lse = lse}),
      Catch::Contains("cu_seqlens ends at 3 of 4"));
}

TEST_CASE("empty batches do nothing") {
  Machine machine;
  Memory memory;
  const Tensor none = memory.zeros(f32, {0, 8}), rows = memory.zeros(f32, {0});
  CHECK_NOTHROW(rmsnorm(machine.fast, {.x = none, .y = none, .rstd = rows}));
  CHECK_NOTHROW(glu(machine.fast, {.x = memory.zeros(f32, {0, 16}), .y = none}));
  const Tensor q = memory.zeros(f32, {0, 2, 8});
  CHECK_NOTHROW(
      attention(machine.fast,
                {.q = q, .k = q, .v = q, .cu_seqlens = memory.indices({0}), .o = q, .lse = memory.zeros(f32, {2, 0})}));
}

}  // namespace
}  // namespace hearth::kernels::test
