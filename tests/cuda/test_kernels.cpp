// SPDX-License-Identifier: Apache-2.0
// The CUDA backend through all tests of the fast kernels: the same shapes, dtypes and tolerances.
#define HEARTH_TEST_DEVICE
#include "tests/cuda/support.h"
// before all others
#include "tests/kernels/test_attention_runs.cpp"
#include "tests/kernels/test_cpu.cpp"
#include "tests/kernels/test_gemm.cpp"
#include "tests/kernels/test_generation.cpp"
#include "tests/kernels/test_head_parts.cpp"
