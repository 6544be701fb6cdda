// SPDX-License-Identifier: Apache-2.0
#include "lib/device/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "lib/base/text.h"

namespace hearth {
namespace {
constexpr std::size_t line_bytes = 64, huge_page_bytes = 2u << 20;

std::size_t round_up(std::size_t value, std::size_t multiple) { return (value + multiple - 1) / multiple * multiple; }
}  // namespace

Buffer::Buffer(std::size_t bytes) : bytes_(bytes) {
  if (bytes == 0) return;
  const std::size_t alignment = bytes >= huge_page_bytes ? huge_page_bytes : line_bytes;
  const std::size_t rounded = round_up(bytes, alignment);
  data_ = static_cast<std::byte*>(std::aligned_alloc(alignment, rounded));
  if (data_ == nullptr) {
    throw Error(Kind::unavailable, "cannot get " + human_bytes(static_cast<double>(bytes)) + " of memory");
  }
  if (alignment == huge_page_bytes) ::madvise(data_, rounded, MADV_HUGEPAGE);  // before first touch
  std::memset(data_, 0, rounded);
}

Buffer::~Buffer() { std::free(data_); }

Buffer::Buffer(Buffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

Tensor Arena::allocate(DType dtype, Shape shape) {
  const std::size_t begin = used_;
  used_ = begin + round_up(static_cast<std::size_t>(shape.n_elements()) * size_of(dtype), line_bytes);
  peak_ = std::max(peak_, used_);
  if (!real_) return {nullptr, dtype, shape};
  HEARTH_CHECK(used_ <= block_.bytes(), "arena of " + std::to_string(block_.bytes()) + " bytes asked for " +
                                            std::to_string(used_));
  return {block_.data() + begin, dtype, shape};
}

void Arena::release_to(std::size_t mark) {
  HEARTH_CHECK(mark <= used_, "arena released upwards");
  used_ = mark;
}

}  // namespace hearth
