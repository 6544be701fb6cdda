// SPDX-License-Identifier: Apache-2.0
// Devices, and streams of work on one. On the host a stream runs each op before the call returns, on the thread pool;
// on CUDA it is a queue: calls return at once, and the host sees a result only after wait().
#pragma once
#include <any>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "lib/base/tensor.h"
#include "lib/base/thread_pool.h"

namespace hearth {

enum class DeviceKind { cpu, cuda };

// Which implementation of the kernels answers on the host (--kernels).
enum class HostKernels { cpu, ref };

// Which of several implementations of an op a GPU runs. All keep the op's contract; bits may differ.
struct GpuKernels {
  enum class Gemm { cublaslt, sm90 };  // sm90: our own for Hopper, where the product suits it
  Gemm gemm = Gemm::cublaslt;
  // portable: our own. cudnn: cuDNN's or none; the last bits of gradients differ between runs then. automatic: cuDNN's
  // where that keeps the bits of a run and can do it.
  enum class Attention { portable, automatic, cudnn };
  Attention attention = Attention::portable;
  enum class Grouped { own, cublaslt };  // cublaslt: a product an expert, on streams; waits for their counts
  Grouped grouped = Grouped::own;
  bool exact = false;  // a row of a dense product depends on that row, the other matrix and k, not on how many rows

  bool operator==(const GpuKernels&) const = default;
};

// What a device does, as one table a device kind: handles are opaque, a failure throws Error{unavailable}.
struct DeviceApi {
  DeviceKind kind;
  std::string (*name)();
  std::size_t (*free_bytes)();
  void* (*allocate)(std::size_t bytes);          // contents unspecified; at least 256-byte aligned on CUDA
  void (*release)(void* memory) noexcept;        // waits for work that may use it
  void* (*allocate_staging)(std::size_t bytes);  // host memory that copies to and from the device overlap with work
  void (*release_staging)(void* memory) noexcept;

  void* (*make_stream)();
  void (*destroy_stream)(void* stream) noexcept;
  void (*copy)(void* stream, void* to, const void* from, std::size_t bytes);
  // n_rows runs of row_bytes, whose begins lie `pitch` bytes apart: at least row_bytes, at most most_pitch_bytes.
  void (*copy_rows)(void* stream, void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
                    std::size_t row_bytes, std::size_t n_rows);
  std::size_t most_pitch_bytes;
  void (*zero)(void* stream, void* at, std::size_t bytes);
  void (*wait)(void* stream);

  void* (*make_event)();
  void (*destroy_event)(void* event) noexcept;
  void (*record)(void* event, void* stream);
  void (*wait_in_stream)(void* stream, void* event);
  void (*wait_event)(void* event);
  double (*seconds_between)(void* from, void* to);

  void (*begin_capture)(void* stream);
  void* (*end_capture)(void* stream);
  void (*launch_graph)(void* graph, void* stream);
  void (*destroy_graph)(void* graph) noexcept;
};

class Device {
 public:
  Device();  // the host
  // The GPU of that number. Throws Error{unavailable} that says why there is none: not built in, no driver, no GPU.
  static Device cuda(int ordinal = 0);

  DeviceKind kind() const { return api_->kind; }
  bool is_host() const { return api_->kind == DeviceKind::cpu; }
  const DeviceApi& api() const { return *api_; }

 private:
  explicit Device(const DeviceApi& api) : api_(&api) {}
  const DeviceApi* api_;
};

class Buffer;
class Event;

class Stream {
 public:
  explicit Stream(ThreadPool& pool, HostKernels kernels = HostKernels::cpu);  // on the host
  Stream(const Device& device, ThreadPool& pool);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  const Device& device() const { return device_; }
  bool is_host() const { return device_.is_host(); }
  HostKernels host_kernels() const { return kernels_; }
  const GpuKernels& gpu_kernels() const { return gpu_kernels_; }
  void choose(const GpuKernels& kernels) { gpu_kernels_ = kernels; }  // for what comes after
  ThreadPool& pool() const { return *pool_; }
  void* native() const { return native_; }  // a cudaStream_t; none on the host

  // In the stream's order, between any two of host and device. Equal sizes and dtypes. What a tensor of the host holds
  // must stay as it is until wait() (copies from it) or is there after wait() (copies to it).
  void copy(const Tensor& from, const Tensor& to);
  // The same of rows that lie apart: n_rows of row_bytes each.
  struct Rows {
    std::byte* first;
    std::size_t pitch_bytes;  // from the begin of one to that of the next
  };
  void copy_rows(const Rows& from, const Rows& to, std::size_t row_bytes, std::size_t n_rows);
  void zero(const Tensor& tensor);
  void wait();  // until all that was asked for is done; throws Error{unavailable} when a kernel failed
  void wait_for(const Event& event);  // what comes after in this stream waits, the host does not

  // Memory for what runs in this stream while it runs, planned beforehand by whoever lends it (kernels/scratch.h). A
  // backend takes memory of its own without it, or where it is too small. The last that was lent counts.
  void lend(std::shared_ptr<const Buffer> scratch) { lent_ = std::move(scratch); }
  const Buffer* lent() const { return lent_.get(); }

  // What a backend keeps with the stream (library handles, scratch memory): one object, made at first use.
  template <class T>
  T& state() {
    if (!state_.has_value()) state_ = std::make_shared<T>(*this);
    return *std::any_cast<std::shared_ptr<T>&>(state_);
  }

 private:
  Device device_;
  ThreadPool* pool_;
  HostKernels kernels_ = HostKernels::cpu;
  GpuKernels gpu_kernels_;
  void* native_ = nullptr;
  std::shared_ptr<const Buffer> lent_;
  std::any state_;
};

// A point in a stream.
class Event {
 public:
  explicit Event(const Device& device);
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void record(Stream& stream);
  void wait() const;  // on the host
  // From an earlier event of the same device; both must have been waited for.
  double seconds_since(const Event& earlier) const;

 private:
  friend class Stream;
  Device device_;
  void* native_;
};

// Work recorded once and launched many times, on CUDA by one call. The host has no graphs.
class Graph {
 public:
  // Records what body puts into the stream, without running it. body must not wait.
  template <class Body>
  Graph(Stream& stream, const Body& body) : device_(stream.device()) {
    device_.api().begin_capture(stream.native());
    try {
      body();
    } catch (...) {
      device_.api().destroy_graph(device_.api().end_capture(stream.native()));
      throw;
    }
    native_ = device_.api().end_capture(stream.native());
  }
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  void launch(Stream& stream) const;

 private:
  Device device_;
  void* native_ = nullptr;
};

// Work whose launches are the same every time: run the first time, as it may allocate; recorded the second; then
// repeated. Where nothing is recorded, it is run every time.
class Replay {
 public:
  template <class Body>
  void run(Stream& stream, const Body& body, bool records = true) {
    if (stream.is_host() || !records || !has_run_) {
      body();
      has_run_ = true;
      return;
    }
    if (!graph_) graph_.emplace(stream, body);
    graph_->launch(stream);
  }
  bool recorded() const { return graph_.has_value(); }

 private:
  bool has_run_ = false;
  std::optional<Graph> graph_;
};

}  // namespace hearth
