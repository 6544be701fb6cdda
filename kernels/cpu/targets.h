// SPDX-License-Identifier: Apache-2.0
// First include of every vector kernel: which instruction sets are compiled (baseline, AVX2, AVX-512), and quiet about
// GCC 12's intrinsics, which pass an undefined register on purpose (GCC bug 105593).
#pragma once
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
