// SPDX-License-Identifier: Apache-2.0
// What a process says and hears: log lines and events, progress, signals, the machine it finds itself on, provenance.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/base/log.h"
#include "lib/base/machine.h"
#include "lib/base/provenance.h"
#include "lib/base/signals.h"
#include "lib/base/text.h"
#include "lib/base/thread_pool.h"
#include "tests/lib/base/sample_command.h"
#include "tests/support/catch.h"

using namespace hearth;

namespace {

// What body writes to stderr.
template <class Body>
std::string stderr_of(Body body) {
  const TemporaryFolder folder;
  const int saved = ::dup(STDERR_FILENO);
  const int file = ::open((folder / "stderr").c_str(), O_WRONLY | O_CREAT, 0600);
  ::dup2(file, STDERR_FILENO);
  body();
  ::dup2(saved, STDERR_FILENO);
  ::close(file);
  ::close(saved);
  return read_file(folder / "stderr");
}

// How a child that runs body ends, as wait() tells it.
template <class Body>
int end_of(Body body) {
  const pid_t child = ::fork();
  if (child == 0) {
    body();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

}  // namespace

TEST_CASE("log lines carry the tool's name; the level decides which are shown") {
  const auto all = [](LogLevel level) {
    return stderr_of([&] {
      Log log("tool", level, Log::Progress::off);
      log.debug("d");
      log.info("i");
      log.warning("w");
      log.error("e");
      log.progress("p");
    });
  };
  CHECK(all(LogLevel::error) == "tool: error: e\n");
  CHECK(all(LogLevel::warning) == "tool: warning: w\ntool: error: e\n");
  CHECK(all(LogLevel::info) == "tool: i\ntool: warning: w\ntool: error: e\n");
  CHECK(all(LogLevel::debug) == "tool: d\ntool: i\ntool: warning: w\ntool: error: e\n");
}

TEST_CASE("away from a terminal progress is a plain line, at most one a minute") {
  const auto lines = [](Log::Progress when) {
    return stderr_of([&] {
      Log log("tool", LogLevel::info, when);
      for (int i = 0; i < 1000; ++i) log.progress("step " + std::to_string(i));
      log.progress_done();
    });
  };
  CHECK(lines(Log::Progress::on) == "tool: step 0\n");
  CHECK(lines(Log::Progress::automatic) == "");
}

TEST_CASE("events are JSON lines, appended, warnings among them") {
  const TemporaryFolder folder;
  const std::string path = (folder / "log.jsonl").string();
  for (int run = 0; run < 2; ++run) {
    Log log("tool", LogLevel::error, Log::Progress::off);
    CHECK_FALSE(log.has_events());
    log.open_events(path);
    log.event("step", Json{{"loss", 2.5}, {"text", "a\nb"}});
    log.warning("careful");
  }
  const std::vector<std::string> lines = split(trim(read_file(path)), '\n');
  REQUIRE(lines.size() == 4);
  const Json step = parse_json(lines[0], "line 1"), warning = parse_json(lines[3], "line 4");
  CHECK(step["event"] == "step");
  CHECK(step["loss"] == 2.5);
  CHECK(step["text"] == "a\nb");
  CHECK(step["time"].get<std::string>().size() == 20);
  CHECK(warning["event"] == "warning");
  CHECK(warning["message"] == "careful");
}

TEST_CASE("an event file that cannot be opened is refused; one that fills up is told once") {
  Log log("tool", LogLevel::info, Log::Progress::off);
  try {
    log.open_events("/nonexistent/log");
    FAIL("opened");
  } catch (const Error& error) {
    CHECK(error.kind() == Kind::cannot_create);
  }
  if (!fs::exists("/dev/full")) return;
  log.open_events("/dev/full");
  const std::string said = stderr_of([&] {
    log.event("step", Json{{"loss", 1}});
    log.event("step", Json{{"loss", 2}});
  });
  CHECK(said == "tool: warning: no more events: --log: No space left on device\n");
  CHECK_FALSE(log.has_events());
}

TEST_CASE("the first stop signal sets the flag, the second ends the process") {
  for (const int number : {SIGTERM, SIGUSR1, SIGINT}) {
    const int once = end_of([&] {
      install_signal_handlers();
      if (stop_requested()) ::_exit(1);
      ::raise(number);
      if (!stop_requested()) ::_exit(2);
    });
    CHECK((WIFEXITED(once) && WEXITSTATUS(once) == 0));
    const int twice = end_of([&] {
      install_signal_handlers();
      ::raise(number);
      ::raise(number);
    });
    CHECK((WIFEXITED(twice) && WEXITSTATUS(twice) == 128 + number));
  }
}

TEST_CASE("a broken pipe ends quietly; a hang-up is ignored inside a Slurm job only") {
  const int pipe = end_of([] { install_signal_handlers(); ::raise(SIGPIPE); });
  CHECK((WIFSIGNALED(pipe) && WTERMSIG(pipe) == SIGPIPE));
  const auto hang_up = [](bool in_job) {
    return end_of([&] {
      in_job ? ::setenv("SLURM_JOB_ID", "1", 1) : ::unsetenv("SLURM_JOB_ID");
      std::signal(SIGHUP, SIG_DFL);
      install_signal_handlers();
      ::raise(SIGHUP);
    });
  };
  CHECK(WIFEXITED(hang_up(true)));
  CHECK(WIFSIGNALED(hang_up(false)));
}

TEST_CASE("a stop may be requested from within") {
  const int status = end_of([] {
    request_stop();
    if (!stop_requested()) ::_exit(1);
  });
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
}

TEST_CASE("the machine describes itself") {
  const Machine machine = this_machine();
  CHECK_FALSE(machine.host.empty());
  CHECK_FALSE(machine.cpu.empty());
  CHECK(machine.n_cores >= 1);
  CHECK(machine.n_cores <= static_cast<int>(std::thread::hardware_concurrency()));
  CHECK(machine.memory_bytes > (64u << 20));
  const std::uint64_t before = peak_memory_bytes();
  {
    const std::vector<char> block(256u << 20, 1);
    CHECK(block.back() == 1);
  }
  CHECK(peak_memory_bytes() >= before + (64u << 20));
}

TEST_CASE("time: durations grow, stamps are UTC in ISO form") {
  const Stopwatch watch;
  CHECK(watch.seconds() >= 0);
  const std::string stamp = utc_timestamp();
  REQUIRE(stamp.size() == 20);
  CHECK(stamp[10] == 'T');
  CHECK(stamp.back() == 'Z');
}

TEST_CASE("provenance tells all, or with record off only what equal work has in common") {
  const Invocation told{"tokenize train", {"tokenize", "train"}, R"({"vocab-size":300})", true};
  const Json full = provenance(told, {{"/data/corpus.h5", "abc"}});
  CHECK(full["tool"] == "tokenize train");
  CHECK(full["config"]["vocab-size"] == 300);
  CHECK(full["inputs"][0]["path"] == "/data/corpus.h5");
  CHECK(full.contains("host"));
  Invocation silent = told;
  silent.record = false;
  CHECK(dump_json(provenance(silent, {{"/data/corpus.h5", "abc"}})) ==
        R"({"producer":")" + producer() + R"(","tool":"tokenize train","inputs":[{"digest":"abc"}]})");
}
