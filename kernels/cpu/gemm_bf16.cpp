// SPDX-License-Identifier: Apache-2.0
// GEMM blocks for CPUs with AVX512-BF16. A block of 14 x 32 results lives in 28 of the 32 registers; the pair of a is a
// broadcast from memory, the pairs of b are two loads. The whole file is compiled for that instruction set and entered
// only after the CPU was asked.
#include "kernels/cpu/targets.h"
// before all others
#include "kernels/cpu/gemm_blocks.h"
#include "kernels/cpu/transpose.h"

#if defined(__x86_64__)
#include <hwy/targets.h>
#include <immintrin.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx2,fma")

namespace hearth::kernels::cpu {
namespace {

constexpr int mr = 14, nr = 32;

template <int rows, bool packed_a>
void multiply_rows(const std::uint32_t* a, std::int64_t row_stride, const std::uint32_t* b, std::int64_t units,
                   float* c, std::int64_t c_stride, bool accumulate) {
  __m512 sum[rows][2];
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
    sum[r][0] = accumulate ? _mm512_loadu_ps(c + r * c_stride) : _mm512_setzero_ps();
    sum[r][1] = accumulate ? _mm512_loadu_ps(c + r * c_stride + 16) : _mm512_setzero_ps();
  }
  for (std::int64_t u = 0; u < units; ++u, b += nr) {
    const __m512bh b0 = (__m512bh)_mm512_loadu_si512(b), b1 = (__m512bh)_mm512_loadu_si512(b + 16);
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r) {
      const std::uint32_t pair = packed_a ? a[u * mr + r] : a[r * row_stride + u];
      const __m512bh both = (__m512bh)_mm512_set1_epi32(static_cast<int>(pair));
      sum[r][0] = _mm512_dpbf16_ps(sum[r][0], both, b0);
      sum[r][1] = _mm512_dpbf16_ps(sum[r][1], both, b1);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
    _mm512_storeu_ps(c + r * c_stride, sum[r][0]);
    _mm512_storeu_ps(c + r * c_stride + 16, sum[r][1]);
  }
}

using MultiplyRows = void (*)(const std::uint32_t*, std::int64_t, const std::uint32_t*, std::int64_t, float*,
                              std::int64_t, bool);
template <bool packed_a, int... rows>
constexpr auto table_of(std::integer_sequence<int, rows...>) {
  return std::array<MultiplyRows, sizeof...(rows)>{multiply_rows<rows + 1, packed_a>...};
}
constexpr auto in_place = table_of<false>(std::make_integer_sequence<int, mr>());
constexpr auto from_packed = table_of<true>(std::make_integer_sequence<int, mr>());

void multiply(const std::uint32_t* a, std::int64_t row_stride, const std::uint32_t* b, std::int64_t units, int rows,
              float* c, std::int64_t c_stride, bool accumulate) {
  (row_stride != 0 ? in_place : from_packed)[rows - 1](a, row_stride, b, units, c, c_stride, accumulate);
}

// Lines whose k is contiguous, `lines` of them, to [units][width]; lines past the end become zeros.
void pack_along_k(const std::uint16_t* data, std::int64_t stride, std::int64_t lines, std::int64_t k, int width,
                  std::uint32_t* packed) {
  const std::int64_t units = (k + 1) / 2, whole = k / 2 / 16 * 16;
  int line = 0;
  for (; line + 16 <= std::min<std::int64_t>(lines, width); line += 16) {
    for (std::int64_t u = 0; u < whole; u += 16) {
      transpose_16x16(reinterpret_cast<const std::uint32_t*>(data + line * stride + 2 * u), stride * 2,
                      packed + u * width + line, width);
    }
    for (int i = line; i < line + 16; ++i) {
      for (std::int64_t u = whole; u < units; ++u) {
        std::uint32_t pair = 0;
        std::memcpy(&pair, data + i * stride + 2 * u, 2 * u + 1 < k ? 4 : 2);
        packed[u * width + i] = pair;
      }
    }
  }
  for (; line < width; ++line) {
    for (std::int64_t u = 0; u < units; ++u) {
      std::uint32_t pair = 0;
      if (line < lines) std::memcpy(&pair, data + line * stride + 2 * u, 2 * u + 1 < k ? 4 : 2);
      packed[u * width + line] = pair;
    }
  }
}

// Rows of k whose lines are contiguous: two rows interleave to one row of pairs, cut into groups of `width` lines;
// lines past the end become zeros. A store may spill into the next row of its group, which is written after it.
template <int width>
void pack_across_k(const std::uint16_t* data, std::int64_t stride, std::int64_t lines, std::int64_t k,
                   std::uint32_t* packed) {
  const std::int64_t units = (k + 1) / 2;
  for (std::int64_t unit = 0; unit < units; ++unit, data += 2 * stride) {
    const bool both = 2 * unit + 1 < k, last = unit + 1 == units;
    std::uint32_t* to = packed + unit * width;
    for (std::int64_t group = 0; group < lines; group += width, to += units * width) {
      for (int line = 0; line < width; line += 16) {
        const std::uint16_t* const from = data + group + line;
        const std::int64_t left = lines - group - line;
        if (left >= 16 && !last) {
          const __m512i even = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
          const __m512i odd =
              _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + stride)));
          _mm512_storeu_si512(to + line, _mm512_or_si512(even, _mm512_slli_epi32(odd, 16)));
          continue;
        }
        const int room = std::min(16, width - line);
        const auto mask = static_cast<__mmask16>((1u << std::clamp<std::int64_t>(left, 0, room)) - 1);
        const __m512i even = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, from));
        const __m512i odd =
            both ? _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, from + stride)) : _mm512_setzero_si512();
        _mm512_mask_storeu_epi32(to + line, static_cast<__mmask16>((1u << room) - 1),
                                 _mm512_or_si512(even, _mm512_slli_epi32(odd, 16)));
      }
    }
  }
}

void pack_b(const MatrixView& b, std::int64_t k, std::int64_t columns, std::uint32_t* packed) {
  const auto* data = reinterpret_cast<const std::uint16_t*>(b.data);
  if (b.row_stride != 1) return pack_across_k<nr>(data, b.row_stride, columns, k, packed);
  for (std::int64_t column = 0; column < columns; column += nr, packed += (k + 1) / 2 * nr) {
    pack_along_k(data + column * b.column_stride, b.column_stride, std::min<std::int64_t>(nr, columns - column), k, nr,
                 packed);
  }
}

void pack_a(const MatrixView& a, std::int64_t rows, std::int64_t k, std::uint32_t* packed) {
  pack_across_k<mr>(reinterpret_cast<const std::uint16_t*>(a.data), a.column_stride, rows, k, packed);
}

void copy_a(const MatrixView& a, std::int64_t rows, std::int64_t k, std::uint32_t* copied, std::int64_t stride) {
  for (std::int64_t row = 0; row < rows; ++row) {
    copied[row * stride + (k - 1) / 2] = 0;  // the half of the last pair that an odd k leaves
    std::memcpy(copied + row * stride, a.at(row, 0).data, k * sizeof(std::uint16_t));
  }
}

constexpr GemmBlocks blocks{.mr = mr,
                            .nr = nr,
                            .unit = 2,
                            .block_k = 384,
                            .pack_b = pack_b,
                            .pack_a = pack_a,
                            .copy_a = copy_a,
                            .multiply = multiply};

}  // namespace

const GemmBlocks* gemm_blocks_bf16() {
  static const bool native = __builtin_cpu_supports("avx512bf16") && (hwy::SupportedTargets() & HWY_AVX3) != 0;
  return native ? &blocks : nullptr;
}

}  // namespace hearth::kernels::cpu
#else
namespace hearth::kernels::cpu {
const GemmBlocks* gemm_blocks_bf16() {
  return nullptr;
}
}  // namespace hearth::kernels::cpu
#endif
