// SPDX-License-Identifier: Apache-2.0
// Memory of a device: one owned block (Buffer), and an Arena that hands out pieces of one block in the order asked, so
// that what a step needs is known before it runs.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "lib/base/tensor.h"

namespace hearth {

// Zeroed, 64-byte aligned (2 MiB when large, for huge pages). Throws Error{unavailable} naming the size it could not get.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t bytes);
  ~Buffer();
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;

  std::byte* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

// A stack of tensors in one block. An arena made without memory only measures: its tensors have no data, and
// peak_bytes() tells what the real one must hold. Same calls, so plan and run cannot differ.
class Arena {
 public:
  Arena() = default;                                     // measures
  explicit Arena(std::size_t bytes) : block_(bytes), real_(true) {}

  Tensor allocate(DType dtype, Shape shape);  // contents unspecified; throws Error{internal} when the plan was wrong
  std::size_t used_bytes() const { return used_; }
  std::size_t peak_bytes() const { return peak_; }
  bool measures() const { return !real_; }
  // Gives back all that was allocated since used_bytes() was mark.
  void release_to(std::size_t mark);

  // Releases on scope exit what was allocated within.
  class Scope {
   public:
    explicit Scope(Arena& arena) : arena_(arena), mark_(arena.used_bytes()) {}
    ~Scope() { arena_.release_to(mark_); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Arena& arena_;
    std::size_t mark_;
  };

 private:
  Buffer block_;
  std::size_t used_ = 0, peak_ = 0;
  bool real_ = false;
};

}  // namespace hearth
