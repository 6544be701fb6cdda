// SPDX-License-Identifier: Apache-2.0
// Memory of a device: one owned block (Buffer), an Arena that hands out pieces of one block in the order asked, so that
// what a step needs is known before it runs, and Staging, through which tensors pass between host and device.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "lib/base/tensor.h"
#include "lib/device/device.h"

namespace hearth {

// Zeroed, 64-byte aligned (2 MiB when large, for huge pages). Throws Error{unavailable} naming the size it could not
// get.
class Buffer {
 public:
  // staging: of the host, for copies to and from the device.
  enum class Use { device, staging };

  Buffer() = default;
  explicit Buffer(std::size_t bytes, const Device& device = {}, Use use = Use::device);
  ~Buffer();
  const Device& device() const { return device_; }
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;

  std::byte* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }

 private:
  Device device_;
  Use use_ = Use::device;
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

// A stack of tensors in one block. An arena made without memory only measures: its tensors have no data, and
// peak_bytes() tells what the real one must hold. Same calls, so plan and run cannot differ.
class Arena {
 public:
  Arena() = default;  // measures
  explicit Arena(std::size_t bytes, const Device& device = {}) : block_(bytes, device), real_(true) {}
  // The first bytes in a block of its own, what lies above in the memory of `above` that is free now, which others use
  // at other times. Without `above` it measures such a one.
  Arena(std::size_t bytes, const Arena* above);

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
  std::size_t own_bytes_ = SIZE_MAX;  // beyond them `above_`; no tensor lies on both sides
  std::byte* above_ = nullptr;
  std::size_t above_bytes_ = 0;
  bool real_ = false;
};

// A tensor's elements on the host, once all that the stream was asked for is done.
template <class T>
std::vector<T> host_copy(Stream& stream, const Tensor& tensor) {
  std::vector<T> values(static_cast<std::size_t>(tensor.n_elements()));
  if (!values.empty()) stream.copy(tensor, Tensor(values.data(), tensor.shape));
  stream.wait();
  return values;
}
// make(tensor) fills a tensor of the host: `to` itself, or one that is then copied there.
template <class Make>
void fill_from_host(Stream& stream, const Tensor& to, const Make& make) {
  if (stream.is_host()) return make(to);
  const Buffer memory(to.bytes());
  const Tensor host(memory.data(), to.dtype, to.shape);
  make(host);
  stream.copy(host, to);
  stream.wait();
}

// Where tensors wait on their way between the host and a device. On the host it does nothing: tensors are used where
// they are. Its memory grows to what is asked for between two calls of reset, and is then used again.
class Staging {
 public:
  explicit Staging(const Device& device = {}) : device_(device) {}

  // The tensor on the device: a copy in memory from arena (which may measure), made in the stream's order.
  Tensor upload(Stream* stream, const Tensor& host, Arena& arena);
  // The tensor on the host: there after stream.wait(), until reset.
  Tensor fetch(Stream& stream, const Tensor& tensor);
  // Few numbers that the host needs while the stream goes on: asked for by begin_read, waited for, alone, by end_read,
  // and good until the next begin_read.
  void begin_read(Stream& stream, const Tensor& tensor);
  Tensor end_read();
  const Device& device() const { return device_; }
  // All memory handed out is free again. The stream must have been waited for.
  void reset();

 private:
  Tensor take(DType dtype, const Shape& shape);

  Device device_;
  std::vector<Buffer> blocks_;
  std::size_t block_ = 0, used_ = 0;  // the block in use, and how much of it
  Tensor read_;                       // by end_read
  Buffer read_memory_;
  std::unique_ptr<Event> read_done_;
};

}  // namespace hearth
