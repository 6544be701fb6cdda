// SPDX-License-Identifier: Apache-2.0
// What a tool says while it works: lines on stderr ("pretrain: ..."), one JSON event a line in --log FILE, and
// progress: a rewritten line on a terminal, one line a minute elsewhere. Results go to stdout, never through here.
#pragma once
#include <cstdio>
#include <mutex>
#include <string>
#include <string_view>

#include "lib/base/json.h"

namespace hearth {

enum class LogLevel { error, warning, info, debug };

class Log {
 public:
  enum class Progress { automatic, on, off };

  // prefix is the tool's name, with [rank] when there are several.
  explicit Log(std::string prefix, LogLevel level = LogLevel::info, Progress progress = Progress::automatic);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  void open_events(const std::string& path);  // appends; throws Error{cannot_create}
  bool has_events() const { return events_ != nullptr; }

  void info(std::string_view message);
  void debug(std::string_view message);
  void warning(std::string_view message);  // also an event
  void error(std::string_view message);    // also an event

  // A JSON event: {"event": name, "time": ..., fields...}. Nothing without --log.
  void event(std::string_view name, const Json& fields);

  // Replaces the progress line; done() ends it. Cheap to call often: it prints at most ten times a second on a
  // terminal, once a minute elsewhere.
  void progress(std::string_view line);
  void progress_done();

 private:
  void line(LogLevel level, std::string_view message);

  std::string prefix_;
  LogLevel level_;
  bool progress_on_, terminal_;
  bool progress_shown_ = false;
  double last_progress_s_ = 0;
  std::FILE* events_ = nullptr;
  std::mutex mutex_;
};

}  // namespace hearth
