// SPDX-License-Identifier: Apache-2.0
// --exact and the kernels one may choose: a row of a product that does not depend on how many there are, a sequence
// that does not depend on its neighbours, and products on Hopper's own instructions.
#define HEARTH_TEST_DEVICE
#include "tests/cuda/support.h"
// before all others
#include "kernels/attention_decode.h"
#include "tests/kernels/support.h"

namespace hearth::kernels::test {
namespace {

#ifdef HEARTH_SIMT
// The stand-in chooses as the library does; if it did not, the tests of --exact could not fail.
TEST_CASE("without --exact a row may depend on how many there are") {
  Machine machine;
  Memory memory;
  const Tensor a = memory.random(b16, {64, 320}), b = memory.random(b16, {40, 320});
  const Tensor whole = memory.zeros(f32, {64, 40}), part = memory.zeros(f32, {5, 40});
  gemm(machine.fast, {.a = a, .b = b, .y = whole, .transpose_b = true});
  gemm(machine.fast, {.a = a.rows(0, 5), .b = b, .y = part, .transpose_b = true});
  machine.fast.wait();
  CHECK(!same_bits(part, whole.rows(0, 5)));
}
#endif

TEST_CASE("under --exact a sequence in the cache does not depend on the pages of others") {
  Machine machine;
  machine.fast.choose({.exact = true});
  Memory memory;
  const DType dtype = GENERATE(f32, b16);
  const std::int64_t page_tokens = 64, most_pages = 20, heads = 2, width = 16;
  const Tensor q = memory.random(dtype, {1, heads, width});
  const Tensor keys = memory.random(dtype, {most_pages, page_tokens, 1, width});
  const Tensor values = memory.random(dtype, {most_pages, page_tokens, 1, width});
  const Tensor cu_seqlens = memory.indices({0, 1}), lengths = memory.indices({1200});
  std::vector<Tensor> results;
  for (const std::int64_t pages : {most_pages, 40 * most_pages}) {
    std::vector<std::int64_t> table(static_cast<std::size_t>(pages), 0);
    for (std::int64_t i = 0; i < most_pages; ++i) table[static_cast<std::size_t>(i)] = i;
    const Tensor o = memory.zeros(dtype, {1, heads, width});
    attention_decode(machine.fast, {.q = q,
                                    .cu_seqlens = cu_seqlens,
                                    .k_pages = keys,
                                    .v_pages = values,
                                    .page_table = memory.indices({1, pages}, table),
                                    .lengths = lengths,
                                    .sinks = {},
                                    .o = o,
                                    .lse = {},
                                    .mask = {},
                                    .scale = 0.25f});
    machine.fast.wait();
    results.push_back(o);
  }
  CHECK(same_bits(results[0], results[1]));
}

// Only where the operands suit the kernel is it taken; everywhere the result is the reference's.
TEST_CASE("products of sm_90 agree with the reference") {
  struct Case {
    std::int64_t m, n, k;
  };
  const Case size = GENERATE(Case{1, 64, 64}, Case{130, 70, 72}, Case{300, 256, 200}, Case{64, 129, 512},
                             Case{1100, 520, 64}, Case{5, 40, 64});
  const DType y_dtype = GENERATE(f32, b16);
  const bool accumulate = GENERATE(false, true);
  Machine machine;
  machine.fast.choose({.gemm = GpuKernels::Gemm::sm90});
  const Schedule schedule(GENERATE(0, 5));
  Memory memory;
  const Tensor a = memory.random(b16, {size.m, size.k}), b = memory.random(b16, {size.n, size.k});
  const Tensor y = memory.random(y_dtype, {size.m, size.n}), expected = memory.copy(y);
  GemmArgs args{.a = a, .b = b, .y = y, .transpose_b = true, .alpha = 0.5f, .accumulate = accumulate};
  gemm(machine.fast, args);
  machine.fast.wait();
  args.y = expected;
  gemm(machine.ref, args);
  INFO("m " << size.m << " n " << size.n << " k " << size.k << " " << name_of(y_dtype));
  CHECK(relative_error(y, expected) < (y_dtype == b16 ? 2e-2 : 1e-5));
}

TEST_CASE("a row of a product of sm_90 does not depend on the number of rows") {
  Machine machine;
  machine.fast.choose({.gemm = GpuKernels::Gemm::sm90});
  Memory memory;
  const Tensor a = memory.random(b16, {300, 328}), b = memory.random(b16, {130, 328});
  const Tensor whole = memory.zeros(f32, {300, 130});
  gemm(machine.fast, {.a = a, .b = b, .y = whole, .transpose_b = true});
  for (const std::int64_t rows : {1, 13, 129}) {
    const Tensor part = memory.zeros(f32, {rows, 130});
    gemm(machine.fast, {.a = a.rows(5, rows), .b = b, .y = part, .transpose_b = true});
    machine.fast.wait();
    CHECK(same_bits(part, whole.rows(5, rows)));
  }
}

}  // namespace
}  // namespace hearth::kernels::test
