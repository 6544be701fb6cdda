// SPDX-License-Identifier: Apache-2.0
// Which rank is found to be the cause, from the heartbeats of a run that hung or died; and a watchdog that fires.
#include <stdlib.h>

#include <filesystem>
#include <future>

#include "lib/comm/heartbeat.h"
#include "tests/support/catch.h"

using namespace hearth::comm;

namespace {

Beat beat_at(int rank, double time, std::int64_t calls, const char* call = "all_reduce") {
  return {.rank = rank,
          .node = "n" + std::to_string(rank),
          .pid = 1,
          .time = time,
          .interval_s = 1,
          .calls = calls,
          .call = call,
          .call_s = 9,
          .needs = {},
          .done = {},
          .end = {},
          .message = "",
          .blamed = {}};
}

Need need_of(std::vector<int> ranks, std::string step, std::int64_t count) {
  return {std::make_shared<const std::vector<int>>(std::move(ranks)), std::move(step), count};
}

Beat with(Beat beat, std::vector<int> ranks, const char* step = "a call", std::int64_t count = 3) {
  beat.needs = {need_of(std::move(ranks), step, count)};
  return beat;
}

Beat having(Beat beat, Done done) {
  beat.done = std::move(done);
  return beat;
}

Beat lasting(Beat beat, double seconds) {
  beat.call_s = seconds;
  return beat;
}

Beat left(Beat beat, int code, const char* message) {
  beat.end = code;
  beat.message = message;
  return beat;
}

Beat blaming(Beat beat, int rank) {
  beat.blamed = {{rank, "n" + std::to_string(rank), "was last heard 4 s before the others"}};
  return beat;
}

}  // namespace

TEST_CASE("the rank that others wait for is found") {
  struct Case {
    const char* what;
    std::vector<Beat> beats;
    std::vector<int> ranks;
    const char* text;
    bool over = true;
  };
  const std::vector<Case> cases{
      {"stopped: silent while others beat",
       {beat_at(0, 100, 7), beat_at(1, 60, 6), beat_at(2, 100, 7)},
       {1},
       "40 s before the others, in all_reduce, call 6"},
      {"killed: no word of leaving",
       {left(beat_at(0, 100, 7), 69, "MPI"), beat_at(1, 99.8, 7), left(beat_at(2, 100, 7), 69, "MPI")},
       {1},
       "was last heard"},
      {"its own error comes first",
       {left(beat_at(0, 100, 7), 69, "rank 1 failed"), left(beat_at(1, 99, 6), 74, "disk full")},
       {1},
       "ended with 74: disk full"},
      {"stopped, and woken to be ended",
       {blaming(left(beat_at(0, 100, 7), 69, "no answer"), 1), left(beat_at(1, 110, 7), 69, "rank 0 is gone")},
       {1},
       "was last heard 4 s before"},
      {"killed, and another later by the launcher",
       {left(beat_at(0, 100, 7), 69, "MPI"), beat_at(1, 60, 7), beat_at(2, 100, 7)},
       {1},
       "40 s before the others"},
      {"killed, told while the others live: one has seen it and left",
       {beat_at(0, 100, 7), beat_at(1, 60, 7), left(beat_at(2, 70, 7), 69, "MPI")},
       {1},
       "40 s before the others",
       false},
      {"hung in a call that the others are through with",
       {having(with(beat_at(0, 100, 9), {0, 1, 2, 3}, "world", 5), {{"world", 4}, {"0 and 2", 3}}),
        having(with(beat_at(1, 100, 9), {0, 1, 2, 3}, "world", 5), {{"world", 4}, {"1 and 3", 3}}),
        having(with(beat_at(2, 100, 9), {0, 1, 2, 3}, "world", 5), {{"world", 4}, {"0 and 2", 3}}),
        having(with(beat_at(3, 100, 8), {1, 3}, "1 and 3", 3), {{"world", 4}, {"1 and 3", 2}})},
       {3},
       "is in all_reduce, call 8"},
      {"the sender is through with a message, the receiver is not",
       {having(with(beat_at(0, 100, 9, "exchange"), {1}, "1->0", 4), {{"0->1", 6}}),
        having(with(beat_at(1, 100, 9, "exchange"), {0}, "0->1", 7), {{"1->0", 4}})},
       {0},
       "is in exchange, call 9"},
      {"hung outside of calls",
       {with(beat_at(0, 100, 7), {0, 1}), beat_at(1, 100, 6, "")},
       {1},
       "computing since call 6"},
      {"one has only just left a call",
       {with(beat_at(0, 100, 7), {1, 2}), beat_at(1, 100, 6, ""), lasting(beat_at(2, 100, 7, ""), 0.1)},
       {1},
       "others wait for it"},
      {"of a pipeline the third hangs; the first has made most calls, the last fewest",
       {with(beat_at(0, 100, 9, "exchange"), {1}), with(beat_at(1, 100, 7, "exchange"), {2}), beat_at(2, 100, 6, ""),
        with(beat_at(3, 100, 4, "exchange"), {2})},
       {2},
       "computing since call 6"},
      {"a pipeline hangs, the other waits for it in a reduction of the first stages",
       {with(beat_at(0, 100, 9), {0, 1}), with(beat_at(1, 100, 7, "exchange"), {3}), with(beat_at(2, 100, 9), {2, 3}),
        beat_at(3, 100, 8, "")},
       {3},
       "computing since call 8"},
      {"all killed by the launcher a moment after one died",
       {lasting(with(beat_at(0, 100, 7), {1}), 1), lasting(beat_at(1, 99, 6, ""), 0.1),
        lasting(with(beat_at(2, 100, 7), {1}), 2)},
       {},
       ""},
      {"two wait for each other, the rest for one of them",
       {with(beat_at(0, 100, 9, "exchange"), {1}), with(beat_at(1, 100, 7, "exchange"), {2}),
        with(beat_at(2, 100, 6), {1, 2})},
       {1, 2},
       "it and 2 wait for each other"},
      {"all wait in the same call", {with(beat_at(0, 100, 7), {0, 1}), with(beat_at(1, 100, 7), {0, 1})}, {}, ""},
      {"elsewhere while the others wait for their GPUs",
       {beat_at(0, 100, 7, device_call), beat_at(1, 100, 6, ""), lasting(beat_at(2, 100, 7, ""), 0.1),
        beat_at(3, 100, 7, nccl_call)},
       {1},
       "computing since call 6 for 9 s; others wait for it on their GPUs"},
      {"all wait for their GPUs", {beat_at(0, 100, 7, device_call), beat_at(1, 100, 7, device_call)}, {}, ""},
      {"all compute", {beat_at(0, 100, 7, ""), beat_at(1, 100, 7, "")}, {}, ""},
      {"all left in good order", {left(beat_at(0, 100, 7, ""), 75, ""), left(beat_at(1, 99, 7, ""), 75, "")}, {}, ""},
      {"nothing there", {}, {}, ""},
  };
  for (const Case& each : cases) {
    INFO(each.what);
    const std::vector<Suspect> suspects = find_suspects(each.beats, each.over);
    std::vector<int> ranks;
    for (const Suspect& suspect : suspects) ranks.push_back(suspect.rank);
    CHECK(ranks == each.ranks);
    if (!suspects.empty()) CHECK(text_of(suspects.front()).find(each.text) != std::string::npos);
  }
}

TEST_CASE("a call that does not return calls the watchdog, and the last beat tells the end") {
  std::string folder = (std::filesystem::temp_directory_path() / "hearth-beats-XXXXXX").string();
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  {
    Activity quiet, stuck;
    Activity::Step* other_step = quiet.step("other", nullptr);
    for (int i = 0; i < 2; ++i) quiet.end(std::span(&other_step, 1));
    std::promise<std::pair<std::string, bool>> told;
    Heartbeat other(folder, {1, "n2"}, quiet, 0.3, [](const std::string&, bool) {});
    Heartbeat heartbeat(folder, {0, "n1"}, stuck, 0.3, [&](const std::string& what, bool speaks) {
      told.set_value({what, speaks});
    });
    const Need need = need_of({0, 1}, "world", 1);
    const Activity::Wait wait{stuck.step(need.step, need.ranks), need.count};
    const InCall never_returns(stuck, "all_gather", std::span(&wait, 1));
    auto future = told.get_future();
    REQUIRE(future.wait_for(std::chrono::seconds(20)) == std::future_status::ready);
    const auto [what, speaks] = future.get();
    CHECK(what.find("rank 1 on n2: is computing since call 0") != std::string::npos);
    CHECK(speaks);
    other.end(75, "stopped");
  }
  const std::vector<Beat> beats = read_beats(folder);
  REQUIRE(beats.size() == 2);
  CHECK(beats[0].call == "all_gather");
  REQUIRE(beats[0].needs.size() == 1);
  CHECK(*beats[0].needs[0].ranks == std::vector<int>{0, 1});
  CHECK(beats[0].needs[0].step == "world");
  CHECK(beats[0].needs[0].count == 1);
  CHECK(beats[1].done == Done{{"other", 2}});
  CHECK_FALSE(beats[0].end);
  CHECK(beats[1].end == 75);
  CHECK(beats[1].message == "stopped");
  std::filesystem::remove_all(folder);
}

TEST_CASE("a device may take as long as several of its steps") {
  std::string folder = (std::filesystem::temp_directory_path() / "hearth-beats-XXXXXX").string();
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  const auto waits_s = [&](double step_s) {
    Activity activity;
    if (step_s > 0) activity.step_took(step_s);
    std::promise<void> told;
    Heartbeat heartbeat(folder, {0, "n1"}, activity, 0.3, [&](const std::string&, bool) { told.set_value(); });
    const double begin_s = hearth::steady_seconds();
    const InCall never_returns(activity, device_call, {});
    REQUIRE(told.get_future().wait_for(std::chrono::seconds(20)) == std::future_status::ready);
    return hearth::steady_seconds() - begin_s;
  };
  CHECK(waits_s(0.01) > 0.3);
  CHECK(waits_s(0.5) > 2);
  CHECK(waits_s(0) > 1.8);  // the first takes longest
  std::filesystem::remove_all(folder);
}

TEST_CASE("what fails without a call calls the watchdog at the next beat, and waiting for a device is a call") {
  std::string folder = (std::filesystem::temp_directory_path() / "hearth-beats-XXXXXX").string();
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  {
    Activity activity;
    wait_for_device(&activity, [&] { CHECK(activity.now().call == std::string("the work of its GPU")); });
    wait_for_device(nullptr, [&] { CHECK(activity.now().call == nullptr); });
    std::promise<std::string> told;
    Heartbeat heartbeat(
        folder, {0, "n1"}, activity, 1, [&](const std::string& what, bool) { told.set_value(what); },
        [] { return "a cable is out"; });
    auto future = told.get_future();
    REQUIRE(future.wait_for(std::chrono::seconds(20)) == std::future_status::ready);
    CHECK(future.get() == "a cable is out");
  }
  std::filesystem::remove_all(folder);
}
