// SPDX-License-Identifier: Apache-2.0
#include "tests/lib/comm/thread_transport.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <tuple>
#include <vector>

#include "lib/base/error.h"
#include "lib/comm/host_communicator.h"
#include "lib/comm/transport.h"

namespace hearth::comm {
namespace {

using Bytes = std::vector<std::byte>;

// What the ranks of a group share. A rank that failed poisons it, so that the others do not wait for ever.
struct Shared {
  explicit Shared(int n) : size(n) {}
  int size;
  std::mutex mutex;
  std::condition_variable changed;
  bool failed = false;
  std::map<std::tuple<int, int, int>, std::deque<Bytes>> boxes;    // from, to, tag
  std::map<std::tuple<int, int>, std::shared_ptr<Shared>> groups;  // of a split: its number, its color
  std::map<int, std::vector<std::tuple<int, int, int>>> splits;    // of a split: color, key, rank of those who came

  template <class Ready>
  void wait(std::unique_lock<std::mutex>& lock, const Ready& ready) {
    changed.wait(lock, [&] { return failed || ready(); });
    if (failed) throw Error(Kind::unavailable, "a peer is gone");
  }
};

struct Member {
  std::shared_ptr<Shared> shared;
  int rank;
  int n_splits = 0;
};
Member& member(Group group) {
  return *static_cast<Member*>(group);
}

struct Receive {
  Member* of;
  std::byte* to;
  std::size_t bytes;
  int from, tag;
};

Request send(Group group, const void* from, std::size_t bytes, int to, int tag) {
  Member& self = member(group);
  const auto* data = static_cast<const std::byte*>(from);
  const std::lock_guard lock(self.shared->mutex);
  self.shared->boxes[{self.rank, to, tag}].emplace_back(data, data + bytes);
  self.shared->changed.notify_all();
  return nullptr;
}

Request receive(Group group, void* to, std::size_t bytes, int from, int tag) {
  return new Receive{&member(group), static_cast<std::byte*>(to), bytes, from, tag};
}

void wait(Request* requests, int n) {
  for (int i = 0; i < n; ++i) {
    if (requests[i] == nullptr) continue;
    const std::unique_ptr<Receive> receive(static_cast<Receive*>(requests[i]));
    requests[i] = nullptr;
    Shared& shared = *receive->of->shared;
    std::unique_lock lock(shared.mutex);
    auto& box = shared.boxes[{receive->from, receive->of->rank, receive->tag}];
    shared.wait(lock, [&] { return !box.empty(); });
    if (box.front().size() != receive->bytes) throw Error(Kind::unavailable, "a message of another size");
    std::memcpy(receive->to, box.front().data(), receive->bytes);
    box.pop_front();
  }
}

void all_gather(Group group, const void* from, void* to, std::size_t bytes) {
  Member& self = member(group);
  std::vector<Request> requests;
  for (int r = 0; r < self.shared->size; ++r) {
    send(group, from, bytes, r, -1);
    requests.push_back(receive(group, static_cast<std::byte*>(to) + static_cast<std::size_t>(r) * bytes, bytes, r, -1));
  }
  wait(requests.data(), static_cast<int>(requests.size()));
}

void broadcast(Group group, void* data, std::size_t bytes, int root) {
  Member& self = member(group);
  if (self.rank == root) {
    for (int r = 0; r < self.shared->size; ++r) {
      if (r != root) send(group, data, bytes, r, -2);
    }
    return;
  }
  Request request = receive(group, data, bytes, root, -2);
  wait(&request, 1);
}

Group split(Group group, int color, int key) {
  Member& self = member(group);
  Shared& shared = *self.shared;
  const int number = self.n_splits++;
  std::unique_lock lock(shared.mutex);
  auto& came = shared.splits[number];
  came.emplace_back(color, key, self.rank);
  shared.changed.notify_all();
  shared.wait(lock, [&] { return came.size() == static_cast<std::size_t>(shared.size); });
  if (color < 0) return nullptr;
  std::vector<std::pair<int, int>> mates;  // key, rank
  for (const auto& [other_color, other_key, rank] : came) {
    if (other_color == color) mates.emplace_back(other_key, rank);
  }
  std::ranges::sort(mates);
  auto& made = shared.groups[{number, color}];
  if (made == nullptr) made = std::make_shared<Shared>(static_cast<int>(mates.size()));
  const auto own = std::ranges::find(mates, std::pair(key, self.rank));
  return new Member{made, static_cast<int>(own - mates.begin())};
}

const Transport& transport() {
  static const Transport table{
      .name = [] { return "threads"; },
      .start = [] {},
      .finish = [] {},
      .world = []() -> Group { return nullptr; },
      .split = split,
      .release = [](Group group) { delete static_cast<Member*>(group); },
      .rank = [](Group group) { return member(group).rank; },
      .size = [](Group group) { return member(group).shared->size; },
      .send = send,
      .receive = receive,
      .wait = wait,
      .barrier =
          [](Group group) {
            std::byte mine{};
            Bytes all(static_cast<std::size_t>(member(group).shared->size));
            all_gather(group, &mine, all.data(), 1);
          },
      .broadcast = broadcast,
      .all_gather = all_gather,
  };
  return table;
}

}  // namespace

void with_thread_ranks(int n, const std::function<void(std::unique_ptr<Communicator> world)>& body) {
  const auto shared = std::make_shared<Shared>(n);
  std::exception_ptr failure;
  std::vector<std::thread> threads;
  for (int rank = 0; rank < n; ++rank) {
    threads.emplace_back([&, rank] {
      try {
        body(make_host_communicator(transport(), new Member{shared, rank}, std::make_shared<Queue>(rank % 2 == 1)));
      } catch (...) {
        const std::lock_guard lock(shared->mutex);
        if (!shared->failed) failure = std::current_exception();
        shared->failed = true;
        shared->changed.notify_all();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  if (failure != nullptr) std::rethrow_exception(failure);
}

}  // namespace hearth::comm
