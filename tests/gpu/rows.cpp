// SPDX-License-Identifier: Apache-2.0
// Ops that wait for memory: norms, rope, GLU, embedding, elementwise, sums, and the optimisers.
#include "kernels/adamw.h"
#include "kernels/elementwise.h"
#include "kernels/embedding.h"
#include "kernels/glu.h"
#include "kernels/muon.h"
#include "kernels/reduce.h"
#include "kernels/rmsnorm.h"
#include "kernels/rope.h"
#include "lib/base/rng.h"
#include "tests/gpu/measure.h"

namespace hearth::gpu {
namespace {

using namespace kernels;

void norms(Measurement& m, DType dtype, std::int64_t rows, std::int64_t width) {
  const Tensor x = m.tensor(dtype, {rows, width}), r = m.tensor(dtype, {rows, width});
  const Tensor s = m.tensor(dtype, {rows, width}), y = m.tensor(dtype, {rows, width});
  const Tensor weight = m.tensor(DType::f32, {width}), rstd = m.tensor(DType::f32, {rows});
  const Tensor dweight = m.tensor(DType::f32, {width});
  const Json shape = {{"rows", rows}, {"width", width}};
  const auto one = static_cast<double>(x.bytes());
  m.run("rmsnorm", shape, {2 * one, 0, dtype}, {y, rstd},
        [&] { rmsnorm(m.stream(), {.x = x, .weight = weight, .y = y, .rstd = rstd}); });
  m.run("rmsnorm_residual", shape, {4 * one, 0, dtype}, {s, y, rstd},
        [&] { rmsnorm(m.stream(), {.x = x, .residual = r, .weight = weight, .sum = s, .y = y, .rstd = rstd}); });
  m.run("rmsnorm_backward", shape, {4 * one, 0, dtype}, {x}, [&] {
    rmsnorm_backward(m.stream(),
                     {.dy = y, .s = s, .weight = weight, .rstd = rstd, .d_residual = r, .ds = x, .dweight = dweight});
  });
  m.clear();
}

void activations(Measurement& m, DType dtype, std::int64_t rows, std::int64_t ffn) {
  const Tensor x = m.tensor(dtype, {rows, 2 * ffn}), dx = m.tensor(dtype, {rows, 2 * ffn});
  const Tensor y = m.tensor(dtype, {rows, ffn}), dy = m.tensor(dtype, {rows, ffn});
  const Tensor weight = m.tensor(DType::f32, {rows}), d_weight = m.tensor(DType::f32, {rows});
  const Json shape = {{"rows", rows}, {"ffn", ffn}};
  const auto one = static_cast<double>(y.bytes());
  m.run("glu", shape, {3 * one, 0, dtype}, {y}, [&] { glu(m.stream(), {.x = x, .y = y}); });
  m.run("glu_backward", shape, {6 * one, 0, dtype}, {dx, y},
        [&] { glu_backward(m.stream(), {.dy = dy, .x = x, .dx = dx, .y = y}); });
  m.run("glu_backward_weighted", shape, {6 * one, 0, dtype}, {dx, d_weight, y}, [&] {
    glu_backward(m.stream(), {.dy = dy, .x = x, .row_weight = weight, .dx = dx, .d_row_weight = d_weight, .y = y});
  });
  m.clear();
}

void positions(Measurement& m, DType dtype, std::int64_t tokens, std::int64_t heads, std::int64_t head_dim) {
  const Tensor x = m.tensor(dtype, {tokens, heads, head_dim}), y = m.tensor(dtype, {tokens, heads, head_dim});
  const Tensor table = m.tensor(DType::f32, {tokens, 2, head_dim / 2});
  m.run("rope", {{"tokens", tokens}, {"heads", heads}, {"head_dim", head_dim}},
        {static_cast<double>(x.bytes() + y.bytes() + table.bytes()), 0, dtype}, {y},
        [&] { rope(m.stream(), {.x = x, .cos_sin = table, .y = y}); });
  m.clear();
}

void embeddings(Measurement& m, DType dtype, std::int64_t tokens, std::int64_t vocab, std::int64_t hidden) {
  Rng rng(1);
  std::vector<std::int32_t> values(static_cast<std::size_t>(tokens));
  // Some tokens are far more frequent than others.
  for (std::int32_t& id : values)
    id = static_cast<std::int32_t>(rng.below(1 + rng.below(static_cast<std::uint64_t>(vocab))));
  const Tensor ids = m.indices(values), table = m.tensor(dtype, {vocab, hidden}), y = m.tensor(dtype, {tokens, hidden});
  const Tensor d_table = m.tensor(DType::f32, {vocab, hidden});
  const Json shape = {{"tokens", tokens}, {"vocab", vocab}, {"hidden", hidden}};
  const auto one = static_cast<double>(y.bytes());
  m.run("embedding", shape, {2 * one, 0, dtype}, {y},
        [&] { embedding(m.stream(), {.ids = ids, .table = table, .y = y}); });
  m.run("embedding_backward", shape, {one + 8.0 * static_cast<double>(std::min(tokens, vocab) * hidden), 0, dtype}, {},
        [&] { embedding_backward(m.stream(), {.ids = ids, .dy = y, .d_table = d_table}); });
  m.clear();
}

void elementwise(Measurement& m, std::int64_t n) {
  const Tensor a = m.tensor(DType::bf16, {n}), b = m.tensor(DType::bf16, {n}), y = m.tensor(DType::bf16, {n});
  const Tensor f = m.tensor(DType::f32, {n}), total = m.tensor(DType::f64, {1});
  const Json shape = {{"n", n}};
  const auto count = static_cast<double>(n);
  m.run("add", shape, {6 * count, 0, DType::bf16}, {y}, [&] { add(m.stream(), {.a = a, .b = b, .y = y}); });
  m.run("cast", shape, {6 * count, 0, DType::f32}, {y}, [&] { cast(m.stream(), {.x = f, .y = y}); });
  m.run("sum_of_squares", shape, {4 * count, 0, DType::f32}, {},
        [&] { sum_of_squares(m.stream(), {.x = f, .total = total}); });
  m.clear();
}

}  // namespace

void measure_rows(Measurement& m) {
  if (m.tiny()) {
    norms(m, DType::bf16, 5, 24);
    activations(m, DType::f32, 5, 24);
    positions(m, DType::bf16, 6, 2, 16);
    embeddings(m, DType::bf16, 9, 7, 16);
    return elementwise(m, 1000);
  }
  for (const DType dtype : {DType::bf16, DType::f32}) {
    norms(m, dtype, 16384, 4096);
    norms(m, dtype, 131072, 768);
    norms(m, dtype, 1048576, 128);  // heads of queries and keys
    activations(m, dtype, 16384, 14336);
    activations(m, dtype, 131072, 1024);
    positions(m, dtype, 16384, 64, 128);
    embeddings(m, dtype, 16384, 32768, 4096);
  }
  elementwise(m, std::int64_t{1} << 28);
}

void measure_optimizers(Measurement& m) {
  const std::int64_t n = m.tiny() ? 1000 : std::int64_t{1} << 28;
  {
    const Tensor p = m.tensor(DType::f32, {n}), g = m.tensor(DType::f32, {n}), copy = m.tensor(DType::bf16, {n});
    const Tensor first = m.tensor(DType::f32, {n}), second = m.tensor(DType::f32, {n});
    second.n_elements() > 0 ? fill(m.stream(), {.y = second, .value = 0.25f}) : void();
    m.run("adamw", {{"n", n}}, {30.0 * static_cast<double>(n), 0, DType::f32}, {copy}, [&] {
      adamw(m.stream(), {.parameter = p, .gradient = g, .m = first, .v = second, .copy = copy, .learning_rate = 1e-6f});
    });
    m.clear();
  }
  const Shape matrices = m.tiny() ? Shape{2, 12, 20} : Shape{8, 4096, 4096};
  const std::int64_t rows = matrices[1], columns = matrices[2], least = std::min(rows, columns);
  const Tensor p = m.tensor(DType::f32, matrices), g = m.tensor(DType::f32, matrices);
  const Tensor buffer = m.tensor(DType::f32, matrices), copy = m.tensor(DType::bf16, matrices);
  const Tensor workspace = m.tensor(DType::u8, {muon_workspace_bytes(matrices)});
  // Five Newton-Schulz steps of x x^T, its square and a product with x.
  const double flops = static_cast<double>(matrices[0]) * 5 * 2 *
                       static_cast<double>(2 * least * rows * columns + least * least * least);
  m.run("muon", {{"matrices", matrices[0]}, {"rows", rows}, {"columns", columns}},
        {22.0 * static_cast<double>(p.n_elements()), flops, DType::bf16}, {copy}, [&] {
          muon(m.stream(), {.parameter = p,
                            .gradient = g,
                            .buffer = buffer,
                            .copy = copy,
                            .workspace = workspace,
                            .learning_rate = 1e-6f});
        });
  m.clear();
}

}  // namespace hearth::gpu
