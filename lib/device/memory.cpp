// SPDX-License-Identifier: Apache-2.0
#include "lib/device/memory.h"

#include <algorithm>
#include <utility>

namespace hearth {
namespace {
constexpr std::size_t line_bytes = 64;
constexpr std::size_t least_staging_bytes = 1u << 20;

std::size_t round_up(std::size_t value, std::size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}
}  // namespace

Buffer::Buffer(std::size_t bytes, const Device& device, Use use) : device_(device), use_(use), bytes_(bytes) {
  if (bytes == 0) return;
  const DeviceApi& api = device.api();
  data_ = static_cast<std::byte*>(use == Use::device ? api.allocate(bytes) : api.allocate_staging(bytes));
}

Buffer::~Buffer() {
  if (data_ == nullptr) return;
  use_ == Use::device ? device_.api().release(data_) : device_.api().release_staging(data_);
}

Buffer::Buffer(Buffer&& other) noexcept
    : device_(other.device_),
      use_(other.use_),
      data_(std::exchange(other.data_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(device_, other.device_);
  std::swap(use_, other.use_);
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

Arena::Arena(std::size_t bytes, const Arena* above) : own_bytes_(bytes), real_(above != nullptr) {
  if (!real_) return;
  block_ = Buffer(bytes, above->block_.device());
  above_ = above->block_.data() + above->used_;
  above_bytes_ = above->block_.bytes() - above->used_;
}

Tensor Arena::allocate(DType dtype, Shape shape) {
  const std::size_t bytes = round_up(static_cast<std::size_t>(shape.n_elements()) * size_of(dtype), line_bytes);
  const std::size_t begin = used_ < own_bytes_ && used_ + bytes > own_bytes_ ? own_bytes_ : used_;
  used_ = begin + bytes;
  peak_ = std::max(peak_, used_);
  if (!real_) return {nullptr, dtype, shape};
  if (begin >= own_bytes_) {
    HEARTH_CHECK(used_ - own_bytes_ <= above_bytes_, "memory above " + std::to_string(own_bytes_) + " bytes, " +
                                                         std::to_string(above_bytes_) + ", asked for " +
                                                         std::to_string(used_ - own_bytes_));
    return {above_ + (begin - own_bytes_), dtype, shape};
  }
  HEARTH_CHECK(used_ <= block_.bytes(),
               "arena of " + std::to_string(block_.bytes()) + " bytes asked for " + std::to_string(used_));
  return {block_.data() + begin, dtype, shape};
}

void Arena::release_to(std::size_t mark) {
  HEARTH_CHECK(mark <= used_, "arena released upwards");
  used_ = mark;
}

Tensor Staging::upload(Stream* stream, const Tensor& host, Arena& arena) {
  if (device_.is_host() || host.n_elements() == 0) return host;
  const Tensor on_device = arena.allocate(host.dtype, host.shape);
  if (arena.measures()) return on_device;
  const Tensor staged = take(host.dtype, host.shape);
  std::copy_n(host.data, host.bytes(), staged.data);
  stream->copy(staged, on_device);
  return on_device;
}

Tensor Staging::fetch(Stream& stream, const Tensor& tensor) {
  if (device_.is_host()) return tensor;
  const Tensor staged = take(tensor.dtype, tensor.shape);
  stream.copy(tensor, staged);
  return staged;
}

void Staging::begin_read(Stream& stream, const Tensor& tensor) {
  read_ = tensor;
  if (device_.is_host()) return;
  if (read_memory_.bytes() < tensor.bytes()) read_memory_ = Buffer(tensor.bytes(), device_, Buffer::Use::staging);
  if (read_done_ == nullptr) read_done_ = std::make_unique<Event>(device_);
  read_.data = read_memory_.data();
  stream.copy(tensor, read_);
  read_done_->record(stream);
}

Tensor Staging::end_read() {
  if (read_done_ != nullptr) read_done_->wait();
  return read_;
}

void Staging::reset() {
  block_ = used_ = 0;
}

Tensor Staging::take(DType dtype, const Shape& shape) {
  const std::size_t bytes = round_up(static_cast<std::size_t>(shape.n_elements()) * size_of(dtype), line_bytes);
  while (block_ < blocks_.size() && used_ + bytes > blocks_[block_].bytes()) {
    ++block_;
    used_ = 0;
  }
  if (block_ == blocks_.size()) {
    blocks_.emplace_back(std::max(bytes, least_staging_bytes), device_, Buffer::Use::staging);
    used_ = 0;
  }
  const Tensor taken(blocks_[block_].data() + used_, dtype, shape);
  used_ += bytes;
  return taken;
}

}  // namespace hearth
