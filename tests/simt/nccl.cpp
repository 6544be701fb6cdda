// SPDX-License-Identifier: Apache-2.0
// NCCL's stand-in: ranks are threads of this process. As the library, it takes calls into streams and matches them
// there; unlike it, it names calls that ranks make in different orders, and messages of different lengths.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <numeric>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "lib/comm/nccl/library.h"
#include "tests/simt/nccl.h"
#include "tests/simt/runtime.h"
#include "tests/simt/standin/cuda_runtime.h"

namespace hearth::comm::nccl {
namespace {

constexpr Result success = 0, invalid_argument = 4, invalid_usage = 5, remote_error = 6;

using Bytes = std::vector<std::byte>;
struct Posted {
  Bytes bytes;
  bool taken = false;
};

// A communicator as all its ranks share it.
struct Members {
  explicit Members(int n) : size(n) {}
  const int size;
  std::mutex mutex;
  std::condition_variable changed;
  int n_joined = 0;
  bool is_broken = false;
  // What is asked, by the number of the call: by the first rank to come, compared with by the others.
  std::vector<std::pair<int, std::string>> calls;
  struct Length {
    std::size_t bytes;
    bool of_sender;
  };
  std::map<std::tuple<int, int, std::size_t>, Length> lengths;                   // of message number .. from, to
  std::map<std::tuple<int, int>, std::deque<std::shared_ptr<Posted>>> messages;  // under way: from, to
  std::map<std::tuple<std::size_t, int>, std::pair<Bytes, int>> given;  // to a call, by a rank; how often it was taken
};

std::mutex all_mutex;
std::map<std::string, std::weak_ptr<Members>>& all_members() {
  static std::map<std::string, std::weak_ptr<Members>> all;
  return all;
}

}  // namespace

struct ncclComm {
  std::shared_ptr<Members> members;
  int rank = 0;
  std::size_t n_calls = 0;
  std::map<int, std::size_t> n_sent, n_received;  // by peer
};

namespace {

struct Message {
  Handle communicator;
  bool sends;
  const std::byte* from;
  std::byte* to;
  std::size_t bytes;
  int peer;
  cudaStream_t stream;
};
thread_local int group_depth = 0;
thread_local std::vector<Message> group;
thread_local std::string last_error;

Result refuse(Result result, const std::string& why) {
  last_error = why;
  return result;
}

// All there are. What nobody leaves stays until the process ends, as NCCL's does.
std::set<Handle>& handles() {
  static auto* const all = new std::set<Handle>;
  return *all;
}

Result get_version(int* version) {
  return *version = 22809, success;
}
Result make_unique_id(UniqueId* id) {
  static int n = 0;
  const std::lock_guard lock(all_mutex);
  std::memset(id->bytes, 0, sizeof(id->bytes));
  std::snprintf(id->bytes, sizeof(id->bytes), "stand-in %d", ++n);
  return success;
}
Result join(Handle* made, int n_ranks, UniqueId id, int rank) {
  std::shared_ptr<Members> members;
  {
    const std::lock_guard lock(all_mutex);
    std::weak_ptr<Members>& known = all_members()[id.bytes];
    members = known.lock();
    if (members == nullptr) known = members = std::make_shared<Members>(n_ranks);
  }
  if (members->size != n_ranks || rank < 0 || rank >= n_ranks)
    return refuse(invalid_argument, "rank " + std::to_string(rank) + " of " + std::to_string(n_ranks));
  std::unique_lock lock(members->mutex);
  ++members->n_joined;
  members->changed.notify_all();
  const bool all_came =
      members->changed.wait_for(lock, std::chrono::seconds(60), [&] { return members->n_joined == members->size; });
  if (!all_came) return refuse(invalid_usage, "not all ranks joined");
  *made = new ncclComm{members, rank, 0, {}, {}};
  lock.unlock();
  const std::lock_guard lock_all(all_mutex);
  handles().insert(*made);
  return success;
}
Result leave(Handle communicator) {
  const std::lock_guard lock(all_mutex);
  handles().erase(communicator);
  return delete communicator, success;
}
const char* error_text(Result result) {
  return result == success         ? "no error"
         : result == invalid_usage ? "invalid usage"
         : result == remote_error  ? "remote process exited or there was a network error"
                                   : "invalid argument";
}

Result async_error(Handle c, Result* error) {
  const std::lock_guard lock(c->members->mutex);
  *error = c->members->is_broken ? remote_error : success;
  return success;
}

// Whether the ranks' calls number .. are alike.
Result agree(Handle c, const std::string& call) {
  Members& m = *c->members;
  const std::lock_guard lock(m.mutex);
  const std::size_t number = c->n_calls++;
  if (number == m.calls.size()) m.calls.emplace_back(c->rank, call);
  const auto& [first, asked] = m.calls[number];
  if (asked == call) return success;
  return refuse(invalid_usage, "call " + std::to_string(number) + " of the group: rank " + std::to_string(first) +
                                   " asks for " + asked + ", rank " + std::to_string(c->rank) + " for " + call);
}

Result agree_on_length(const Message& message) {
  ncclComm& c = *message.communicator;
  Members& m = *c.members;
  if (message.peer < 0 || message.peer >= m.size) return refuse(invalid_argument, "no such rank");
  const std::lock_guard lock(m.mutex);
  const int from = message.sends ? c.rank : message.peer, to = message.sends ? message.peer : c.rank;
  const std::size_t number = message.sends ? c.n_sent[to]++ : c.n_received[from]++;
  const auto [known, is_new] = m.lengths.try_emplace({from, to, number}, Members::Length{message.bytes, message.sends});
  if (is_new) return success;
  const Members::Length other = known->second;
  m.lengths.erase(known);
  if (other.bytes == message.bytes && other.of_sender != message.sends) return success;
  return refuse(invalid_usage, "message " + std::to_string(number) + " from rank " + std::to_string(from) +
                                   " to rank " + std::to_string(to) + ": " + std::to_string(other.bytes) +
                                   (other.of_sender ? " bytes sent, " : " bytes wanted, ") +
                                   std::to_string(message.bytes) + (message.sends ? " sent" : " wanted"));
}

// Messages that go on together, in a stream: done when those to come have, and those sent were taken. No more may be
// relied on of NCCL: it has room for small messages only.
class Exchange {
 public:
  explicit Exchange(std::vector<Message> messages)
      : messages_(std::move(messages)),
        members_(messages_.front().communicator->members),
        rank_(messages_.front().communicator->rank) {}

  // Goes as far as it can; returns what is missing.
  std::string go_on() {
    const std::lock_guard lock(members_->mutex);
    for (Message& each : messages_) {
      if (!begun_ && each.sends) {
        sent_.push_back(std::make_shared<Posted>(Posted{Bytes(each.from, each.from + each.bytes)}));
        members_->messages[{rank_, each.peer}].push_back(sent_.back());
      }
    }
    begun_ = true;
    for (Message& each : messages_) {
      if (each.sends || each.to == nullptr) continue;
      std::deque<std::shared_ptr<Posted>>& waiting = members_->messages[{each.peer, rank_}];
      if (waiting.empty()) return text("a message", each.peer, rank_);
      std::memcpy(each.to, waiting.front()->bytes.data(), each.bytes);
      waiting.front()->taken = true;
      waiting.pop_front();
      each.to = nullptr;
    }
    std::size_t n = 0;
    for (const Message& each : messages_) {
      if (each.sends && !sent_[n++]->taken) return text("who takes a message", rank_, each.peer);
    }
    return "";
  }

 private:
  static std::string text(const char* what, int from, int to) {
    return std::string("NCCL: ") + what + " from rank " + std::to_string(from) + " to rank " + std::to_string(to);
  }
  std::vector<Message> messages_;
  std::shared_ptr<Members> members_;
  int rank_;
  bool begun_ = false;
  std::vector<std::shared_ptr<Posted>> sent_;
};

Result enqueue_group() {
  std::vector<Message> all;
  all.swap(group);
  for (const Message& each : all) {
    if (const Result result = agree_on_length(each); result != success) return result;
  }
  if (all.empty()) return success;
  simt::enqueue_waiting(all.front().stream, [exchange = std::make_shared<Exchange>(all)] { return exchange->go_on(); });
  return success;
}

Result begin_group() {
  return ++group_depth, success;
}
Result end_group() {
  if (group_depth == 0) return refuse(invalid_usage, "no group to end");
  return --group_depth > 0 ? success : enqueue_group();
}

Result add(const Message& message) {
  group.push_back(message);
  return group_depth > 0 ? success : enqueue_group();
}
Result send(const void* from, std::size_t count, int, int to, Handle c, CudaStream stream) {
  return add({c, true, static_cast<const std::byte*>(from), nullptr, count, to, static_cast<cudaStream_t>(stream)});
}
Result receive(void* to, std::size_t count, int, int from, Handle c, CudaStream stream) {
  return add({c, false, nullptr, static_cast<std::byte*>(to), count, from, static_cast<cudaStream_t>(stream)});
}

// What each of some ranks gives to a call, to all: done when all of it is there and was taken.
struct Given {
  std::shared_ptr<Members> members;
  std::size_t call;
  int rank;
  std::vector<int> givers;
  const std::byte* from;
  std::byte* to;  // one giver's behind the other's
  std::size_t bytes;
  bool gave = false;

  std::string go_on() {
    Members& m = *members;
    const std::lock_guard lock(m.mutex);
    if (!gave && std::find(givers.begin(), givers.end(), rank) != givers.end())
      m.given[{call, rank}] = {Bytes(from, from + bytes), 0};
    gave = true;
    for (const int giver : givers) {
      if (!m.given.contains({call, giver}))
        return "NCCL: what rank " + std::to_string(giver) + " gives to call " + std::to_string(call) + ", to rank " +
               std::to_string(rank);
    }
    std::byte* at = to;
    for (const int giver : givers) {
      const auto found = m.given.find({call, giver});
      std::memcpy(at, found->second.first.data(), bytes);
      at += bytes;
      if (++found->second.second == m.size) m.given.erase(found);  // all have it
    }
    return "";
  }
};

Result all_gather(const void* from, void* to, std::size_t count, int, Handle c, CudaStream stream) {
  const std::size_t call = c->n_calls;
  if (const Result result = agree(c, "all_gather of " + std::to_string(count) + " bytes"); result != success)
    return result;
  std::vector<int> givers(static_cast<std::size_t>(c->members->size));
  std::iota(givers.begin(), givers.end(), 0);
  const auto given = std::make_shared<Given>(Given{
      c->members, call, c->rank, givers, static_cast<const std::byte*>(from), static_cast<std::byte*>(to), count});
  simt::enqueue_waiting(static_cast<cudaStream_t>(stream), [given] { return given->go_on(); });
  return success;
}
Result broadcast(const void* from, void* to, std::size_t count, int, int root, Handle c, CudaStream stream) {
  const std::size_t call = c->n_calls;
  const std::string text = "broadcast of " + std::to_string(count) + " bytes from rank " + std::to_string(root);
  if (const Result result = agree(c, text); result != success) return result;
  const auto given = std::make_shared<Given>(Given{
      c->members, call, c->rank, {root}, static_cast<const std::byte*>(from), static_cast<std::byte*>(to), count});
  simt::enqueue_waiting(static_cast<cudaStream_t>(stream), [given] { return given->go_on(); });
  return success;
}

}  // namespace

const Library& library() {
  static const Library table{
      .get_version = get_version,
      .make_unique_id = make_unique_id,
      .join = join,
      .leave = leave,
      .error_text = error_text,
      .last_error = [](Handle) { return last_error.c_str(); },
      .async_error = async_error,
      .begin_group = begin_group,
      .end_group = end_group,
      .send = send,
      .receive = receive,
      .all_gather = all_gather,
      .broadcast = broadcast,
  };
  return table;
}

void break_groups(int n_ranks) {
  const std::lock_guard lock(all_mutex);
  for (const auto& [id, known] : all_members()) {
    const std::shared_ptr<Members> members = known.lock();
    if (members == nullptr || members->size != n_ranks) continue;
    const std::lock_guard lock_members(members->mutex);
    members->is_broken = true;
  }
}

}  // namespace hearth::comm::nccl
