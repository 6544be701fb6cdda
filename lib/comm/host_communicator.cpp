// SPDX-License-Identifier: Apache-2.0
// A reduction sends every rank its piece of everybody's data and adds the pieces there in rank order: as little traffic
// as any algorithm (each rank sends size - 1 pieces once), and the order is ours. Large pieces go in segments, the next
// under way while one is added. Small data is gathered whole and added by all, one message round instead of two.
#include "lib/comm/host_communicator.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>
#include <numeric>
#include <vector>

#include "lib/comm/checks.h"
#include "lib/comm/ordered.h"

namespace hearth::comm {
namespace {

constexpr std::size_t gathered_bytes = 64 << 10;  // of all ranks together: below, all_reduce gathers
constexpr std::size_t scratch_bytes = 4 << 20;    // of the segments received at a time
constexpr std::size_t least_segment = 16 << 10, most_segment = 512 << 10;
constexpr std::size_t most_gathered = std::size_t{1} << 30;  // of a rank, by the transport's own gather
enum Tag { data_tag = 1, exchange_tag = 2 };

struct OwnedGroup {
  OwnedGroup(const Transport& transport, Group group) : transport(transport), group(group) {}
  ~OwnedGroup() { transport.release(group); }
  OwnedGroup(const OwnedGroup&) = delete;
  OwnedGroup& operator=(const OwnedGroup&) = delete;
  const Transport& transport;
  Group group;
};

// Requests collected and waited for together.
class Messages {
 public:
  explicit Messages(const OwnedGroup& group, std::size_t n_expected = 0) : group_(group) {
    requests_.reserve(n_expected);
  }
  void send(const std::byte* from, std::size_t bytes, int to, int tag = data_tag) {
    if (bytes > 0) requests_.push_back(group_.transport.send(group_.group, from, bytes, to, tag));
  }
  void receive(std::byte* to, std::size_t bytes, int from, int tag = data_tag) {
    if (bytes > 0) requests_.push_back(group_.transport.receive(group_.group, to, bytes, from, tag));
  }
  void wait() {
    if (!requests_.empty()) group_.transport.wait(requests_.data(), static_cast<int>(requests_.size()));
    requests_.clear();
  }

 private:
  const OwnedGroup& group_;
  std::vector<Request> requests_;
};

class HostCommunicator final : public Communicator {
 public:
  // members: by their ranks in the world. name: the same on all of them, of no other group.
  HostCommunicator(const Transport& transport, Group group, std::shared_ptr<Queue> queue, std::vector<int> members,
                   std::string name)
      : group_(transport, group),
        queue_(std::move(queue)),
        rank_(transport.rank(group)),
        size_(transport.size(group)),
        members_(std::make_shared<const std::vector<int>>(std::move(members))),
        name_(std::move(name)),
        step_(queue_->activity.step(name_, members_)) {}

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  Pending all_reduce(Stream&, const Tensor& data, Reduce op) override {
    check_reducible(data);
    return run("all_reduce", [this, data, op] {
      if (data.bytes() * static_cast<std::size_t>(size_) <= gathered_bytes) return reduce_gathered(data, op);
      const std::vector<std::int64_t> bounds = equal_bounds(data.n_elements(), size_);
      reduce(data, bounds, op, nullptr);
      gather(data, bounds);
    });
  }

  Pending reduce_scatter(Stream&, const Tensor& from, const Tensor& to, Reduce op) override {
    check_reducible(from);
    check_pieces(from, to, size_);
    return run("reduce_scatter",
               [this, from, to, op] { reduce(from, equal_bounds(from.n_elements(), size_), op, to.data); });
  }

  Pending all_gather(Stream&, const Tensor& from, const Tensor& to) override {
    check_pieces(to, from, size_);
    return run("all_gather", [this, from, to] {
      if (from.bytes() <= most_gathered) return gather_equal(from.data, to.data, from.bytes());
      std::byte* own = to.data + static_cast<std::size_t>(rank_) * from.bytes();
      if (own != from.data) std::memcpy(own, from.data, from.bytes());
      gather(to, equal_bounds(to.n_elements(), size_));
    });
  }

  Pending reduce_pieces(Stream&, const Tensor& data, std::span<const std::int64_t> bounds, Reduce op) override {
    check_reducible(data);
    check_bounds(data, bounds, size_);
    return run("reduce_pieces",
               [this, data, op, own = std::vector(bounds.begin(), bounds.end())] { reduce(data, own, op, nullptr); });
  }

  Pending gather_pieces(Stream&, const Tensor& data, std::span<const std::int64_t> bounds) override {
    check_bounds(data, bounds, size_);
    return run("gather_pieces", [this, data, own = std::vector(bounds.begin(), bounds.end())] { gather(data, own); });
  }

  Pending all_to_all(Stream&, const Tensor& from, std::span<const std::int64_t> send_rows, const Tensor& to,
                     std::span<const std::int64_t> receive_rows) override {
    const std::size_t row_bytes = check_rows(from, send_rows, to, receive_rows, size_);
    const std::size_t ends = send_rows.size() + 1;
    std::vector<std::size_t> offsets(2 * ends, 0);  // of both
    for (std::size_t r = 0; r + 1 < ends; ++r) {
      offsets[r + 1] = offsets[r] + static_cast<std::size_t>(send_rows[r]) * row_bytes;
      offsets[ends + r + 1] = offsets[ends + r] + static_cast<std::size_t>(receive_rows[r]) * row_bytes;
    }
    return run("all_to_all", [this, from, to, ends, offsets = std::move(offsets)] {
      const std::span out = std::span(offsets).first(ends), in = std::span(offsets).subspan(ends);
      Messages messages(group_, 2 * ends);
      const auto own = static_cast<std::size_t>(rank_);
      HEARTH_CHECK(out[own + 1] - out[own] == in[own + 1] - in[own], "a rank sends itself as much as it receives");
      for (int step = 1; step < size_; ++step) {
        const auto peer = static_cast<std::size_t>((rank_ + size_ - step) % size_);
        messages.receive(to.data + in[peer], in[peer + 1] - in[peer], static_cast<int>(peer));
      }
      for (int step = 1; step < size_; ++step) {
        const auto peer = static_cast<std::size_t>((rank_ + step) % size_);
        messages.send(from.data + out[peer], out[peer + 1] - out[peer], static_cast<int>(peer));
        sent(out[peer + 1] - out[peer]);
      }
      if (out[own + 1] > out[own]) std::memcpy(to.data + in[own], from.data + out[own], out[own + 1] - out[own]);
      messages.wait();
    });
  }

  Pending broadcast(Stream&, const Tensor& data, int root) override {
    check_rank(root, size_);
    return run("broadcast", [this, data, root] {
      if (data.bytes() == 0) return;
      group_.transport.broadcast(group_.group, data.data, data.bytes(), root);
      if (rank_ == root) sent(data.bytes());
    });
  }

  Pending exchange(Stream&, const Tensor& send, int to, const Tensor& receive, int from) override {
    const bool sends = to >= 0 && send, receives = from >= 0 && receive;
    if (sends) check_rank(to, size_);
    if (receives) check_rank(from, size_);
    const auto under_way = std::make_shared<UnderWay>(*this);
    queue_->run_and_wait([&] {
      if (receives) under_way->receive(receive, from);
      if (sends) under_way->send(send, to), sent(send.bytes());
      ++traffic_.calls;
    });
    return Pending(under_way);
  }

  void barrier() override {
    queue_->run_and_wait([this] { in_call("barrier", [this] { group_.transport.barrier(group_.group); }); });
  }

  std::unique_ptr<Communicator> split(int color, int key) override {
    Group made = nullptr;
    std::vector<int> members;
    std::string name;
    queue_->run_and_wait([&] {
      name = name_ + "." + std::to_string(++n_splits_) + ":" + std::to_string(color);
      in_call("split", [&] {
        made = group_.transport.split(group_.group, color, key);
        if (made == nullptr) return;
        members.resize(static_cast<std::size_t>(group_.transport.size(made)));
        const int own = member(rank_);
        group_.transport.all_gather(made, &own, members.data(), sizeof own);
      });
    });
    if (made == nullptr) return nullptr;
    return std::make_unique<HostCommunicator>(group_.transport, made, queue_, std::move(members), std::move(name));
  }

  Traffic traffic() const override { return traffic_; }
  Activity* activity() const override { return &queue_->activity; }

 private:
  // The messages between this rank and another, as steps of both.
  struct Peer {
    Activity::Step *send = nullptr, *their_receive = nullptr, *receive = nullptr, *their_send = nullptr;
    std::int64_t n_sent = 0, n_received = 0;  // asked for
  };
  Peer& peer(int rank) {
    peers_.resize(static_cast<std::size_t>(size_));
    Peer& peer = peers_[static_cast<std::size_t>(rank)];
    if (peer.send != nullptr) return peer;
    const auto name = [&](int from, int to) {
      return name_ + " " + std::to_string(member(from)) + "->" + std::to_string(member(to));
    };
    const auto them = std::make_shared<const std::vector<int>>(1, member(rank));
    const std::string there = name(rank_, rank), back = name(rank, rank_);
    Activity& activity = queue_->activity;
    peer.send = activity.step(there, them), peer.their_receive = activity.step(there + " received", them);
    peer.receive = activity.step(back + " received", them), peer.their_send = activity.step(back, them);
    return peer;
  }

  // Messages posted and not waited for: others may be asked for meanwhile.
  struct UnderWay final : Pending::State {
    explicit UnderWay(HostCommunicator& of) : of(of), messages(of.group_, Activity::most_waits) {}
    // A message goes once both ends wait for it, so each end needs that the other is through.
    void receive(const Tensor& to, int from) {
      messages.receive(to.data, to.bytes(), from, exchange_tag);
      Peer& peer = of.peer(from);
      need({peer.their_send, ++peer.n_received}, peer.receive);
    }
    void send(const Tensor& from, int to) {
      messages.send(from.data, from.bytes(), to, exchange_tag);
      Peer& peer = of.peer(to);
      need({peer.their_receive, ++peer.n_sent}, peer.send);
    }
    void need(const Activity::Wait& theirs, Activity::Step* own) {
      needs[n] = theirs;
      steps[n++] = own;
    }
    void wait(Stream&) override {
      of.queue_->run_and_wait([this] { of.traffic_.seconds += wait_for_messages(); });
    }
    void finish() noexcept override {
      if (std::uncaught_exceptions() > 0) return;  // this process is about to end, and the peer may never come
      try {
        of.queue_->run_and_wait([this] { wait_for_messages(); });
      } catch (const Error&) {  // as said of Pending: nobody waited for it
      }
    }
    double wait_for_messages() {
      InCall in_call(of.queue_->activity, "exchange", std::span(needs).first(n));
      messages.wait();
      return in_call.end(std::span(steps).first(n));
    }
    HostCommunicator& of;
    Messages messages;
    std::array<Activity::Wait, Activity::most_waits> needs;
    std::array<Activity::Step*, Activity::most_waits> steps{};  // of this rank, when all are through
    std::size_t n = 0;
  };

  // A call of all members, each of whom is waited for until it has done so as well. Returns the seconds it took.
  template <class Body>
  double in_call(const char* name, const Body& body) {
    const Activity::Wait wait{step_, ++n_calls_};
    InCall in_call(queue_->activity, name, std::span(&wait, 1));
    body();
    return in_call.end(std::span(&step_, 1));
  }
  template <class Body>
  Pending run(const char* name, Body body) {
    return queue_->run([this, name, body = std::move(body)] {
      traffic_.seconds += in_call(name, body);
      ++traffic_.calls;
    });
  }
  int member(int rank) const { return (*members_)[static_cast<std::size_t>(rank)]; }
  void sent(std::size_t bytes) { traffic_.bytes += static_cast<std::int64_t>(bytes); }

  void reduce_gathered(const Tensor& data, Reduce op) {
    if (data.bytes() == 0) return;
    const std::size_t bytes = data.bytes();
    scratch_.resize(bytes * static_cast<std::size_t>(size_));
    gather_equal(data.data, scratch_.data(), bytes);
    std::vector<const std::byte*> pieces(static_cast<std::size_t>(size_));
    for (std::size_t r = 0; r < pieces.size(); ++r) pieces[r] = scratch_.data() + r * bytes;
    reduce_in_order(op, data.dtype, pieces, data.n_elements(), data.data);
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
    std::byte* own_data = data.data + static_cast<std::size_t>(own.begin) * element;
    if (to == nullptr) to = own_data;

    const std::size_t peers = static_cast<std::size_t>(std::max(size_ - 1, 1));
    const auto segment =
        static_cast<std::int64_t>(std::clamp(scratch_bytes / peers / 2, least_segment, most_segment) / element);
    const std::size_t slot_bytes = static_cast<std::size_t>(segment) * element;
    scratch_.resize(2 * slot_bytes * peers);  // two segments: one under way, one added

    // The part of a piece that segment number s covers.
    const auto part = [&](const Piece& whole, std::int64_t s) {
      const std::int64_t begin = std::min(s * segment, whole.count);
      return Piece{whole.begin + begin, std::min(segment, whole.count - begin)};
    };
    const auto slot = [&](std::int64_t s, int peer) {
      const int index = peer < rank_ ? peer : peer - 1;
      return scratch_.data() + (static_cast<std::size_t>(s % 2) * peers + static_cast<std::size_t>(index)) * slot_bytes;
    };
    const auto start = [&](std::int64_t s, Messages& messages) {
      const std::size_t bytes = static_cast<std::size_t>(part(own, s).count) * element;
      for (int step = 1; step < size_; ++step) {
        const int peer = (rank_ + size_ - step) % size_;
        messages.receive(slot(s, peer), bytes, peer);
      }
      for (int step = 1; step < size_; ++step) {
        const int peer = (rank_ + step) % size_;
        const Piece theirs = part(piece(peer), s);
        messages.send(data.data + static_cast<std::size_t>(theirs.begin) * element,
                      static_cast<std::size_t>(theirs.count) * element, peer);
        sent(static_cast<std::size_t>(theirs.count) * element);
      }
    };

    Messages under_way[2]{Messages(group_), Messages(group_)};
    const std::int64_t n_segments = (longest + segment - 1) / segment;
    if (n_segments > 0) start(0, under_way[0]);
    std::vector<const std::byte*> pieces(static_cast<std::size_t>(size_));
    for (std::int64_t s = 0; s < n_segments; ++s) {
      under_way[s % 2].wait();
      if (s + 1 < n_segments) start(s + 1, under_way[(s + 1) % 2]);
      const Piece mine = part(own, s);
      const std::size_t within = static_cast<std::size_t>(mine.begin - own.begin) * element;
      for (int r = 0; r < size_; ++r) {
        pieces[static_cast<std::size_t>(r)] = r == rank_ ? own_data + within : slot(s, r);
      }
      if (mine.count > 0) reduce_in_order(op, data.dtype, pieces, mine.count, to + within);
    }
  }

  void gather_equal(const std::byte* from, std::byte* to, std::size_t bytes) {
    if (bytes == 0) return;
    group_.transport.all_gather(group_.group, from, to, bytes);
    sent(bytes * static_cast<std::size_t>(size_ - 1));
  }

  // Everyone's piece to everyone.
  void gather(const Tensor& data, std::span<const std::int64_t> bounds) {
    const std::size_t element = size_of(data.dtype);
    const auto begin_of = [&](int rank) {
      return data.data + static_cast<std::size_t>(bounds[static_cast<std::size_t>(rank)]) * element;
    };
    const auto bytes_of = [&](int rank) { return static_cast<std::size_t>(begin_of(rank + 1) - begin_of(rank)); };
    bool equal = bytes_of(0) <= most_gathered;
    for (int r = 1; r < size_; ++r) equal = equal && bytes_of(r) == bytes_of(0);
    if (equal) return gather_equal(begin_of(rank_), data.data, bytes_of(0));
    Messages messages(group_);
    for (int step = 1; step < size_; ++step) {
      const int peer = (rank_ + size_ - step) % size_;
      messages.receive(begin_of(peer), bytes_of(peer), peer);
    }
    for (int step = 1; step < size_; ++step) {
      messages.send(begin_of(rank_), bytes_of(rank_), (rank_ + step) % size_);
      sent(bytes_of(rank_));
    }
    messages.wait();
  }

  OwnedGroup group_;
  std::shared_ptr<Queue> queue_;
  int rank_, size_;
  std::shared_ptr<const std::vector<int>> members_;
  std::string name_;
  Activity::Step* step_;                     // a call of all members
  std::int64_t n_calls_ = 0, n_splits_ = 0;  // as traffic_
  std::vector<Peer> peers_;                  // by rank; none before the first exchange
  std::vector<std::byte> scratch_;
  Traffic traffic_;  // of the thread that runs the calls; read when none is under way
};

}  // namespace

std::unique_ptr<Communicator> make_host_communicator(const Transport& transport, Group group,
                                                     std::shared_ptr<Queue> queue) {
  std::vector<int> all(static_cast<std::size_t>(transport.size(group)));
  std::iota(all.begin(), all.end(), 0);
  return std::make_unique<HostCommunicator>(transport, group, std::move(queue), std::move(all), "world");
}

}  // namespace hearth::comm
