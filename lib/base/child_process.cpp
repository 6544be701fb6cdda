// SPDX-License-Identifier: Apache-2.0
#include "lib/base/child_process.h"

#include <linux/seccomp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "lib/base/child_spawn.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/text.h"

namespace hearth {
namespace {

constexpr std::size_t errors_kept_bytes = 4096;
constexpr std::size_t bytes_a_read = 256 << 10;
constexpr double tick_s = 0.02;  // between looks at the clock and at whether the child lives

void close_descriptor(int& descriptor) {
  if (descriptor >= 0) close(descriptor);
  descriptor = -1;
}

std::string path_of_program(const std::string& name) {
  const std::string path = find_program(name);
  if (path.empty()) throw Error(Kind::missing, "the program '" + name + "' is not in PATH");
  return path;
}

// Writes without the signal that a closed pipe would send to the whole process; as write(2).
ssize_t write_quietly(int descriptor, std::string_view bytes) {
  sigset_t pipe_signal, before, pending;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  sigpending(&pending);
  const bool was_pending = sigismember(&pending, SIGPIPE) == 1;
  pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
  const ssize_t n = write(descriptor, bytes.data(), bytes.size());
  const int error_number = errno;
  if (n < 0 && error_number == EPIPE && !was_pending) {
    const timespec now{0, 0};
    while (sigtimedwait(&pipe_signal, nullptr, &now) < 0 && errno == EINTR) {
    }
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error_number;
  return n;
}

bool speaks_of_memory(std::string_view errors) {
  for (const std::string_view words : {"emory", "bad_alloc"}) {  // "Out of memory", "MemoryError"
    if (errors.find(words) != std::string_view::npos) return true;
  }
  return false;
}

std::string first_line(std::string_view text) {
  text = trim(text);
  return std::string(text.substr(0, std::min<std::size_t>(text.find('\n'), 200)));
}

}  // namespace

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return access(name.c_str(), X_OK) == 0 ? name : "";
  const char* path = std::getenv("PATH");
  for (const std::string& folder : split(path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin", ':')) {
    const std::string candidate = (folder.empty() ? "." : folder) + "/" + name;
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return "";
}

bool children_are_offline() {
  const std::uint32_t action = SECCOMP_RET_ERRNO;
  return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

Child::Child(const std::vector<std::string>& argv, const ChildLimits& limits)
    : memory_limit_bytes_(limits.memory_bytes) {
  HEARTH_CHECK(!argv.empty(), "no program given");
  const SpawnedChild child = spawn_limited(path_of_program(argv[0]), argv, limits);
  pid_ = child.pid;
  input_ = child.input;
  output_ = child.output;
  errors_pipe_ = child.errors;
}

Child::~Child() {
  kill();
  close_descriptor(input_);
  close_descriptor(output_);
  close_descriptor(errors_pipe_);
}

// Appends what there is, up to keep bytes in all (the rest is dropped); false, and closed, at the end.
bool Child::read_some(int& descriptor, std::string& text, std::size_t keep) const {
  std::array<char, 16 << 10> buffer;
  for (std::size_t got = 0; got < bytes_a_read;) {
    const ssize_t n = read(descriptor, buffer.data(), buffer.size());
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (n <= 0) {
      close_descriptor(descriptor);
      return false;
    }
    got += static_cast<std::size_t>(n);
    text.append(buffer.data(), std::min(static_cast<std::size_t>(n), keep - std::min(keep, text.size())));
    if (static_cast<std::size_t>(n) < buffer.size()) return true;
  }
  return true;
}

bool Child::exchange(std::string_view& pending, std::string& output, double wait_s) {
  std::array<pollfd, 3> polled = {pollfd{output_, POLLIN, 0}, pollfd{errors_pipe_, POLLIN, 0},
                                  pollfd{pending.empty() ? -1 : input_, POLLOUT, 0}};
  const int n_ready = poll(polled.data(), polled.size(), static_cast<int>(std::ceil(std::max(0.0, wait_s) * 1e3)));
  if (n_ready > 0) {
    if (polled[0].revents != 0) read_some(output_, output, output.max_size());
    if (polled[1].revents != 0) read_some(errors_pipe_, errors_, errors_kept_bytes);
    if (polled[2].revents != 0) {
      const ssize_t n = write_quietly(input_, pending);
      if (n >= 0) pending.remove_prefix(static_cast<std::size_t>(n));
      if (n < 0 && errno != EAGAIN && errno != EINTR) close_input();
    }
  } else if (wait(0)) {  // what it started may hold the streams open, but was killed
    while (output_ >= 0 && read_some(output_, output, output.max_size()) && poll(polled.data(), 1, 0) > 0) {
    }
    return false;
  }
  return output_ >= 0 || errors_pipe_ >= 0;
}

void Child::close_input() {
  close_descriptor(input_);
}

double Child::cpu_s() const {
  clockid_t clock = 0;
  timespec used{0, 0};
  if (ended_ || clock_getcpuclockid(pid_, &clock) != 0 || clock_gettime(clock, &used) != 0) return 0;
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

void Child::kill() {
  if (ended_ || pid_ < 0) return;
  ::kill(-pid_, SIGKILL);
  ::kill(pid_, SIGKILL);
  rusage used{};
  while (wait4(pid_, &status_, 0, &used) < 0 && errno == EINTR) {
  }
  most_memory_bytes_ = static_cast<std::uint64_t>(used.ru_maxrss) << 10;
  ended_ = true;
}

bool Child::wait(double wait_s) {
  const Stopwatch watch;
  for (double pause_s = 1e-4; !ended_; pause_s = std::min(pause_s * 2, tick_s)) {
    siginfo_t end{};
    // Not reaped yet: its number stays taken, so that its group can be killed without meeting another.
    const int failed = waitid(P_PID, static_cast<id_t>(pid_), &end, WEXITED | WNOHANG | WNOWAIT);
    if (failed == 0 && end.si_pid == pid_) {
      kill();
      break;
    }
    if (watch.seconds() >= wait_s) return false;
    const timespec pause{0, static_cast<long>(std::min(pause_s, wait_s) * 1e9)};
    nanosleep(&pause, nullptr);
  }
  return true;
}

ChildResult Child::result() const {
  ChildResult result;
  result.end = WIFSIGNALED(status_) ? ChildEnd::signalled : ChildEnd::exited;
  result.code = WIFSIGNALED(status_) ? WTERMSIG(status_) : WEXITSTATUS(status_);
  result.errors = errors_;
  const bool failed = result.end == ChildEnd::signalled || result.code != 0;
  const bool was_full = memory_limit_bytes_ > 0 && most_memory_bytes_ > memory_limit_bytes_ / 4 * 3;
  if (failed && (was_full || speaks_of_memory(errors_))) result.end = ChildEnd::out_of_memory;
  return result;
}

std::string ChildResult::describe(const ChildLimits& limits) const {
  const auto seconds = [](double value) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%g s", value);
    return std::string(text.data());
  };
  const std::string said = first_line(errors);
  switch (end) {
    case ChildEnd::exited:
      return "exit code " + std::to_string(code) + (said.empty() ? "" : ": " + said);
    case ChildEnd::signalled:
      return "killed by signal " + std::to_string(code) + (said.empty() ? "" : ": " + said);
    case ChildEnd::out_of_time:
      return "not done after " + seconds(limits.cpu_s) + " of processor time or " + seconds(limits.wall_s) + " in all";
    case ChildEnd::out_of_memory:
      return "needs more than " + human_bytes(static_cast<double>(limits.memory_bytes)) + " of memory";
    case ChildEnd::too_much_output:
      return "gives more than " + human_bytes(static_cast<double>(limits.output_bytes));
  }
  return "";
}

ChildResult run_child(const std::vector<std::string>& argv, std::string_view input, const ChildLimits& limits) {
  const Stopwatch watch;
  Child child(argv, limits);
  std::string output;
  const auto stopped = [&](ChildEnd end) {
    child.kill();
    ChildResult result = child.result();
    result.end = end;
    result.output = std::move(output);
    return result;
  };
  const auto is_late = [&] { return watch.seconds() > limits.wall_s || child.cpu_s() > limits.cpu_s; };
  if (input.empty()) child.close_input();
  while (true) {
    const bool had_input = !input.empty();
    const bool more = child.exchange(input, output, tick_s);
    if (output.size() > limits.output_bytes) {
      output.resize(limits.output_bytes);
      return stopped(ChildEnd::too_much_output);
    }
    if (!more) break;
    if (had_input && input.empty()) child.close_input();
    if (is_late()) return stopped(ChildEnd::out_of_time);
  }
  while (!child.wait(tick_s)) {
    if (is_late()) return stopped(ChildEnd::out_of_time);
  }
  ChildResult result = child.result();
  result.output = std::move(output);
  return result;
}

}  // namespace hearth
