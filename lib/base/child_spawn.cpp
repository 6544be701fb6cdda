// SPDX-License-Identifier: Apache-2.0
// vfork and not fork: a parent with gigabytes would pay for copying its page tables at each start. The child shares
// our memory until exec, so it makes system calls on what was prepared before and touches nothing else.
#include "lib/base/child_spawn.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>

#include "lib/base/error.h"

namespace hearth {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t our_architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t our_architecture = AUDIT_ARCH_AARCH64;
#else
#error "the system call numbers of this architecture are not known"
#endif
constexpr std::uint32_t first_foreign_call = 0x40000000;  // x32's numbers begin here, and no other's

constexpr sock_filter load(std::size_t offset) {
  return {BPF_LD | BPF_W | BPF_ABS, 0, 0, static_cast<std::uint32_t>(offset)};
}
// Passes over n_yes instructions when the loaded value equals (is at least) value, over n_no when not.
constexpr sock_filter if_equal(std::uint32_t value, std::uint8_t n_yes, std::uint8_t n_no) {
  return {BPF_JMP | BPF_JEQ | BPF_K, n_yes, n_no, value};
}
constexpr sock_filter if_at_least(std::uint32_t value, std::uint8_t n_yes, std::uint8_t n_no) {
  return {BPF_JMP | BPF_JGE | BPF_K, n_yes, n_no, value};
}
constexpr sock_filter answer(std::uint32_t what) {
  return {BPF_RET | BPF_K, 0, 0, what};
}

// No sockets (io_uring could make them too), and no leaving of the process group. Programs of another architecture,
// whose numbers differ, cannot run at all.
constexpr std::array<sock_filter, 11> filter = {
    load(offsetof(seccomp_data, arch)),
    if_equal(our_architecture, 1, 0),
    answer(SECCOMP_RET_ERRNO | ENOSYS),
    load(offsetof(seccomp_data, nr)),
    if_at_least(first_foreign_call, 4, 0),
    if_equal(__NR_socket, 3, 0),
    if_equal(__NR_io_uring_setup, 2, 0),
    if_equal(__NR_setsid, 1, 0),
    if_equal(__NR_setpgid, 0, 1),
    answer(SECCOMP_RET_ERRNO | EPERM),
    answer(SECCOMP_RET_ALLOW),
};

struct Limit {
  decltype(RLIMIT_AS) what;
  rlimit value;
};

// All that the child needs, ready for use.
struct Plan {
  const char* program;
  std::vector<char*> arguments, environment;  // each ends with a null pointer
  int input, output, errors;                  // its ends of the pipes, all above 2
  std::vector<Limit> limits;
  sigset_t signals;  // not blocked in it
};

void set_no_handlers() {
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE, SIGCHLD, SIGALRM})
    std::signal(number, SIG_DFL);
}

// Runs in the child on the parent's memory: system calls only.
[[noreturn]] void become(const Plan& plan, volatile int& failure) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (dup2(plan.input, 0) < 0 || dup2(plan.output, 1) < 0 || dup2(plan.errors, 2) < 0) {
    failure = errno;
    _exit(127);
  }
  if (syscall(SYS_close_range, 3u, ~0u, 0u) != 0) {
    for (int descriptor = 3; descriptor < 4096; ++descriptor) close(descriptor);
  }
  for (const Limit& limit : plan.limits) setrlimit(limit.what, &limit.value);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  const sock_fprog program{static_cast<unsigned short>(filter.size()), const_cast<sock_filter*>(filter.data())};
  prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
  set_no_handlers();
  sigprocmask(SIG_SETMASK, &plan.signals, nullptr);
  execve(plan.program, plan.arguments.data(), plan.environment.data());
  failure = errno;
  _exit(127);
}

class Pipe {
 public:
  Pipe() {
    if (pipe2(ends_.data(), O_CLOEXEC) != 0)
      throw Error(Kind::unavailable, system_error("cannot make a pipe", errno).what());
    for (int& end : ends_) {
      if (end > 2) continue;  // where standard streams were closed: not onto the child's own
      const int moved = fcntl(end, F_DUPFD_CLOEXEC, 3);
      close(end);
      end = moved;
    }
  }
  ~Pipe() {
    for (const int end : ends_) {
      if (end >= 0) close(end);
    }
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  int reading_end() const { return ends_[0]; }
  int writing_end() const { return ends_[1]; }
  int keep(int which) {  // 0: the reading end, 1: the writing end
    const int end = ends_[static_cast<std::size_t>(which)];
    ends_[static_cast<std::size_t>(which)] = -1;
    fcntl(end, F_SETFL, O_NONBLOCK);
    return end;
  }

 private:
  std::array<int, 2> ends_{-1, -1};
};

// Blocks all signals of this thread while it lives: no handler of ours may run in the child on our memory.
class NoSignals {
 public:
  NoSignals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~NoSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  NoSignals(const NoSignals&) = delete;
  NoSignals& operator=(const NoSignals&) = delete;

 private:
  sigset_t before_{};
};

std::vector<Limit> limits_of(const ChildLimits& limits) {
  const auto both = [](std::uint64_t value) { return rlimit{value, value}; };
  std::vector<Limit> list = {{RLIMIT_CORE, both(0)}, {RLIMIT_FSIZE, both(limits.file_bytes)}};
  if (limits.memory_bytes > 0) list.push_back({RLIMIT_AS, both(limits.memory_bytes)});
  return list;
}

// Ours, but for what makes programs write differently on another machine.
std::vector<std::string> child_environment() {
  std::vector<std::string> list = {"LC_ALL=C.UTF-8", "TZ=UTC"};
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (!text.starts_with("LC_") && !text.starts_with("LANG") && !text.starts_with("TZ=")) list.emplace_back(text);
  }
  return list;
}

std::vector<char*> pointers_to(std::vector<std::string>& list) {
  std::vector<char*> pointers;
  for (std::string& text : list) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

SpawnedChild spawn_limited(const std::string& program, const std::vector<std::string>& argv,
                           const ChildLimits& limits) {
  Pipe input, output, errors;
  std::vector<std::string> arguments = argv, environment = child_environment();
  Plan plan{program.c_str(),      pointers_to(arguments), pointers_to(environment), input.reading_end(),
            output.writing_end(), errors.writing_end(),   limits_of(limits),        {}};
  sigemptyset(&plan.signals);
  volatile int failure = 0;
  pid_t pid = -1;
  {
    const NoSignals none;
    pid = vfork();
    if (pid == 0) become(plan, failure);
  }
  if (pid < 0) throw Error(Kind::unavailable, system_error("cannot start " + program, errno).what());
  if (failure != 0) {
    waitpid(pid, nullptr, 0);
    throw Error(Kind::missing, system_error("cannot execute " + program, failure).what());
  }
  return {pid, input.keep(1), output.keep(0), errors.keep(0)};
}

}  // namespace hearth
