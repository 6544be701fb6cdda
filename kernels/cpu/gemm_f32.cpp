// SPDX-License-Identifier: Apache-2.0
// GEMM blocks in f32 for any instruction set; bf16 operands are widened while they are packed.
#include "kernels/cpu/targets.h"
// before all others
#include <array>
#include <utility>

#include "kernels/cpu/gemm_blocks.h"
#include "kernels/cpu/transpose.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/gemm_f32.cpp"
#include <hwy/foreach_target.h>
// after foreach_target
#include "kernels/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hearth::kernels::cpu::HWY_NAMESPACE {

// 28 of 32 registers hold results with AVX-512, 12 of 16 otherwise.
constexpr int mr = lanes == 16 ? 14 : 6, nr = 2 * lanes;

template <int rows, bool packed_a>
void multiply_rows(const float* a, std::int64_t row_stride, const float* b, std::int64_t units, float* c,
                   std::int64_t c_stride, bool accumulate) {
  V sum[rows][2];
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
    sum[r][0] = accumulate ? load(c + r * c_stride) : hn::Zero(f32_tag);
    sum[r][1] = accumulate ? load(c + r * c_stride + lanes) : hn::Zero(f32_tag);
  }
  for (std::int64_t u = 0; u < units; ++u, b += nr) {
    const V b0 = load(b), b1 = load(b + lanes);
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r) {
      const V one = hn::Set(f32_tag, packed_a ? a[u * mr + r] : a[r * row_stride + u]);
      sum[r][0] = hn::MulAdd(one, b0, sum[r][0]);
      sum[r][1] = hn::MulAdd(one, b1, sum[r][1]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
    store(sum[r][0], c + r * c_stride);
    store(sum[r][1], c + r * c_stride + lanes);
  }
}

using MultiplyRows = void (*)(const float*, std::int64_t, const float*, std::int64_t, float*, std::int64_t, bool);
template <bool packed_a, int... rows>
constexpr auto table_of(std::integer_sequence<int, rows...>) {
  return std::array<MultiplyRows, sizeof...(rows)>{multiply_rows<rows + 1, packed_a>...};
}
constexpr auto in_place = table_of<false>(std::make_integer_sequence<int, mr>());
constexpr auto from_packed = table_of<true>(std::make_integer_sequence<int, mr>());

void multiply(const std::uint32_t* a, std::int64_t row_stride, const std::uint32_t* b, std::int64_t units, int rows,
              float* c, std::int64_t c_stride, bool accumulate) {
  (row_stride != 0 ? in_place : from_packed)[rows - 1](
      reinterpret_cast<const float*>(a), row_stride, reinterpret_cast<const float*>(b), units, c, c_stride, accumulate);
}

// Sixteen of k of `width` lines as rows of part, past the ends zeros, then transposed to rows of packed.
template <class T>
void pack_sixteen(const T* data, std::int64_t stride, std::int64_t lines, std::int64_t k, float* packed) {
  constexpr int block = 16;
  HWY_ALIGN float part[nr * block];
  for (int line = 0; line < nr; ++line) {
    for (int i = 0; i < block; i += lanes) {
      const std::int64_t left = line < lines ? std::clamp<std::int64_t>(k - i, 0, lanes) : 0;
      store(left > 0 ? load_n(data + line * stride + i, left) : hn::Zero(f32_tag), part + line * block + i);
    }
  }
  for (int i = 0; i < std::min<std::int64_t>(k, block); ++i) {
    for (int line = 0; line < nr; ++line) packed[i * nr + line] = part[line * block + i];
  }
}

// Lines whose k is contiguous to [k][nr]; lines past the end become zeros.
template <class T>
void pack_along_k(const T* data, std::int64_t stride, std::int64_t lines, std::int64_t k, float* packed) {
  constexpr int block = 16;  // of k: one cache line of f32
  for (std::int64_t begin = 0; begin < k; begin += block) {
#if HWY_TARGET == HWY_AVX3
    if (std::is_same_v<T, float> && lines == nr && k - begin >= block) {
      for (int line = 0; line < nr; line += 16) {
        transpose_16x16(reinterpret_cast<const std::uint32_t*>(data + line * stride + begin), stride * 4,
                        reinterpret_cast<std::uint32_t*>(packed) + begin * nr + line, nr);
      }
      continue;
    }
#endif
    pack_sixteen(data + begin, stride, lines, k - begin, packed + begin * nr);
  }
}

// Rows of k whose lines are contiguous: cut into groups of `width` lines; lines past the end become zeros. A store may
// spill into the next row of its group, which is written after it.
template <int width, class T>
void pack_across_k(const T* data, std::int64_t stride, std::int64_t lines, std::int64_t k, float* packed) {
  constexpr std::int64_t vectors = (width + lanes - 1) / lanes;
  for (std::int64_t row = 0; row < k; ++row, data += stride) {
    float* to = packed + row * width;
    const bool last = row + 1 == k;
    for (std::int64_t group = 0; group < lines; group += width, to += k * width) {
      for (std::int64_t line = 0; line < vectors * lanes; line += lanes) {
        const std::int64_t left = lines - group - line;
        if (left >= lanes && !last) {
          store(load(data + group + line), to + line);
          continue;
        }
        const std::int64_t room = std::min<std::int64_t>(lanes, width - line);
        const V values = left > 0 ? load_n(data + group + line, std::min(left, room)) : hn::Zero(f32_tag);
        store_n(values, to + line, room);
      }
    }
  }
}

template <class T>
void pack_b_of(const MatrixView& b, std::int64_t k, std::int64_t columns, float* packed) {
  const T* const data = reinterpret_cast<const T*>(b.data);
  if (b.row_stride != 1) return pack_across_k<nr>(data, b.row_stride, columns, k, packed);
  for (std::int64_t column = 0; column < columns; column += nr, packed += k * nr) {
    pack_along_k(data + column * b.column_stride, b.column_stride, std::min<std::int64_t>(nr, columns - column), k,
                 packed);
  }
}

void pack_b(const MatrixView& b, std::int64_t k, std::int64_t columns, std::uint32_t* packed) {
  float* const out = reinterpret_cast<float*>(packed);
  b.dtype == DType::bf16 ? pack_b_of<bf16>(b, k, columns, out) : pack_b_of<float>(b, k, columns, out);
}

void pack_a(const MatrixView& a, std::int64_t rows, std::int64_t k, std::uint32_t* packed) {
  float* const out = reinterpret_cast<float*>(packed);
  if (a.dtype == DType::bf16) {
    pack_across_k<mr>(reinterpret_cast<const bf16*>(a.data), a.column_stride, rows, k, out);
  } else {
    pack_across_k<mr>(reinterpret_cast<const float*>(a.data), a.column_stride, rows, k, out);
  }
}

template <class T>
void copy_row(const T* from, std::int64_t k, float* to) {
  for (std::int64_t i = 0; i < k; i += lanes) store_n(load_n(from + i, k - i), to + i, k - i);
}

void copy_a(const MatrixView& a, std::int64_t rows, std::int64_t k, std::uint32_t* copied, std::int64_t stride) {
  for (std::int64_t row = 0; row < rows; ++row) {
    float* const to = reinterpret_cast<float*>(copied) + row * stride;
    const std::byte* const from = a.at(row, 0).data;
    a.dtype == DType::bf16 ? copy_row(reinterpret_cast<const bf16*>(from), k, to)
                           : copy_row(reinterpret_cast<const float*>(from), k, to);
  }
}

template <class T>
void finish_row(const float* c, std::int64_t columns, float alpha, bool accumulate, T* y) {
  const V factor = hn::Set(f32_tag, alpha);
  for (std::int64_t i = 0; i < columns; i += lanes) {
    const std::int64_t n = columns - i;
    V value = hn::Mul(load_n(c + i, n), factor);
    if (accumulate) value = hn::Add(value, load_n(y + i, n));
    store_n(value, y + i, n);
  }
}

void finish(const float* c, std::int64_t c_stride, std::int64_t rows, std::int64_t columns, float alpha,
            bool accumulate, const GemmResult& result) {
  for (std::int64_t row = 0; row < rows; ++row, c += c_stride) {
    if (result.dtype == DType::bf16) {
      finish_row(c, columns, alpha, accumulate, reinterpret_cast<bf16*>(result.y) + row * result.stride);
    } else {
      finish_row(c, columns, alpha, accumulate, reinterpret_cast<float*>(result.y) + row * result.stride);
    }
  }
}

constexpr GemmBlocks blocks{.mr = mr,
                            .nr = nr,
                            .unit = 1,
                            .block_k = lanes == 16 ? 384 : 256,
                            .pack_b = pack_b,
                            .pack_a = pack_a,
                            .copy_a = copy_a,
                            .multiply = multiply};
const GemmBlocks* get_blocks() {
  return &blocks;
}

}  // namespace hearth::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hearth::kernels::cpu {

HWY_EXPORT(get_blocks);
HWY_EXPORT(finish);

void gemm_finish(const float* c, std::int64_t c_stride, std::int64_t rows, std::int64_t columns, float alpha,
                 bool accumulate, const GemmResult& result) {
  HWY_DYNAMIC_DISPATCH(finish)(c, c_stride, rows, columns, alpha, accumulate, result);
}

const GemmBlocks& gemm_blocks_f32() {
  static const GemmBlocks* const chosen = HWY_DYNAMIC_DISPATCH(get_blocks)();
  return *chosen;
}

}  // namespace hearth::kernels::cpu
#endif
