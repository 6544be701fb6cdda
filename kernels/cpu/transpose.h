// SPDX-License-Identifier: Apache-2.0
// Transposition of blocks of 4-byte units in AVX-512 registers. Callers are compiled for AVX-512 themselves.
#pragma once
#if defined(__x86_64__)
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace hearth::kernels::cpu {

// 16 rows of 16 units each, row_stride units apart, transposed to 16 rows of `stride` units.
__attribute__((target("avx512f,avx512dq"))) inline void transpose_16x16(const std::uint32_t* in,
                                                                        std::int64_t row_stride_bytes,
                                                                        std::uint32_t* out, std::int64_t out_stride) {
  __m512i r[16], t[16];
  for (int i = 0; i < 16; ++i) r[i] = _mm512_loadu_si512(reinterpret_cast<const std::byte*>(in) + i * row_stride_bytes);
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {  // r[i + j]: column 4 * lane + j of rows i .. i + 3
    r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  for (int j = 0; j < 4; ++j) {
    const __m512i low02 = _mm512_shuffle_i32x4(r[j], r[j + 4], 0x88),
                  low13 = _mm512_shuffle_i32x4(r[j], r[j + 4], 0xdd);
    const __m512i high02 = _mm512_shuffle_i32x4(r[j + 8], r[j + 12], 0x88);
    const __m512i high13 = _mm512_shuffle_i32x4(r[j + 8], r[j + 12], 0xdd);
    _mm512_storeu_si512(out + (0 + j) * out_stride, _mm512_shuffle_i32x4(low02, high02, 0x88));
    _mm512_storeu_si512(out + (8 + j) * out_stride, _mm512_shuffle_i32x4(low02, high02, 0xdd));
    _mm512_storeu_si512(out + (4 + j) * out_stride, _mm512_shuffle_i32x4(low13, high13, 0x88));
    _mm512_storeu_si512(out + (12 + j) * out_stride, _mm512_shuffle_i32x4(low13, high13, 0xdd));
  }
}

}  // namespace hearth::kernels::cpu
#endif
