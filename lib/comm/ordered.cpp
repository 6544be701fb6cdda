// SPDX-License-Identifier: Apache-2.0
#include "lib/comm/ordered.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace hearth::comm {
namespace {

constexpr std::int64_t block = 1024;  // elements summed at a time: the sums stay in the first-level cache

struct Sum {
  template <class T>
  T operator()(T a, T b) const {
    return a + b;
  }
};
struct Max {  // NaN wins, so that a broken value is not hidden
  template <class T>
  T operator()(T a, T b) const {
    return b > a || b != b ? b : a;
  }
};

// to may be one of the pieces, from the same element on: each is read before it is written.
template <class Wide, class T, class Op>
void reduce_two(Op op, const T* a, const T* b, std::int64_t n, T* to) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < n; ++i)
    to[i] = static_cast<T>(op(static_cast<Wide>(a[i]), static_cast<Wide>(b[i])));
}

template <class Wide, class T, class Op>
void reduce(Op op, std::span<const std::byte* const> pieces, std::int64_t n, std::byte* to) {
  const auto piece = [&](std::size_t p) { return reinterpret_cast<const T*>(pieces[p]); };
  if (pieces.size() == 2) return reduce_two<Wide>(op, piece(0), piece(1), n, reinterpret_cast<T*>(to));
  std::array<Wide, block> sums;
  for (std::int64_t at = 0; at < n; at += block) {
    const std::int64_t count = std::min(block, n - at);
    const T* first = piece(0) + at;
    for (std::int64_t i = 0; i < count; ++i) sums[static_cast<std::size_t>(i)] = static_cast<Wide>(first[i]);
    for (std::size_t p = 1; p < pieces.size(); ++p) {
      const T* next = piece(p) + at;
      for (std::int64_t i = 0; i < count; ++i) {
        Wide& sum = sums[static_cast<std::size_t>(i)];
        sum = op(sum, static_cast<Wide>(next[i]));
      }
    }
    T* out = reinterpret_cast<T*>(to) + at;
    for (std::int64_t i = 0; i < count; ++i) out[i] = static_cast<T>(sums[static_cast<std::size_t>(i)]);
  }
}

template <class Op>
void reduce_typed(Op op, DType dtype, std::span<const std::byte* const> pieces, std::int64_t n, std::byte* to) {
  switch (dtype) {
    case DType::f32:
      return reduce<float, float>(op, pieces, n, to);
    case DType::bf16:
      return reduce<float, bf16>(op, pieces, n, to);
    case DType::f64:
      return reduce<double, double>(op, pieces, n, to);
    case DType::i64:
      return reduce<std::int64_t, std::int64_t>(op, pieces, n, to);
    default:
      HEARTH_CHECK(false, "no reduction of " + std::string(name_of(dtype)));
  }
}

}  // namespace

void reduce_in_order(Reduce op, DType dtype, std::span<const std::byte* const> pieces, std::int64_t n, std::byte* to) {
  if (op == Reduce::sum) return reduce_typed(Sum{}, dtype, pieces, n, to);
  return reduce_typed(Max{}, dtype, pieces, n, to);
}

}  // namespace hearth::comm
