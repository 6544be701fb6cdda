// SPDX-License-Identifier: Apache-2.0
// Whole layers of experts, forward and backward: the ops of lib/nn/moe.cpp in its order (router, sort, gate and up with
// their gather and GLU, down, combine), at the shapes that published figures are for (SonicMoE, H100:
// reference/kernels.md 1.3).
#include "kernels/gemm.h"
#include "kernels/grouped_gemm.h"
#include "kernels/moe.h"
#include "kernels/router.h"
#include "tests/gpu/measure.h"

namespace hearth::gpu {
namespace {

using namespace kernels;

struct LayerShape {
  std::int64_t tokens, hidden, ffn, experts, k;
};

struct Layer {
  const LayerShape& s;
  Stream& stream;
  Tensor x, y, dy, dx, product;  // [tokens, hidden]
  Tensor router_weight, d_router, gate_up, down, d_gate_up, d_down;
  Tensor logits, scores, d_logits;         // [tokens, experts]
  Tensor ids, row_of, weights, d_weights;  // [tokens, k]
  Tensor counts, offsets, token_of, row_weight, d_row_weight, losses;
  Tensor rows, d_rows, pre, activated, d_activated;  // [tokens * k, ...]
  RouterOptions options;

  Layer(Measurement& m, const LayerShape& shape) : s(shape), stream(m.stream()) {
    const DType act = DType::bf16;
    const std::int64_t t = s.tokens, n = s.tokens * s.k, e = s.experts;
    for (Tensor* each : {&x, &y, &dy, &dx, &product}) *each = m.tensor(act, {t, s.hidden});
    router_weight = m.tensor(DType::f32, {e, s.hidden}), d_router = m.tensor(DType::f32, {e, s.hidden});
    gate_up = m.tensor(act, {e, 2 * s.ffn, s.hidden}), d_gate_up = m.tensor(DType::f32, {e, 2 * s.ffn, s.hidden});
    down = m.tensor(act, {e, s.hidden, s.ffn}), d_down = m.tensor(DType::f32, {e, s.hidden, s.ffn});
    for (Tensor* each : {&logits, &scores, &d_logits}) *each = m.tensor(DType::f32, {t, e});
    ids = m.tensor(DType::i32, {t, s.k}), row_of = m.tensor(DType::i32, {t, s.k});
    weights = m.tensor(DType::f32, {t, s.k}), d_weights = m.tensor(DType::f32, {t, s.k});
    counts = m.tensor(DType::i32, {e}), offsets = m.tensor(DType::i32, {e + 1});
    token_of = m.tensor(DType::i32, {n});
    row_weight = m.tensor(DType::f32, {n}), d_row_weight = m.tensor(DType::f32, {n});
    losses = m.tensor(DType::f32, {2});
    rows = m.tensor(act, {n, s.hidden}), d_rows = m.tensor(act, {n, s.hidden});
    pre = m.tensor(act, {n, 2 * s.ffn});
    activated = m.tensor(act, {n, s.ffn});
  }

  void forward() {
    gemm(stream, {.a = x, .b = router_weight, .y = logits, .transpose_b = true});
    router(stream, {.logits = logits,
                    .scores = scores,
                    .expert_ids = ids,
                    .weights = weights,
                    .counts = counts,
                    .options = options});
    moe_sort(stream, {.expert_ids = ids, .offsets = offsets, .row_of = row_of, .token_of = token_of});
    moe_to_rows(stream, {.row_of = row_of, .choices = weights, .rows = row_weight});
    grouped_gemm(stream, {.x = x,
                          .gather = token_of,
                          .weight = gate_up,
                          .offsets = offsets,
                          .y = pre,
                          .row_weight = row_weight,
                          .activated = activated});
    grouped_gemm(stream, {.x = activated, .weight = down, .offsets = offsets, .y = rows});
    moe_combine(stream, {.rows = rows, .row_of = row_of, .weights = {}, .base = {}, .y = y});
  }

  // The gradient of the activations before the GLU goes to memory of its own, so that the call can be repeated.
  void backward(const Tensor& d_pre) {
    grouped_gemm_input_gradient(stream, {.dy = dy,
                                         .gather = token_of,
                                         .weight = down,
                                         .offsets = offsets,
                                         .gate_up = pre,
                                         .row_weight = row_weight,
                                         .d_gate_up = d_pre,
                                         .d_row_weight = d_row_weight,
                                         .activated = activated});
    grouped_gemm_weight_gradient(
        stream, {.dy = dy, .gather_dy = token_of, .x = activated, .offsets = offsets, .dweight = d_down});
    grouped_gemm_weight_gradient(stream,
                                 {.dy = d_pre, .x = x, .gather_x = token_of, .offsets = offsets, .dweight = d_gate_up});
    grouped_gemm_input_gradient(stream, {.dy = d_pre, .weight = gate_up, .offsets = offsets, .dx = d_rows});
    moe_from_rows(stream, {.row_of = row_of, .rows = d_row_weight, .choices = d_weights});
    router_backward(stream, {.logits = logits,
                             .scores = scores,
                             .expert_ids = ids,
                             .weights = weights,
                             .d_weights = d_weights,
                             .d_logits = d_logits,
                             .losses = losses,
                             .options = options});
    gemm(stream, {.a = d_logits, .b = x, .y = d_router, .transpose_a = true, .accumulate = true});
    gemm(stream, {.a = d_logits, .b = router_weight, .y = dx});
    moe_combine(stream, {.rows = d_rows, .row_of = row_of, .weights = {}, .base = dx, .y = dx});
  }
};

void layer(Measurement& m, const LayerShape& s) {
  if (!m.wanted("moe_layer")) return;
  Layer layer(m, s);
  const Tensor d_pre = m.tensor(DType::bf16, layer.pre.shape);
  const Json shape = {{"tokens", s.tokens}, {"hidden", s.hidden}, {"ffn", s.ffn}, {"experts", s.experts}, {"k", s.k}};
  const double flops = 6.0 * static_cast<double>(s.tokens * s.k) * static_cast<double>(s.hidden * s.ffn);
  const auto weights = static_cast<double>(layer.gate_up.bytes() + layer.down.bytes());
  const auto tokens = static_cast<double>(layer.x.bytes());
  m.run("moe_layer", shape, {weights + 2 * tokens, flops, DType::bf16}, {layer.y}, [&] { layer.forward(); });
  m.run("moe_layer_backward", shape, {5 * weights + 3 * tokens, 2 * flops, DType::bf16}, {layer.dx},
        [&] { layer.backward(d_pre); });
  m.clear();
}

}  // namespace

void measure_moe_layers(Measurement& m) {
  if (m.tiny()) return layer(m, {24, 32, 16, 8, 2});
  for (const LayerShape& s : {LayerShape{24576, 1536, 256, 128, 8},
                              {24576, 1536, 1024, 32, 2},
                              {32768, 4096, 256, 256, 16},
                              {32768, 4096, 512, 128, 8},
                              {32768, 4096, 1024, 64, 4},
                              {32768, 4096, 2048, 64, 4},
                              {32768, 768, 512, 64, 6}}) {
    layer(m, s);
  }
}

}  // namespace hearth::gpu
