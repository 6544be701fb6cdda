// SPDX-License-Identifier: Apache-2.0
// Each rank of a run says every few seconds, in a file of its own in the run folder, that it lives and which call among
// the ranks it is in. When a run hangs or dies, these files tell which rank was the cause: one that is dead, stopped or
// cut off says nothing more, while the others say that they wait for it.
//
//   RUN/heartbeats/rank-00003.json   one object: rank, node, pid, time, interval_s, calls, call, call_s, needs (a list
//   of ranks, step, count), done (by step); end, message, blamed
#pragma once
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "lib/comm/activity.h"

namespace hearth::comm {

struct Suspect {
  int rank = 0;
  std::string node;
  std::string what;  // "was last heard at ..., 31 s before the others, in all_reduce, call 1234"
};

struct Beat {
  int rank = 0;
  std::string node;
  std::int64_t pid = 0;
  double time = 0;          // seconds since 1970
  double interval_s = 0;    // to the next beat
  std::int64_t calls = 0;   // begun so far
  std::string call;         // the one under way; empty: computing
  double call_s = 0;        // how long it has been so
  std::vector<Need> needs;  // of that call
  Done done;
  std::optional<int> end;       // the rank left in good order, with this exit code
  std::string message;          // why, when it left with an error
  std::vector<Suspect> blamed;  // whom it waited for in vain, when it left because of that
};

// Of all ranks that wrote one, in rank order. A file that cannot be read is left out: its rank is silent.
std::vector<Beat> read_beats(const std::filesystem::path& folder);

// The ranks that were the cause; none when there is nothing to tell them by. Ranks that ended with an error of their
// own; else those that the first to give up waiting has blamed; else, when all is over, those that left no word while
// others did, and of these the first to fall silent; else those silent for three beats; else, following who waits for
// whom (lib/comm/suspects.cpp), those at the end: ranks that wait for nobody, or a circle of ranks that wait for each
// other. Clocks of nodes may differ by less than a beat. over: the run has ended, so who left no word will leave none.
std::vector<Suspect> find_suspects(const std::vector<Beat>& beats, bool over);

std::string text_of(const Suspect& suspect);  // "rank 3 on n2 was last heard ..."

class Heartbeat {
 public:
  struct Rank {
    int rank = 0;
    std::string node;
  };
  // Called once, on a thread of its own, when this rank has been in one call for longer than limit_s, or for its device
  // also longer than several of its steps (the first may take several limits): what says who is waited for; speaks is
  // true on one of the ranks that find so. It should end the process: the call will not return. The same as soon as
  // failure says that something has gone wrong; then every rank that knows it speaks.
  using Hung = std::function<void(const std::string& what, bool speaks)>;
  using Failure = std::function<std::string()>;

  // Creates folder. limit_s 0: beats, but never complains. Throws Error{cannot_create}, Error{io}.
  Heartbeat(std::filesystem::path folder, Rank rank, const Activity& activity, double limit_s, Hung hung,
            Failure failure = {});
  ~Heartbeat();
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

  // The last beat: this rank leaves on its own accord.
  void end(int code, const std::string& message) noexcept;

 private:
  void work();
  void write(const std::optional<int>& end, const std::string& message) const;

  std::filesystem::path folder_;
  Rank rank_;
  const Activity& activity_;
  double limit_s_, interval_s_;
  Hung hung_;
  Failure failure_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::vector<Suspect> blamed_;
  std::thread thread_;
};

}  // namespace hearth::comm
