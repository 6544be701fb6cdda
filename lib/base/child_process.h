// SPDX-License-Identifier: Apache-2.0
// Programs we do not trust with our own process, run as limited children: time, memory, output and files bounded, no
// network, no way out of their process group, which is killed at the end. No shell is involved. Linux only.
// Safe in a process with threads: between vfork and exec there are system calls only.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hearth {

struct ChildLimits {
  double wall_s = 120;                      // of a whole run, or of one frame of a ChildWorker's answer
  double cpu_s = 60;                        // likewise
  std::uint64_t memory_bytes = 1u << 30;    // address space; 0: no limit
  std::uint64_t output_bytes = 256u << 20;  // of standard output, or of one frame
  std::uint64_t file_bytes = 256u << 20;    // of each file it writes
};

enum class ChildEnd : std::uint8_t { exited, signalled, out_of_time, out_of_memory, too_much_output };

struct ChildResult {
  ChildEnd end = ChildEnd::exited;
  int code = 0;  // the exit code; the signal's number when signalled
  std::string output;
  std::string errors;  // the first 4 KiB of standard error

  bool succeeded() const { return end == ChildEnd::exited && code == 0; }
  // "exit code 1: Syntax Error: ...", "killed by signal 11", "stopped after 60 s of processor time": for people.
  std::string describe(const ChildLimits& limits) const;
};

// Runs argv (argv[0] is looked up in PATH) with input on its standard input, and waits. A child that does not read all
// of its input is no error. Throws Error{missing} when the program cannot be started.
ChildResult run_child(const std::vector<std::string>& argv, std::string_view input, const ChildLimits& limits);

// Where a program of this name lies, by PATH; "" for nowhere.
std::string find_program(const std::string& name);

// True when children here can be kept from the network (the kernel filters system calls for unprivileged programs).
bool children_are_offline();

// A child that runs: what run_child and ChildWorker have in common.
class Child {
 public:
  Child(const std::vector<std::string>& argv, const ChildLimits& limits);
  ~Child();  // kills it and everything it started
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // Waits up to wait_s for the child to take some of pending (removed from its front) or to say something, which is
  // appended to output (at most 256 KiB a call) and kept as errors(). False once the child has closed both streams or
  // has ended.
  bool exchange(std::string_view& pending, std::string& output, double wait_s);
  void close_input();
  double cpu_s() const;  // processor time it has used, its own children's not counted; 0 once it ended
  void kill();           // with all it started, and waits; the end is then known
  // Waits up to wait_s for its end; true when it has ended.
  bool wait(double wait_s);
  // After the end: how it ended, with errors().
  ChildResult result() const;
  const std::string& errors() const { return errors_; }

 private:
  bool read_some(int& descriptor, std::string& text, std::size_t keep) const;

  pid_t pid_ = -1;
  int input_ = -1, output_ = -1, errors_pipe_ = -1;
  bool ended_ = false;
  int status_ = 0;  // of waitpid
  std::uint64_t most_memory_bytes_ = 0, memory_limit_bytes_ = 0;
  std::string errors_;
};

}  // namespace hearth
