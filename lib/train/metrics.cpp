// SPDX-License-Identifier: Apache-2.0
#include "lib/train/metrics.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/base/text.h"

namespace hearth::train {
namespace {

float number(const Json& event, const char* key) {
  const auto found = event.find(key);
  return found != event.end() && found->is_number() ? found->get<float>() : 0.0f;
}

void add_experts(RunHistory& history, const Json& experts) {
  if (history.experts.empty()) {
    history.experts.resize(experts.size());
    for (const Json& layer : experts) history.expert_layers.push_back(layer.value("layer", 0));
  }
  for (std::size_t i = 0; i < std::min(experts.size(), history.experts.size()); ++i) {
    history.experts[i].push_back({number(experts[i], "min"), number(experts[i], "max")});
  }
}

}  // namespace

MetricsLog::MetricsLog(std::filesystem::path path, std::uint64_t position) : path_(std::move(path)) {
  file_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (file_ < 0) throw system_error(path_.string(), errno);
  std::error_code ignored;
  const std::uintmax_t size = std::filesystem::file_size(path_, ignored);
  written_ = std::min<std::uint64_t>(position, size);
  if (::ftruncate(file_, static_cast<off_t>(written_)) != 0) {
    const int number = errno;
    ::close(file_);
    throw system_error(path_.string(), number);
  }
}

MetricsLog::~MetricsLog() {
  flush();
  ::close(file_);
}

Json MetricsLog::write(std::string_view name, std::int64_t step, const Json& fields, const Json& clock) {
  Json event{{"event", name}, {"step", step}};
  event.update(fields);
  event["clock"] = {{"time", utc_timestamp()}};
  event["clock"].update(clock);
  waiting_ += dump_json(event) + "\n";
  const int failure = flush();
  const bool no_room = failure == ENOSPC || failure == EDQUOT || failure == EFBIG;
  if (failure != 0 && !no_room) throw Error(Kind::io, system_error(path_.string(), failure).what());
  return event;
}

void MetricsLog::finish() {
  if (const int failure = flush(); failure != 0) throw Error(Kind::io, system_error(path_.string(), failure).what());
}

int MetricsLog::flush() {
  while (!waiting_.empty()) {
    const ssize_t n = ::write(file_, waiting_.data(), waiting_.size());
    if (n < 0 && errno == EINTR) continue;
    if (n == static_cast<ssize_t>(waiting_.size())) {
      written_ += waiting_.size();
      waiting_.clear();
      return 0;
    }
    const int failure = n < 0 ? errno : ENOSPC;
    if (n > 0 && ::ftruncate(file_, static_cast<off_t>(written_)) != 0) return EIO;  // no half lines
    return failure;
  }
  return 0;
}

void RunHistory::add(const Json& event) {
  const std::string name = event.value("event", "");
  const std::int64_t step = event.value("step", std::int64_t{0});
  const Json clock = event.value("clock", Json::object());
  if (name == "step") {
    while (!steps.empty() && steps.back().step >= step) drop_last_step();  // a roll-back went over them
    steps.push_back({step, number(event, "loss"), number(event, "learning_rate"), number(event, "gradient_norm"),
                     number(clock, "tokens_per_s"), number(clock, "ceiling_ratio"), event.contains("skipped")});
    tokens = event.value("tokens", std::uint64_t{0});
    memory_bytes = clock.value("memory_bytes", std::uint64_t{0});
    step_s = number(clock, "step_s");
    if (event.contains("experts")) add_experts(*this, event["experts"]);
  } else if (name == "eval") {
    evaluations.push_back({step, number(event, "loss"), number(event, "bits_per_byte")});
  } else if (name == "warning" || name == "error" || name == "exit") {
    notes.push_back({step, name, event.value("message", "")});
  }
}

void RunHistory::drop_last_step() {
  steps.pop_back();
  for (std::vector<Expert>& layer : experts) layer.pop_back();
}

RunHistory read_history(const std::filesystem::path& path) {
  RunHistory history;
  const std::string text = read_file(path);
  for (std::size_t begin = 0, end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    history.add(parse_json(std::string_view(text).substr(begin, end - begin), path.string()));
  }
  return history;
}

}  // namespace hearth::train
