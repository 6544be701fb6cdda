// SPDX-License-Identifier: Apache-2.0
// Limited children, with programs of any Debian as the untrusted ones.
#include "lib/base/child_process.h"

#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "lib/base/child_worker.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "tests/support/catch.h"

namespace hearth {
namespace {

ChildResult shell(const std::string& script, const ChildLimits& limits = {}, std::string_view input = "") {
  return run_child({"sh", "-c", script}, input, limits);
}

// True when some process of that number lives (and is not a zombie of somebody else's).
bool lives(const std::string& pid) {
  return std::filesystem::exists("/proc/" + pid + "/cwd");
}

TEST_CASE("A child gets its input and its output comes back") {
  std::string input;
  for (int i = 0; i < 300000; ++i) input += std::to_string(i) + "\n";
  const ChildResult result = run_child({"cat"}, input, {});
  REQUIRE(result.succeeded());
  REQUIRE(result.output == input);
  REQUIRE(run_child({"cat"}, "", {}).output.empty());
}

TEST_CASE("Input that a child does not read is no error, nor a signal for us") {
  const ChildResult result = shell("exec <&-; echo done", {}, std::string(8 << 20, 'x'));
  REQUIRE(result.succeeded());
  REQUIRE(result.output == "done\n");
}

TEST_CASE("How a child ends is told") {
  REQUIRE(shell("exit 3").code == 3);
  const ChildResult failed = shell("echo 'bad page' >&2; exit 1");
  REQUIRE(failed.end == ChildEnd::exited);
  REQUIRE(failed.describe({}) == "exit code 1: bad page");
  const ChildResult killed = shell("kill -SEGV $$");
  REQUIRE(killed.end == ChildEnd::signalled);
  REQUIRE(killed.code == SIGSEGV);
  REQUIRE(shell("head -c 100000 /dev/zero >&2; exit 1").errors.size() <= 4096);
}

TEST_CASE("A program that is not there is an error, not a crash") {
  REQUIRE_THROWS_AS(run_child({"hearth-no-such-program"}, "", {}), Error);
  REQUIRE_THROWS_AS(run_child({"/etc/passwd"}, "", {}), Error);
  REQUIRE(find_program("hearth-no-such-program").empty());
  REQUIRE(find_program("sh").ends_with("/sh"));
}

TEST_CASE("Time is limited, asleep or busy") {
  const Stopwatch watch;
  REQUIRE(shell("sleep 100", {.wall_s = 0.3}).end == ChildEnd::out_of_time);
  REQUIRE(shell("while :; do :; done", {.cpu_s = 0.2}).end == ChildEnd::out_of_time);
  REQUIRE(watch.seconds() < 60);
}

TEST_CASE("What a child leaves behind is killed with it") {
  const ChildResult result = shell("sleep 100 & echo $!; exit 0");
  REQUIRE(result.succeeded());
  const std::string pid = result.output.substr(0, result.output.find('\n'));
  for (int i = 0; i < 500 && lives(pid); ++i) usleep(10000);
  REQUIRE_FALSE(lives(pid));
  if (children_are_offline()) {  // the same filter keeps it in its group
    const ChildResult runaway = shell("setsid sleep 100 & wait; echo over");
    REQUIRE(runaway.output == "over\n");
  }
}

TEST_CASE("Memory, output and files are limited") {
  const ChildResult memory =
      run_child({"awk", "BEGIN { x = \"x\"; while (1) x = x x }"}, "", {.memory_bytes = 64u << 20});
  REQUIRE(memory.end == ChildEnd::out_of_memory);
  const ChildResult output = shell("yes", {.output_bytes = 1 << 20});
  REQUIRE(output.end == ChildEnd::too_much_output);
  REQUIRE(output.output.size() == 1 << 20);
  const std::string file = std::filesystem::temp_directory_path() / ("hearth-big-" + std::to_string(getpid()));
  shell("head -c 1000000 /dev/zero > '" + file + "'", {.file_bytes = 1000});
  REQUIRE(std::filesystem::file_size(file) <= 1000);
  std::filesystem::remove(file);
}

TEST_CASE("A child has no network and no descriptors of ours") {
  const ChildResult descriptors = shell("ls /proc/self/fd | wc -l");
  REQUIRE(descriptors.output == "4\n");  // three, and the folder being read
  if (!children_are_offline()) return;
  const ChildResult network = run_child({"bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9"}, "", {});
  REQUIRE_FALSE(network.succeeded());
  REQUIRE(network.errors.find("not permitted") != std::string::npos);
}

TEST_CASE("Many threads start children at once") {
  std::vector<std::thread> threads;
  std::vector<int> n_right(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t, &n_right] {
      for (int i = 0; i < 25; ++i) {
        const std::string text = std::to_string(t * 1000 + i);
        n_right[static_cast<std::size_t>(t)] += run_child({"cat"}, text, {}).output == text ? 1 : 0;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  REQUIRE(n_right == std::vector<int>(4, 25));
}

}  // namespace
}  // namespace hearth
