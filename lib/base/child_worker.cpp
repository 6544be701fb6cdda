// SPDX-License-Identifier: Apache-2.0
#include "lib/base/child_worker.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
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

void write_frame(int descriptor, char kind, std::string_view bytes) {
  std::string header;
  append_header(header, kind, bytes.size());
  write_all(descriptor, header);
  write_all(descriptor, bytes);
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
  answered_bytes_ = 0;
  answering_ = true;
  if (child_ != nullptr && child_->wait(0)) child_.reset();
  if (child_ == nullptr) {
    child_ = std::make_unique<Child>(argv_, limits_);
    n_answered_ = 0;
  }
  asked_at_s_ = steady_seconds();
  cpu_before_s_ = child_->cpu_s();
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

bool ChildWorker::is_late() const {
  return steady_seconds() - asked_at_s_ > limits_.wall_s || child_->cpu_s() - cpu_before_s_ > limits_.cpu_s;
}

ChildWorker::Frame ChildWorker::next() {
  HEARTH_CHECK(answering_, "no request is being answered");
  Frame frame;
  while (!take_frame(frame)) {
    const std::size_t before = received_.size();
    const bool more = child_->exchange(pending_, received_, tick_s);
    answered_bytes_ += received_.size() - before;
    if (answered_bytes_ > limits_.output_bytes) return broken(ChildEnd::too_much_output);
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
    Frame frame = next();
    while (frame.kind == Frame::Kind::data) {
      joined += frame.data;
      frame = next();
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

std::uint64_t memory_limit_for_own_binary([[maybe_unused]] std::uint64_t bytes) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return 0;
#else
  return bytes;
#endif
}

std::string own_executable() {
  return std::filesystem::read_symlink("/proc/self/exe").string();
}

}  // namespace hearth
