// SPDX-License-Identifier: Apache-2.0
// Children that answer many requests. cat is one: its answer to a request is the request.
#include "lib/base/child_worker.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "tests/support/catch.h"

namespace hearth {
namespace {

using Kind = ChildWorker::Frame::Kind;

TEST_CASE("A worker answers one request after another, large ones too") {
  ChildWorker worker({"cat"}, {});
  for (const std::size_t size : {0, 1, 100, 70000, 5000000}) {
    const std::string request(size, static_cast<char>('a' + size % 26));
    const auto frame = worker.answer(request);
    REQUIRE(frame.kind == Kind::last);
    REQUIRE(frame.data == request);
  }
}

TEST_CASE("An answer may be many frames") {
  ChildWorker worker({"sh", "-c",
                      "head -c 9 >/dev/null; printf 'd\\003\\0\\0\\0\\0\\0\\0\\0abcd\\0\\0\\0\\0\\0\\0\\0\\0"
                      "e\\001\\0\\0\\0\\0\\0\\0\\0z'; exec cat"},
                     {});
  worker.ask("");
  auto frame = worker.next();
  REQUIRE(frame.kind == Kind::data);
  REQUIRE(frame.data == "abc");
  REQUIRE(worker.next().data.empty());
  frame = worker.next();
  REQUIRE(frame.kind == Kind::last);
  REQUIRE(frame.data == "z");
  REQUIRE(worker.answer("goes on").data == "goes on");
}

TEST_CASE("A worker that breaks is replaced") {
  // Answers one request and dies at the next.
  ChildWorker worker({"sh", "-c", "head -c 10; head -c 10 >/dev/null; echo 'no more' >&2; exit 4"}, {});
  REQUIRE(worker.answer("x").kind == Kind::last);
  REQUIRE(worker.answer("y").data == "y");  // by a second one
  ChildWorker crashing({"sh", "-c", "head -c 3 >/dev/null; echo 'no more' >&2; exit 4"}, {});
  for (int i = 0; i < 2; ++i) {
    const auto frame = crashing.answer(std::string(100000, 'x'));
    REQUIRE(frame.kind == Kind::broken);
    REQUIRE(frame.end == ChildEnd::exited);
    REQUIRE(frame.data == "exit code 4: no more");
  }
}

TEST_CASE("A worker's requests are limited in time and output") {
  ChildWorker hanging({"sh", "-c", "sleep 100"}, {.wall_s = 0.2});
  REQUIRE(hanging.answer("x").end == ChildEnd::out_of_time);
  ChildWorker talking({"cat"}, {.output_bytes = 1000});
  REQUIRE(talking.answer(std::string(2000, 'x')).end == ChildEnd::too_much_output);
  REQUIRE(talking.answer(std::string(500, 'x')).kind == Kind::last);
}

TEST_CASE("A process that gave up writing reads, and does no more") {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (!give_up_writing()) _exit(77);
    const bool reads = open("/proc/self/exe", O_RDONLY) >= 0;
    const bool writes = open("/dev/null", O_WRONLY) >= 0 || open("/tmp/hearth-no-file", O_CREAT | O_WRONLY, 0600) >= 0;
    execl("/bin/true", "true", nullptr);  // does not come back where it may
    _exit(reads && !writes ? 1 : 2);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) return;  // a kernel without Landlock
  REQUIRE(WEXITSTATUS(status) == 1);
}

TEST_CASE("An answer that is not wanted any more is dropped") {
  ChildWorker worker({"cat"}, {});
  worker.ask("first");
  worker.ask("second");
  REQUIRE(worker.next().data == "second");
}

}  // namespace
}  // namespace hearth
