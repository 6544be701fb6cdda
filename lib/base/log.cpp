// SPDX-License-Identifier: Apache-2.0
#include "lib/base/log.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "lib/base/clock.h"
#include "lib/base/json_value.h"

namespace hearth {
namespace {
constexpr double terminal_interval_s = 0.1;
constexpr double plain_interval_s = 60;
}  // namespace

Log::Log(std::string prefix, LogLevel level, Progress progress)
    : prefix_(std::move(prefix)),
      level_(level),
      progress_on_(progress != Progress::off),
      terminal_(progress != Progress::off && ::isatty(STDERR_FILENO) == 1),
      last_progress_s_(progress == Progress::on ? -plain_interval_s : steady_seconds()) {}

Log::~Log() {
  progress_done();
  if (events_ != nullptr) std::fclose(events_);
}

void Log::open_events(const std::string& path) {
  events_ = std::fopen(path.c_str(), "ae");
  if (events_ == nullptr) throw Error(Kind::cannot_create, system_error(path, errno).what());
}

void Log::line(LogLevel level, std::string_view message) {
  if (level > level_) return;
  const std::lock_guard lock(mutex_);
  if (progress_shown_) std::fputs("\r\033[K", stderr);
  progress_shown_ = false;
  const char* kind = level == LogLevel::error ? "error: " : level == LogLevel::warning ? "warning: " : "";
  std::fprintf(stderr, "%s: %s%.*s\n", prefix_.c_str(), kind, static_cast<int>(message.size()), message.data());
}

void Log::info(std::string_view message) { line(LogLevel::info, message); }
void Log::debug(std::string_view message) { line(LogLevel::debug, message); }

void Log::warning(std::string_view message) {
  line(LogLevel::warning, message);
  event("warning", Json{{"message", std::string(message)}});
}

void Log::error(std::string_view message) {
  line(LogLevel::error, message);
  event("error", Json{{"message", std::string(message)}});
}

void Log::event(std::string_view name, const Json& fields) {
  if (events_ == nullptr) return;
  Json event{{"event", std::string(name)}, {"time", utc_timestamp()}};
  event.update(fields);
  const std::string text = dump_json(event) + "\n";
  const std::lock_guard lock(mutex_);
  const bool written = std::fwrite(text.data(), 1, text.size(), events_) == text.size() && std::fflush(events_) == 0;
  if (written) return;
  std::fprintf(stderr, "%s: warning: no more events: %s\n", prefix_.c_str(), system_error("--log", errno).what());
  std::fclose(std::exchange(events_, nullptr));
}

void Log::progress(std::string_view line) {
  if (!progress_on_) return;
  const std::lock_guard lock(mutex_);
  const double now = steady_seconds();
  if (now - last_progress_s_ < (terminal_ ? terminal_interval_s : plain_interval_s)) return;
  last_progress_s_ = now;
  if (terminal_) {
    std::fprintf(stderr, "\r\033[K%s: %.*s", prefix_.c_str(), static_cast<int>(line.size()), line.data());
    progress_shown_ = true;
  } else {
    std::fprintf(stderr, "%s: %.*s\n", prefix_.c_str(), static_cast<int>(line.size()), line.data());
  }
}

void Log::progress_done() {
  const std::lock_guard lock(mutex_);
  if (progress_shown_) std::fputs("\r\033[K", stderr);
  progress_shown_ = false;
}

}  // namespace hearth
