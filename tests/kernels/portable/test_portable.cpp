// SPDX-License-Identifier: Apache-2.0
// The fast kernels again as they run on a processor without AVX-512: all the same tests, another instruction set.
#include "kernels/cpu/targets.h"
// before all others
#include <hwy/targets.h>

#include "kernels/gemm.h"
#include "tests/support/catch.h"

namespace {
// Before anything asks Highway what there is.
const bool narrowed = (hwy::DisableTargets(HWY_AVX3 | HWY_AVX3_DL), true);

TEST_CASE("this binary runs without AVX-512") {
  REQUIRE(narrowed);
  CHECK((hwy::SupportedTargets() & HWY_AVX3) == 0);
  CHECK_FALSE(hearth::kernels::bf16_is_native());
}
}  // namespace

#include "tests/kernels/test_cpu.cpp"
#include "tests/kernels/test_gemm.cpp"
