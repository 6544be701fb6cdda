// SPDX-License-Identifier: Apache-2.0
#include "lib/comm/heartbeat.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <utility>

#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/base/text.h"

namespace hearth::comm {
namespace {

constexpr double most_interval_s = 10, default_interval_s = 5;

double unix_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// Often enough that a rank silent for the limit is told from one that waits.
double interval_for(double limit_s) {
  return limit_s > 0 ? std::clamp(limit_s / 10, 0.1, most_interval_s) : default_interval_s;
}

// How long a call may last. A device's work is the whole of a step, that takes as long as it is made.
constexpr double most_steps = 4, first_step_limits = 6;
double limit_of(const Activity::Now& now, double limit_s) {
  if (now.call != device_call) return limit_s;
  return now.longest_step_s == 0 ? first_step_limits * limit_s : std::max(limit_s, most_steps * now.longest_step_s);
}

std::filesystem::path file_of(const std::filesystem::path& folder, int rank) {
  char name[32];
  std::snprintf(name, sizeof name, "rank-%05d.json", rank);
  return folder / name;
}

Json json_of(const Beat& beat) {
  Json json{{"rank", beat.rank},
            {"node", beat.node},
            {"pid", beat.pid},
            {"time", beat.time},
            {"interval_s", beat.interval_s},
            {"calls", beat.calls},
            {"call", beat.call},
            {"call_s", beat.call_s}};
  for (const Need& need : beat.needs)
    json["needs"].push_back({{"ranks", *need.ranks}, {"step", need.step}, {"count", need.count}});
  if (!beat.done.empty()) json["done"] = beat.done;
  if (beat.end) {
    json["end"] = *beat.end;
    json["message"] = beat.message;
  }
  for (const Suspect& each : beat.blamed)
    json["blamed"].push_back({{"rank", each.rank}, {"node", each.node}, {"what", each.what}});
  return json;
}

Beat beat_of(const Json& json, const std::string& where) {
  Beat beat;
  beat.rank = json_get<int>(json, "rank", where);
  beat.node = json_get<std::string>(json, "node", where);
  beat.pid = json_get<std::int64_t>(json, "pid", where);
  beat.time = json_get<double>(json, "time", where);
  beat.interval_s = json_get<double>(json, "interval_s", where);
  beat.calls = json_get<std::int64_t>(json, "calls", where);
  beat.call = json_get<std::string>(json, "call", where);
  beat.call_s = json_get<double>(json, "call_s", where);
  for (const Json& each : json_get_or<Json>(json, "needs", where, Json::array())) {
    beat.needs.push_back({std::make_shared<const std::vector<int>>(json_get<std::vector<int>>(each, "ranks", where)),
                          json_get<std::string>(each, "step", where), json_get<std::int64_t>(each, "count", where)});
  }
  beat.done = json_get_or<Done>(json, "done", where, {});
  if (json.contains("end")) beat.end = json_get<int>(json, "end", where);
  beat.message = json_get_or<std::string>(json, "message", where, "");
  for (const Json& each : json_get_or<Json>(json, "blamed", where, Json::array())) {
    beat.blamed.push_back({json_get<int>(each, "rank", where), json_get<std::string>(each, "node", where),
                           json_get<std::string>(each, "what", where)});
  }
  return beat;
}

}  // namespace

std::vector<Beat> read_beats(const std::filesystem::path& folder) {
  std::vector<Beat> beats;
  std::error_code failure;
  for (const auto& entry : std::filesystem::directory_iterator(folder, failure)) {
    if (entry.path().extension() != ".json") continue;
    try {
      beats.push_back(beat_of(read_json(entry.path()), entry.path().string()));
    } catch (const Error&) {  // half written by a node that died
      continue;
    }
  }
  std::ranges::sort(beats, {}, &Beat::rank);
  return beats;
}

Heartbeat::Heartbeat(std::filesystem::path folder, Rank rank, const Activity& activity, double limit_s, Hung hung,
                     Failure failure)
    : folder_(std::move(folder)),
      rank_(std::move(rank)),
      activity_(activity),
      limit_s_(limit_s),
      interval_s_(interval_for(limit_s)),
      hung_(std::move(hung)),
      failure_(std::move(failure)) {
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  if (error) throw system_error(folder_.string(), error.value());
  write(std::nullopt, "");
  thread_ = std::thread([this] { work(); });
}

Heartbeat::~Heartbeat() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Heartbeat::end(int code, const std::string& message) noexcept {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable() && thread_.get_id() != std::this_thread::get_id()) thread_.join();
  try {
    write(code, message);
  } catch (const std::exception&) {  // the error that ends the run matters more
  }
}

// A beat that cannot be written (a full disk) is left out: the next may be.
void Heartbeat::work() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, std::chrono::duration<double>(interval_s_), [&] { return stopping_; })) {
    if (const std::string failure = failure_ ? failure_() : ""; !failure.empty()) {
      lock.unlock();
      return hung_(failure, true);
    }
    try {
      write(std::nullopt, "");
    } catch (const Error&) {
      continue;
    }
    const Activity::Now now = activity_.now();
    const double in_call_s = now.call == nullptr ? 0 : steady_seconds() - now.since_s;
    if (limit_s_ <= 0 || in_call_s < limit_of(now, limit_s_)) continue;
    const std::vector<Suspect> suspects = find_suspects(read_beats(folder_), false);
    blamed_ = suspects;
    std::string who = "all ranks live and wait for each other: the network between them";
    for (std::size_t i = 0; i < suspects.size(); ++i) who = (i == 0 ? "" : who + "; ") + text_of(suspects[i]);
    int speaker = 0;  // the lowest rank that is none of them
    for (const Suspect& suspect : suspects) speaker += suspect.rank == speaker;
    lock.unlock();
    hung_("no answer for " + human_seconds(in_call_s) + ": " + who, speaker == rank_.rank);
    return;
  }
}

void Heartbeat::write(const std::optional<int>& end, const std::string& message) const {
  const Activity::Now now = activity_.now();
  Beat beat{.rank = rank_.rank,
            .node = rank_.node,
            .pid = ::getpid(),
            .time = unix_seconds(),
            .interval_s = interval_s_,
            .calls = now.calls,
            .call = now.call == nullptr ? "" : now.call,
            .call_s = steady_seconds() - now.since_s,
            .needs = now.needs,
            .done = now.done,
            .end = end,
            .message = message,
            .blamed = {}};
  if (end) beat.blamed = blamed_;
  // Renamed into place, so that it is never read half written; not synced, as a beat is old in a moment.
  const std::filesystem::path path = file_of(folder_, rank_.rank), partial = path.string() + ".new";
  const std::string text = dump_json(json_of(beat)) + "\n";
  std::FILE* file = std::fopen(partial.c_str(), "wb");
  if (file == nullptr) throw system_error(partial.string(), errno);
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  if (std::fclose(file) != 0 || !written) throw Error(Kind::io, system_error(partial.string(), errno).what());
  std::error_code failure;
  std::filesystem::rename(partial, path, failure);
  if (failure) throw system_error(path.string(), failure.value());
}

}  // namespace hearth::comm
