// SPDX-License-Identifier: Apache-2.0
#include "lib/base/tensor.h"

namespace hearth {

Shape::Shape(std::span<const std::int64_t> extents) : rank_(static_cast<int>(extents.size())) {
  HEARTH_CHECK(extents.size() <= max_rank, "too many axes");
  for (int axis = 0; axis < rank_; ++axis) {
    HEARTH_CHECK(extents[axis] >= 0, "negative extent");
    extents_[axis] = extents[axis];
  }
}

std::int64_t Shape::n_elements() const {
  std::int64_t product = 1;
  for (const std::int64_t extent : *this) {
    HEARTH_CHECK(!__builtin_mul_overflow(product, extent, &product), "shape " + text() + " has too many elements");
  }
  return product;
}

std::string Shape::text() const {
  std::string out = "[";
  for (int axis = 0; axis < rank_; ++axis) out += (axis ? ", " : "") + std::to_string(extents_[axis]);
  return out + "]";
}

Tensor Tensor::reshaped(Shape extents) const {
  HEARTH_CHECK(extents.n_elements() == n_elements(), shape.text() + " cannot be seen as " + extents.text());
  Tensor out = *this;
  out.shape = extents;
  return out;
}

Tensor Tensor::rows(std::int64_t begin, std::int64_t count) const {
  HEARTH_CHECK(shape.rank() > 0 && begin >= 0 && count >= 0 && begin + count <= shape[0], "rows outside " + shape.text());
  std::array<std::int64_t, Shape::max_rank> extents{};
  std::int64_t row_elements = 1;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    extents[axis] = axis ? shape[axis] : count;
    if (axis) row_elements *= shape[axis];
  }
  Tensor out = *this;
  out.shape = Shape(std::span<const std::int64_t>(extents.data(), shape.rank()));
  out.data += static_cast<std::size_t>(begin * row_elements) * size_of(dtype);
  return out;
}

}  // namespace hearth
