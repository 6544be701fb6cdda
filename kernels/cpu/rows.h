// SPDX-License-Identifier: Apache-2.0
// Rows in blocks cut by shape alone: what a block sums is the same whatever thread took it, and blocks are added in
// order, so sums over rows do not depend on the number of threads.
#pragma once
#include <algorithm>
#include <cstdint>

#include "kernels/cpu/scratch.h"
#include "lib/device/device.h"

namespace hearth::kernels::cpu {

struct RowRange {
  std::int64_t begin, end;
};

// Blocks of about 16 K elements (a few microseconds of work), at most 64 of them.
inline std::int64_t rows_in_block(std::int64_t rows, std::int64_t width) {
  return std::max({std::int64_t{1}, (16384 + width - 1) / std::max<std::int64_t>(width, 1), (rows + 63) / 64});
}
inline std::int64_t n_row_blocks(std::int64_t rows, std::int64_t width) {
  const std::int64_t block = rows_in_block(rows, width);
  return (rows + block - 1) / block;
}

// body(RowRange, block index) for every block, on the stream's threads.
template <class Body>
void for_row_blocks(Stream& stream, std::int64_t rows, std::int64_t width, const Body& body) {
  const std::int64_t block = rows_in_block(rows, width);
  stream.pool().for_each((rows + block - 1) / block, [&](std::int64_t index, int) {
    body(RowRange{index * block, std::min(rows, (index + 1) * block)}, index);
  });
}

// The same for a flat tensor of n elements: body(begin, end).
template <class Body>
void for_element_blocks(Stream& stream, std::int64_t n, const Body& body) {
  constexpr std::int64_t block = 32768;
  stream.pool().for_each((n + block - 1) / block,
                         [&](std::int64_t index, int) { body(index * block, std::min(n, (index + 1) * block)); });
}

// One row of sums for each block, to be added up afterwards. One at a time on a thread.
class ColumnSums {
 public:
  ColumnSums(std::int64_t blocks, std::int64_t width)
      : sums_(scratch<float>(ScratchUse::rows, blocks * width)), blocks_(blocks), width_(width) {
    std::fill_n(sums_, blocks * width, 0.0f);
  }
  float* of(std::int64_t block) const { return sums_ + block * width_; }
  void add_to(float* total) const {
    for (std::int64_t block = 0; block < blocks_; ++block) {
      for (std::int64_t i = 0; i < width_; ++i) total[i] += of(block)[i];
    }
  }

 private:
  float* sums_;
  std::int64_t blocks_, width_;
};

}  // namespace hearth::kernels::cpu
