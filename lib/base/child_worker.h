// SPDX-License-Identifier: Apache-2.0
// A limited child that stays and answers many requests: starting a process for each would cost more than the work.
// Over its standard input go requests, over its standard output answers, each a frame: one byte of kind ('d' for more
// data to come, 'e' for the last one of a request or of an answer), eight of length (little-endian), then the bytes.
// An answer is any number of frames, so a child can hand out the members of an archive one by one.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/child_process.h"

namespace hearth {

// The parent's side. One thread at a time. The child starts with the first request, and anew after one that broke it.
class ChildWorker {
 public:
  ChildWorker(std::vector<std::string> argv, ChildLimits limits);
  ~ChildWorker();
  ChildWorker(const ChildWorker&) = delete;
  ChildWorker& operator=(const ChildWorker&) = delete;

  // Begins a request; what is left of the answer to an earlier one is dropped with the child. Throws Error{missing}
  // when the program cannot be started.
  void ask(std::string request);

  // The next frame of the answer. The limits of time and output are of each frame, counted while it is waited for. When
  // the child is not there any more: data is its end, for people.
  struct Frame {
    enum class Kind : std::uint8_t { data, last, broken } kind = Kind::broken;
    std::string data;
    ChildEnd end = ChildEnd::exited;  // of broken: why
  };
  Frame next();

  // ask, and all frames of the answer joined, within the limits of one. A child that breaks after it had answered
  // others gets a second chance as a fresh one, so that what comes out depends on the request alone.
  Frame answer(const std::string& request);

 private:
  bool take_frame(Frame& frame);
  void start_clock();
  Frame wait_for_frame();
  Frame broken(ChildEnd end);
  bool is_late();

  std::vector<std::string> argv_;
  ChildLimits limits_;
  std::unique_ptr<Child> child_;
  std::string request_;           // framed
  std::string_view pending_;      // what is still to be sent of it
  std::string received_;          // not yet taken
  std::uint64_t n_answered_ = 0;  // requests by this child
  double waiting_since_s_ = 0;
  std::optional<double> cpu_before_s_;  // once it was looked at
  bool answering_ = false;
};

// The child's side: for each request calls handle(request, emit); emit sends a data frame (and may be called any number
// of times); what handle returns is the last frame. Returns when the parent closes its end. Memory that runs out inside
// handle ends the process with a message the parent understands.
using Emit = std::function<void(std::string_view)>;
void serve_requests(int input, int output, const std::function<std::string(std::string, const Emit&)>& handle);

// From now on this process (of one thread) writes, makes and removes no file and starts no program, where the kernel
// has Landlock; false where it has not. What is open stays open.
bool give_up_writing();

// A sanitizer reserves terabytes of address space, so a build with one cannot limit its own kind of process.
std::uint64_t memory_limit_for_own_binary(std::uint64_t bytes);

// A path of this program's own executable, to start it as a worker: also when its file was replaced meanwhile.
std::string own_executable();

}  // namespace hearth
