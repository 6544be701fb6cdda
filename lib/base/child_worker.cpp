// SPDX-License-Identifier: Apache-2.0
#include "lib/base/child_worker.h"

#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>
#include <utility>

#include "lib/base/clock.h"
#include "lib/base/error.h"

namespace hearth {
namespace {

constexpr std::size_t header_bytes = 9;
constexpr double tick_s = 0.05;

void append_header(std::string& out, char kind, std::uint64_t length) {
  out += kind;
  for (int shift = 0; shift < 64; shift += 8) out += static_cast<char>((length >> shift) & 0xff);
}

std::uint64_t length_of(std::string_view header) {
  std::uint64_t length = 0;
  for (std::size_t i = 8; i > 0; --i) length = (length << 8) | static_cast<unsigned char>(header[i]);
  return length;
}

// False at the end of input before the first byte.
bool read_exactly(int descriptor, char* bytes, std::size_t count) {
  for (std::size_t got = 0; got < count;) {
    const ssize_t n = read(descriptor, bytes + got, count - got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw system_error("cannot read a request", errno);
    if (n == 0 && got == 0) return false;
    if (n == 0) throw Error(Kind::io, "a request ends early");
    got += static_cast<std::size_t>(n);
  }
  return true;
}

void write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(descriptor, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw system_error("cannot write an answer", errno);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

// Header and bytes at once, that the reader wakes once.
void write_frame(int descriptor, char kind, std::string_view bytes) {
  std::string header;
  append_header(header, kind, bytes.size());
  const std::array<iovec, 2> parts = {iovec{header.data(), header.size()},
                                      iovec{const_cast<char*>(bytes.data()), bytes.size()}};
  ssize_t n = writev(descriptor, parts.data(), parts.size());
  if (n < 0 && errno != EINTR) throw system_error("cannot write an answer", errno);
  const auto written = static_cast<std::size_t>(n < 0 ? 0 : n);
  if (written < header_bytes) write_all(descriptor, std::string_view(header).substr(written));
  write_all(descriptor, bytes.substr(std::min(bytes.size(), written - std::min(written, header_bytes))));
}

}  // namespace

ChildWorker::ChildWorker(std::vector<std::string> argv, ChildLimits limits) : argv_(std::move(argv)), limits_(limits) {}

ChildWorker::~ChildWorker() = default;

void ChildWorker::ask(std::string request) {
  if (answering_) child_.reset();
  request_.clear();
  append_header(request_, 'e', request.size());
  request_ += request;
  pending_ = request_;
  received_.clear();
  answering_ = true;
  if (child_ != nullptr && child_->wait(0)) child_.reset();
  if (child_ == nullptr) {
    child_ = std::make_unique<Child>(argv_, limits_);
    n_answered_ = 0;
  }
  start_clock();
}

void ChildWorker::start_clock() {
  waiting_since_s_ = steady_seconds();
  cpu_before_s_.reset();
}

bool ChildWorker::take_frame(Frame& frame) {
  if (received_.size() < header_bytes) return false;
  const std::uint64_t length = length_of(received_);
  if (length > received_.size() - header_bytes) return false;
  frame.kind = received_[0] == 'e' ? Frame::Kind::last : Frame::Kind::data;
  if (length + header_bytes == received_.size()) {  // no copy of what may be large
    frame.data = std::move(received_);
    frame.data.erase(0, header_bytes);
    received_.clear();
  } else {
    frame.data.assign(received_, header_bytes, length);
    received_.erase(0, header_bytes + length);
  }
  if (frame.kind == Frame::Kind::last) {
    answering_ = false;
    ++n_answered_;
  }
  return true;
}

ChildWorker::Frame ChildWorker::broken(ChildEnd end) {
  child_->kill();
  ChildResult result = child_->result();
  if (end != ChildEnd::exited) result.end = end;
  child_.reset();
  answering_ = false;
  return {Frame::Kind::broken, result.describe(limits_), result.end};
}

// The processor's clock is read once it may matter: most frames come within a tick. What the child had used before the
// wait began is reckoned from the first reading, as if it had worked all the time since.
bool ChildWorker::is_late() {
  const double waited_s = steady_seconds() - waiting_since_s_;
  if (waited_s < std::min(tick_s, limits_.cpu_s / 2)) return false;
  const double cpu_s = child_->cpu_s();
  if (!cpu_before_s_) cpu_before_s_ = std::max(0.0, cpu_s - waited_s);
  return waited_s > limits_.wall_s || cpu_s - *cpu_before_s_ > limits_.cpu_s;
}

ChildWorker::Frame ChildWorker::next() {
  HEARTH_CHECK(answering_, "no request is being answered");
  start_clock();
  return wait_for_frame();
}

ChildWorker::Frame ChildWorker::wait_for_frame() {
  Frame frame;
  while (!take_frame(frame)) {
    const bool more = child_->exchange(pending_, received_, tick_s);
    if (received_.size() > limits_.output_bytes) return broken(ChildEnd::too_much_output);
    if (!more && !take_frame(frame)) {
      child_->wait(tick_s);  // it closed its output: it is about to end by itself, with a code that tells
      return broken(ChildEnd::exited);
    }
    if (!more) break;
    if (is_late()) return broken(ChildEnd::out_of_time);
  }
  return frame;
}

ChildWorker::Frame ChildWorker::answer(const std::string& request) {
  for (bool again = false;; again = true) {
    ask(request);
    const bool was_fresh = n_answered_ == 0;
    std::string joined;
    Frame frame = wait_for_frame();
    while (frame.kind == Frame::Kind::data) {
      joined += frame.data;
      frame = joined.size() > limits_.output_bytes ? broken(ChildEnd::too_much_output) : wait_for_frame();
    }
    if (frame.kind == Frame::Kind::last) {
      if (!joined.empty()) frame.data.insert(0, joined);
      return frame;
    }
    if (was_fresh || again) return frame;
  }
}

void serve_requests(int input, int output, const std::function<std::string(std::string, const Emit&)>& handle) {
  std::array<char, header_bytes> header{};
  while (read_exactly(input, header.data(), header.size())) {
    try {
      std::string request(length_of({header.data(), header.size()}), '\0');
      if (!request.empty() && !read_exactly(input, request.data(), request.size()))
        throw Error(Kind::io, "a request ends early");
      write_frame(output, 'e',
                  handle(std::move(request), [&](std::string_view data) { write_frame(output, 'd', data); }));
    } catch (const std::bad_alloc&) {
      throw Error(Kind::unavailable, "out of memory");
    }
  }
}

bool give_up_writing() {
  // Rights of the first version of Landlock; no rule allows any of them anywhere.
  constexpr std::uint64_t all_but_reading =
      LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
      LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |
      LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
      LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;
  landlock_ruleset_attr rules{};
  rules.handled_access_fs = all_but_reading;
  const long ruleset = syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0);
  if (ruleset < 0) return false;
  const bool done = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
  close(static_cast<int>(ruleset));
  return done;
}

std::uint64_t memory_limit_for_own_binary([[maybe_unused]] std::uint64_t bytes) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return 0;
#else
  return bytes;
#endif
}

std::string own_executable() {
  return "/proc/self/exe";
}

}  // namespace hearth
