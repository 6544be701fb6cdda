// SPDX-License-Identifier: Apache-2.0
// A view of a dense, row-major array of numbers. It owns nothing: arenas and buffers (lib/device) own memory.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "lib/base/dtype.h"
#include "lib/base/error.h"

namespace hearth {

// Up to five extents, outermost first. An extent may be 0 (an empty tensor); a rank of 0 is a scalar.
class Shape {
 public:
  static constexpr int max_rank = 5;

  Shape() = default;
  Shape(std::initializer_list<std::int64_t> extents) : Shape(std::span(extents.begin(), extents.size())) {}
  explicit Shape(std::span<const std::int64_t> extents);

  int rank() const { return rank_; }
  std::int64_t operator[](int axis) const { return extents_[axis < 0 ? axis + rank_ : axis]; }  // -1 is the last axis
  std::int64_t n_elements() const;
  bool operator==(const Shape&) const = default;
  const std::int64_t* begin() const { return extents_.data(); }
  const std::int64_t* end() const { return extents_.data() + rank_; }
  std::string text() const;  // "[16, 128]"

 private:
  std::array<std::int64_t, max_rank> extents_{};
  int rank_ = 0;
};

struct Tensor {
  std::byte* data = nullptr;
  DType dtype = DType::f32;
  Shape shape;

  Tensor() = default;
  Tensor(void* memory, DType type, Shape extents)
      : data(static_cast<std::byte*>(memory)), dtype(type), shape(extents) {}
  template <class T>
  Tensor(T* memory, Shape extents)
      : Tensor(const_cast<std::remove_const_t<T>*>(memory), dtype_of<std::remove_const_t<T>>(), extents) {}

  explicit operator bool() const { return data != nullptr; }  // optional operands are passed as Tensor{}
  std::int64_t n_elements() const { return shape.n_elements(); }
  std::size_t bytes() const { return static_cast<std::size_t>(n_elements()) * size_of(dtype); }

  template <class T>
  T* as() const {
    HEARTH_CHECK(dtype == dtype_of<T>(), "tensor holds " + std::string(name_of(dtype)));
    return reinterpret_cast<T*>(data);
  }
  template <class T>
  std::span<T> span() const { return {as<T>(), static_cast<std::size_t>(n_elements())}; }

  // The same memory under another shape of as many elements.
  Tensor reshaped(Shape extents) const;
  // Rows [begin, begin + count) along axis 0.
  Tensor rows(std::int64_t begin, std::int64_t count) const;
};

}  // namespace hearth
