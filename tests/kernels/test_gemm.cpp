// SPDX-License-Identifier: Apache-2.0
// gemm and grouped_gemm: the fast ones against the reference, and the promises on rows, threads and errors.
#include "kernels/cpu/gemm_blocks.h"
#include "tests/kernels/support.h"

namespace hearth::kernels::test {
namespace {

double tolerance_of(DType y) {
  return y == b16 ? 2e-2 : 1e-5;
}  // relative to the root mean square: one rounding of y

TEST_CASE("gemm agrees with the reference") {
  struct Case {
    std::int64_t m, n, k;
  };
  const Case size =
      GENERATE(Case{1, 1, 1}, Case{2, 3, 5}, Case{14, 32, 16}, Case{15, 33, 17}, Case{168, 64, 384}, Case{169, 65, 385},
               Case{40, 7, 800}, Case{200, 100, 31}, Case{3, 300, 1024}, Case{33, 40, 1});
  const DType a_dtype = GENERATE(f32, b16), b_dtype = GENERATE(f32, b16), y_dtype = GENERATE(f32, b16);
  Machine machine;
  Memory memory(size.m * 7919 + size.n);
  for (int mode = 0; mode < 8; ++mode) {
    const bool ta = mode & 1, tb = mode & 2, accumulate = mode & 4;
    const Tensor a = memory.random(a_dtype, ta ? Shape{size.k, size.m} : Shape{size.m, size.k});
    const Tensor b = memory.random(b_dtype, tb ? Shape{size.n, size.k} : Shape{size.k, size.n});
    const Tensor y = memory.random(y_dtype, {size.m, size.n}), expected = memory.copy(y);
    GemmArgs args{.a = a, .b = b, .y = y, .transpose_a = ta, .transpose_b = tb, .accumulate = accumulate};
    args.alpha = mode == 5 ? 0.5f : 1.0f;
    gemm(machine.fast, args);
    machine.fast.wait();
    args.y = expected;
    gemm(machine.ref, args);
    INFO("m " << size.m << " n " << size.n << " k " << size.k << " mode " << mode << " " << name_of(a_dtype) << " "
              << name_of(b_dtype) << " " << name_of(y_dtype));
    CHECK(relative_error(y, expected) < tolerance_of(y_dtype));
  }
}

TEST_CASE("a row of gemm does not depend on the number of rows, nor anything on the number of threads") {
  const DType dtype = GENERATE(f32, b16);
  const bool transpose_b = GENERATE(false, true);
  const std::int64_t m = 400, n = 130, k = GENERATE(64, 770, 1024);
  Machine one(1), three(3);
  for (Machine* each : {&one, &three}) each->fast.choose({.exact = true});  // else cuBLASLt chooses by the shape
  Memory memory;
  const Tensor a = memory.random(dtype, {m, k}), b = memory.random(dtype, transpose_b ? Shape{n, k} : Shape{k, n});
  const Tensor whole = memory.zeros(f32, {m, n}), again = memory.zeros(f32, {m, n});
  gemm(one.fast, {.a = a, .b = b, .y = whole, .transpose_b = transpose_b});
  gemm(three.fast, {.a = a, .b = b, .y = again, .transpose_b = transpose_b});
  one.fast.wait();
  three.fast.wait();
  CHECK(same_bits(whole, again));
  for (const std::int64_t rows : {1, 2, 13, 14, 15, 100, 169}) {
    for (const std::int64_t begin : {0, 5}) {
      const Tensor part = memory.zeros(f32, {rows, n});
      gemm(three.fast, {.a = a.rows(begin, rows), .b = b, .y = part, .transpose_b = transpose_b});
      three.fast.wait();
      INFO(rows << " rows from " << begin);
      CHECK(same_bits(part, whole.rows(begin, rows)));
    }
  }
}

TEST_CASE("the product of a large matrix crosses strips of columns") {
  Machine machine;
  Memory memory;
  const DType dtype = GENERATE(f32, b16);
  const std::int64_t m = 5, n = 9000, k = 512;
  const Tensor a = memory.random(dtype, {m, k}), b = memory.random(dtype, {n, k});
  const Tensor y = memory.zeros(f32, {m, n}), expected = memory.zeros(f32, {m, n});
  gemm(machine.fast, {.a = a, .b = b, .y = y, .transpose_b = true});
  machine.fast.wait();
  gemm(machine.ref, {.a = a, .b = b, .y = expected, .transpose_b = true});
  CHECK(relative_error(y, expected) < 1e-5);
}

void check_grouped(const GpuKernels& kernels = {}) {
  const DType dtype = GENERATE(f32, b16);
  Machine machine, three(3);
  for (Machine* each : {&machine, &three}) each->fast.choose(kernels);
  Memory memory;
  const std::int64_t rows = 260, in = GENERATE(33, 64), out = 70;
  const Tensor offsets = memory.indices({0, 1, 1, 200, 217, 250});
  const Tensor x = memory.random(dtype, {rows, in}), dy = memory.random(dtype, {rows, out});
  const Tensor weight = memory.random(dtype, {5, out, in});
  const auto run = [&](Stream& stream) {
    Memory* const owner = &memory;
    const Tensor y = owner->of(dtype, {rows, out}, ref::Values(rows * out, 7));
    const Tensor dx = owner->of(dtype, {rows, in}, ref::Values(rows * in, 7));
    const Tensor dweight = owner->of(f32, {5, out, in}, ref::Values(5 * out * in, 0.5));
    grouped_gemm(stream, {.x = x, .weight = weight, .offsets = offsets, .y = y});
    grouped_gemm_input_gradient(stream, {.dy = dy, .weight = weight, .offsets = offsets, .dx = dx});
    grouped_gemm_weight_gradient(stream, {.dy = dy, .x = x, .offsets = offsets, .dweight = dweight});
    return std::vector<Tensor>{y, dx, dweight};
  };
  const auto expected = run(machine.ref), actual = machine.finished(run), other = three.finished(run);
  for (int i = 0; i < 3; ++i) {
    CHECK(relative_error(actual[i], expected[i]) < tolerance_of(expected[i].dtype));
    CHECK(same_bits(actual[i], other[i]));
  }
  CHECK(same_bits(actual[0].rows(250, 10), expected[0].rows(250, 10)));
}

TEST_CASE("grouped gemm agrees with the reference, and leaves rows of no expert alone") {
  check_grouped();
}

void check_experts_layer(const GpuKernels& kernels = {}) {
  const DType dtype = GENERATE(f32, b16);
  Machine machine, three(3);
  for (Machine* each : {&machine, &three}) each->fast.choose(kernels);
  Memory memory;
  const std::int64_t rows = 260, tokens = 90, width = GENERATE(33, 64), ffn = GENERATE(24, 72);
  const Tensor offsets = memory.indices({0, 1, 1, 200, 217, 250});
  Tensor gather = memory.random_indices({rows}, tokens);
  for (std::int64_t row = 250; row < rows; ++row) gather.as<std::int32_t>()[row] = 1 << 30;  // nobody's
  const Tensor x = memory.random(dtype, {tokens, width}), dy = memory.random(dtype, {tokens, width});
  const Tensor up = memory.random(dtype, {5, 2 * ffn, width}, 0.2), down = memory.random(dtype, {5, width, ffn}, 0.2);
  const Tensor gate_up = memory.random(dtype, {rows, 2 * ffn}), row_weight = memory.random(f32, {rows});
  const auto sevens = [&](DType type, const Shape& shape) {
    return memory.of(type, shape, ref::Values(shape.n_elements(), 7));
  };
  const auto run = [&](Stream& stream) {
    const Tensor y = sevens(dtype, {rows, 2 * ffn}), activated = sevens(dtype, {rows, ffn});
    grouped_gemm(stream, {.x = x,
                          .gather = gather,
                          .weight = up,
                          .offsets = offsets,
                          .y = y,
                          .row_weight = row_weight,
                          .activated = activated});
    const Tensor d_gate_up = memory.copy(gate_up), again = sevens(dtype, {rows, ffn}), dots = sevens(f32, {rows});
    grouped_gemm_input_gradient(stream, {.dy = dy,
                                         .gather = gather,
                                         .weight = down,
                                         .offsets = offsets,
                                         .gate_up = d_gate_up,
                                         .row_weight = row_weight,
                                         .d_gate_up = d_gate_up,
                                         .d_row_weight = dots,
                                         .activated = again});
    const Tensor d_down = sevens(f32, down.shape), d_up = sevens(f32, up.shape);
    grouped_gemm_weight_gradient(stream,
                                 {.dy = dy, .gather_dy = gather, .x = again, .offsets = offsets, .dweight = d_down});
    grouped_gemm_weight_gradient(stream,
                                 {.dy = d_gate_up, .x = x, .gather_x = gather, .offsets = offsets, .dweight = d_up});
    return std::vector<Tensor>{y, activated, d_gate_up, again, dots, d_down, d_up};
  };
  const auto expected = run(machine.ref), actual = machine.finished(run), other = three.finished(run);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    INFO("result " << i << ", width " << width << ", ffn " << ffn);
    CHECK(relative_error(actual[i], expected[i]) < (dtype == b16 ? 3e-2 : 1e-5));
    CHECK(same_bits(actual[i], other[i]));
    if (i < 5) CHECK(same_bits(actual[i].rows(250, 10), expected[i].rows(250, 10)));
  }
}

TEST_CASE("the experts' layer through gathers and a glu agrees with the reference") {
  check_experts_layer();
}

TEST_CASE("empty products") {
  Machine machine;
  Memory memory;
  const Tensor y = memory.of(f32, {2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor none = memory.zeros(f32, {2, 0}), none_b = memory.zeros(f32, {0, 3});
  gemm(machine.fast, {.a = none, .b = none_b, .y = y, .accumulate = true});
  machine.fast.wait();
  CHECK(y.as<float>()[5] == 6);
  gemm(machine.fast, {.a = none, .b = none_b, .y = y});
  machine.fast.wait();
  CHECK(y.as<float>()[5] == 0);
  CHECK_NOTHROW(gemm(machine.fast,
                     {.a = memory.zeros(f32, {0, 4}), .b = memory.zeros(f32, {4, 3}), .y = memory.zeros(f32, {0, 3})}));
}

TEST_CASE("gemm refuses operands that do not fit, by name") {
  Machine machine;
  Memory memory;
  const Tensor a = memory.zeros(f32, {2, 4}), b = memory.zeros(f32, {5, 4}), y = memory.zeros(f32, {2, 5});
  CHECK_THROWS_WITH(gemm(machine.fast, {.a = a, .b = b, .y = y}), Catch::Contains("gemm: b is [5, 4], wanted [4, 4]"));
  CHECK_THROWS_WITH(gemm(machine.fast, {.a = a, .b = b, .y = a, .transpose_b = true}), Catch::Contains("y is [2, 4]"));
  if (!machine.fast.is_host()) return;  // what lies on a device is not looked at
  const Tensor descending = memory.indices({0, 2, 1});
  CHECK_THROWS_WITH(
      grouped_gemm(machine.fast, {.x = a, .weight = memory.zeros(f32, {2, 5, 4}), .offsets = descending, .y = y}),
      Catch::Contains("descends"));
}

}  // namespace
}  // namespace hearth::kernels::test
