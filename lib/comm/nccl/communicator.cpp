// SPDX-License-Identifier: Apache-2.0
#include "lib/comm/nccl/communicator.h"

#include <algorithm>
#include <exception>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "lib/comm/activity.h"
#include "lib/comm/checks.h"
#include "lib/comm/nccl/library.h"
#include "lib/device/cuda_api.h"
#include "lib/device/memory.h"

namespace hearth::comm {
namespace {

constexpr std::size_t gathered_bytes = 64 << 10;  // of all ranks together: below, all_reduce gathers
constexpr std::size_t scratch_bytes = 32 << 20;   // of the pieces received at a time
constexpr std::size_t alignment = 256;

// What all communicators of a process share.
struct Shared {
  Shared(const Device& device, ThreadPool& pool) : stream(device, pool), scratch(scratch_bytes, device) {}
  const nccl::Library& library = nccl::library();
  Stream stream;
  Buffer scratch;
  std::mutex mutex;  // of joined, which failure() looks at
  std::vector<nccl::Handle> joined;
};

// Left by an error, nobody waits for a GPU: what it does may wait for a rank that has gone, and the error be never
// told.
class Unwinding {
 public:
  bool operator()() const { return std::uncaught_exceptions() > at_start_; }

 private:
  int at_start_ = std::uncaught_exceptions();
};

struct DevicePending final : Pending::State {
  explicit DevicePending(const Device& device) : done(device) {}
  void wait(Stream& stream) override { stream.wait_for(done); }
  void finish() noexcept override {
    if (unwinding()) return;
    try {
      done.wait();
    } catch (const Error&) {  // of the device, which others are told of
    }
  }
  Event done;
  Unwinding unwinding;
};

class NcclCommunicator final : public Communicator {
 public:
  NcclCommunicator(std::unique_ptr<Communicator> host, std::shared_ptr<Shared> shared)
      : host_(std::move(host)), shared_(std::move(shared)), rank_(host_->rank()), size_(host_->size()) {
    nccl::UniqueId id{};
    if (rank_ == 0) check(shared_->library.make_unique_id(&id), "cannot make a group");
    ThreadPool alone(1);
    Stream on_host(alone);
    host_->broadcast(on_host, Tensor(id.bytes, DType::u8, {sizeof(id.bytes)}), 0).wait(on_host);
    check(shared_->library.join(&handle_, size_, id, rank_), "cannot join the group");
    const std::lock_guard lock(shared_->mutex);
    shared_->joined.push_back(handle_);
  }
  ~NcclCommunicator() override {
    const bool waits = !unwinding_();
    try {
      if (waits) shared_->stream.wait();
    } catch (const Error&) {
    }
    {
      const std::lock_guard lock(shared_->mutex);
      std::erase(shared_->joined, handle_);
    }
    if (waits) shared_->library.leave(handle_);
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  Pending all_reduce(Stream& stream, const Tensor& data, Reduce op) override {
    if (stream.is_host()) return host_->all_reduce(stream, data, op);
    check_reducible(data);
    return run(stream, [&] {
      if (data.bytes() * static_cast<std::size_t>(size_) <= gathered_bytes) return reduce_gathered(data, op);
      const std::vector<std::int64_t> bounds = equal_bounds(data.n_elements(), size_);
      reduce(data, bounds, op, nullptr);
      gather(data, bounds);
    });
  }

  Pending reduce_scatter(Stream& stream, const Tensor& from, const Tensor& to, Reduce op) override {
    if (stream.is_host()) return host_->reduce_scatter(stream, from, to, op);
    check_reducible(from);
    check_pieces(from, to, size_);
    return run(stream, [&] { reduce(from, equal_bounds(from.n_elements(), size_), op, to.data); });
  }

  Pending all_gather(Stream& stream, const Tensor& from, const Tensor& to) override {
    if (stream.is_host()) return host_->all_gather(stream, from, to);
    check_pieces(to, from, size_);
    return run(stream, [&] { gather_equal(from.data, to.data, from.bytes()); });
  }

  Pending reduce_pieces(Stream& stream, const Tensor& data, std::span<const std::int64_t> bounds, Reduce op) override {
    if (stream.is_host()) return host_->reduce_pieces(stream, data, bounds, op);
    check_reducible(data);
    check_bounds(data, bounds, size_);
    return run(stream, [&] { reduce(data, bounds, op, nullptr); });
  }

  Pending gather_pieces(Stream& stream, const Tensor& data, std::span<const std::int64_t> bounds) override {
    if (stream.is_host()) return host_->gather_pieces(stream, data, bounds);
    check_bounds(data, bounds, size_);
    return run(stream, [&] { gather(data, bounds); });
  }

  Pending all_to_all(Stream& stream, const Tensor& from, std::span<const std::int64_t> send_rows, const Tensor& to,
                     std::span<const std::int64_t> receive_rows) override {
    if (stream.is_host()) return host_->all_to_all(stream, from, send_rows, to, receive_rows);
    const std::size_t row_bytes = check_rows(from, send_rows, to, receive_rows, size_);
    const auto own = static_cast<std::size_t>(rank_);
    HEARTH_CHECK(send_rows[own] == receive_rows[own], "a rank sends itself as much as it receives");
    return run(stream, [&] {
      Group group(*this);
      const std::byte* out = from.data;
      std::byte* in = to.data;
      for (int peer = 0; peer < size_; ++peer) {
        const std::size_t out_bytes = static_cast<std::size_t>(send_rows[static_cast<std::size_t>(peer)]) * row_bytes;
        const std::size_t in_bytes = static_cast<std::size_t>(receive_rows[static_cast<std::size_t>(peer)]) * row_bytes;
        group.send(out, out_bytes, peer);
        group.receive(in, in_bytes, peer);
        out += out_bytes;
        in += in_bytes;
      }
      group.end();
    });
  }

  Pending broadcast(Stream& stream, const Tensor& data, int root) override {
    if (stream.is_host()) return host_->broadcast(stream, data, root);
    check_rank(root, size_);
    return run(stream, [&] {
      if (data.bytes() == 0) return;
      check(shared_->library.broadcast(data.data, data.data, data.bytes(), nccl::type_of_bytes, root, handle_,
                                       shared_->stream.native()),
            "cannot broadcast");
      if (rank_ == root) sent(data.bytes());
    });
  }

  Pending exchange(Stream& stream, const Tensor& send, int to, const Tensor& receive, int from) override {
    if (stream.is_host()) return host_->exchange(stream, send, to, receive, from);
    const bool sends = to >= 0 && send, receives = from >= 0 && receive;
    if (sends) check_rank(to, size_);
    if (receives) check_rank(from, size_);
    return run(stream, [&] {
      Group group(*this);
      if (receives) group.receive(receive.data, receive.bytes(), from);
      if (sends) group.send(send.data, send.bytes(), to);
      group.end();
    });
  }

  void barrier() override { host_->barrier(); }

  std::unique_ptr<Communicator> split(int color, int key) override {
    std::unique_ptr<Communicator> part = host_->split(color, key);
    if (part == nullptr) return nullptr;
    return std::make_unique<NcclCommunicator>(std::move(part), shared_);
  }

  Activity* activity() const override { return host_->activity(); }  // a lost rank shows in calls and waits on the host
  std::string failure() const override {
    const std::lock_guard lock(shared_->mutex);
    for (const nccl::Handle each : shared_->joined) {
      nccl::Result error = 0;
      if (const nccl::Result asked = shared_->library.async_error(each, &error); asked != 0) error = asked;
      if (error != 0 && error != nccl::in_progress) return text_of(error, "ranks lost each other", each);
    }
    return "";
  }
  Traffic traffic() const override {
    Traffic all = host_->traffic();
    all.calls += traffic_.calls;
    all.bytes += traffic_.bytes;
    return all;
  }

 private:
  // Sends and receives that go on together; a message to oneself is a message like the others.
  class Group {
   public:
    explicit Group(NcclCommunicator& of) : of_(of) { of_.check(of_.shared_->library.begin_group(), "cannot begin"); }
    ~Group() {
      if (open_) of_.shared_->library.end_group();
    }
    Group(const Group&) = delete;
    Group& operator=(const Group&) = delete;
    void send(const std::byte* from, std::size_t bytes, int to) {
      if (bytes == 0) return;
      of_.check(
          of_.shared_->library.send(from, bytes, nccl::type_of_bytes, to, of_.handle_, of_.shared_->stream.native()),
          "cannot send");
      if (to != of_.rank_) of_.sent(bytes);
    }
    void receive(std::byte* to, std::size_t bytes, int from) {
      if (bytes == 0) return;
      of_.check(
          of_.shared_->library.receive(to, bytes, nccl::type_of_bytes, from, of_.handle_, of_.shared_->stream.native()),
          "cannot receive");
    }
    void end() {
      open_ = false;
      of_.check(of_.shared_->library.end_group(), "cannot exchange messages");
    }

   private:
    NcclCommunicator& of_;
    bool open_ = true;
  };

  void check(nccl::Result result, const char* what) const {
    if (result != 0) throw Error(Kind::unavailable, text_of(result, what, handle_));
  }
  std::string text_of(nccl::Result result, const char* what, nccl::Handle handle) const {
    const char* more = shared_->library.last_error(handle);
    return std::string("NCCL: ") + what + ": " + shared_->library.error_text(result) +
           (more == nullptr || *more == 0 ? "" : std::string(" (") + more + ")");
  }

  template <class Body>
  Pending run(Stream& stream, const Body& body) {
    Event asked(stream.device());
    asked.record(stream);
    shared_->stream.wait_for(asked);
    if (Activity* const activity = host_->activity()) {
      const InCall in_call(*activity, nccl_call, {});  // that it connects ranks in, when they first meet
      body();
    } else {
      body();
    }
    auto pending = std::make_shared<DevicePending>(stream.device());
    pending->done.record(shared_->stream);
    ++traffic_.calls;
    return Pending(std::move(pending));
  }
  void sent(std::size_t bytes) { traffic_.bytes += static_cast<std::int64_t>(bytes); }

  // Of everybody's `data`, which is small.
  void reduce_gathered(const Tensor& data, Reduce op) {
    if (data.bytes() == 0) return;
    gather_equal(data.data, shared_->scratch.data(), data.bytes());
    cuda_reduce_in_order(shared_->stream.native(), op == Reduce::max, data.dtype,
                         {shared_->scratch.data(), data.bytes(), nullptr, -1, size_}, data.n_elements(), data.data);
  }

  // Reduces this rank's piece of everybody's data, into `to`, or in place when none.
  void reduce(const Tensor& data, std::span<const std::int64_t> bounds, Reduce op, std::byte* to) {
    const std::size_t element = size_of(data.dtype);
    const auto piece = [&](int rank) {
      const auto r = static_cast<std::size_t>(rank);
      return Piece{bounds[r], bounds[r + 1] - bounds[r]};
    };
    const Piece own = piece(rank_);
    std::int64_t longest = 0;
    for (int r = 0; r < size_; ++r) longest = std::max(longest, piece(r).count);
    std::byte* const own_data = data.data + static_cast<std::size_t>(own.begin) * element;
    if (to == nullptr) to = own_data;
    const auto peers = static_cast<std::size_t>(std::max(size_ - 1, 1));
    const std::size_t slot_bytes = scratch_bytes / peers / alignment * alignment;
    const auto segment = static_cast<std::int64_t>(slot_bytes / element);
    for (std::int64_t begin = 0; begin < longest; begin += segment) {
      const auto part = [&](const Piece& whole) {
        const std::int64_t from = std::min(begin, whole.count);
        return Piece{whole.begin + from, std::min(segment, whole.count - from)};
      };
      const Piece mine = part(own);
      Group group(*this);
      for (int step = 1; step < size_; ++step) {
        const int peer = (rank_ + step) % size_;
        const Piece theirs = part(piece(peer));
        group.send(data.data + static_cast<std::size_t>(theirs.begin) * element,
                   static_cast<std::size_t>(theirs.count) * element, peer);
        group.receive(shared_->scratch.data() + static_cast<std::size_t>(peer < rank_ ? peer : peer - 1) * slot_bytes,
                      static_cast<std::size_t>(mine.count) * element, peer);
      }
      group.end();
      if (mine.count == 0) continue;
      const std::size_t within = static_cast<std::size_t>(mine.begin - own.begin) * element;
      cuda_reduce_in_order(shared_->stream.native(), op == Reduce::max, data.dtype,
                           {shared_->scratch.data(), slot_bytes, own_data + within, rank_, size_}, mine.count,
                           to + within);
    }
  }

  void gather_equal(const std::byte* from, std::byte* to, std::size_t bytes) {
    if (bytes == 0) return;
    check(shared_->library.all_gather(from, to, bytes, nccl::type_of_bytes, handle_, shared_->stream.native()),
          "cannot gather");
    sent(bytes * static_cast<std::size_t>(size_ - 1));
  }

  // Everyone's piece to everyone.
  void gather(const Tensor& data, std::span<const std::int64_t> bounds) {
    const std::size_t element = size_of(data.dtype);
    const auto begin_of = [&](int rank) {
      return data.data + static_cast<std::size_t>(bounds[static_cast<std::size_t>(rank)]) * element;
    };
    const auto bytes_of = [&](int rank) { return static_cast<std::size_t>(begin_of(rank + 1) - begin_of(rank)); };
    bool equal = true;
    for (int r = 1; r < size_; ++r) equal = equal && bytes_of(r) == bytes_of(0);
    if (equal) return gather_equal(begin_of(rank_), data.data, bytes_of(0));
    Group group(*this);
    for (int step = 1; step < size_; ++step) {
      const int peer = (rank_ + step) % size_;
      group.send(begin_of(rank_), bytes_of(rank_), peer);
      group.receive(begin_of(peer), bytes_of(peer), peer);
    }
    group.end();
  }

  std::unique_ptr<Communicator> host_;
  std::shared_ptr<Shared> shared_;
  int rank_, size_;
  nccl::Handle handle_ = nullptr;
  Traffic traffic_;
  Unwinding unwinding_;
};

}  // namespace

std::unique_ptr<Communicator> make_nccl_communicator(std::unique_ptr<Communicator> host, const Device& device,
                                                     ThreadPool& pool) {
  return std::make_unique<NcclCommunicator>(std::move(host), std::make_shared<Shared>(device, pool));
}

}  // namespace hearth::comm
