// SPDX-License-Identifier: Apache-2.0
// Parsers in processes of their own: what comes back is what this process would read, and a worker that breaks costs
// its own request alone.
#include "lib/text/isolation/workers.h"

#include <unistd.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/text/isolation/protocol.h"
#include "tests/support/catch.h"

namespace hearth::text {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> worker_program() {
  return {HEARTH_BIN_DIR "/shard", "parser-worker"};
}

std::vector<std::string> shell(const std::string& script) {
  return {"sh", "-c", script};
}

std::string page(std::size_t number) {
  std::string html = "<title>Page</title><h1>Page " + std::to_string(number) + "</h1>";
  for (std::size_t i = 0; i < number % 7 + 1; ++i)
    html += "<p>Its paragraph number " + std::to_string(i) + " of some.</p>";
  return html;
}

std::string source_file(const std::string& path) {
  return read_file(HEARTH_SOURCE_DIR "/" + path);
}

std::vector<Member> all_of(Members& members) {
  std::vector<Member> all;
  for (Member member; members.next(member);) all.push_back(std::move(member));
  return all;
}

Member member_of(const std::string& source, const std::string& bytes) {
  Member member;
  member.source = source;
  member.file_name = "a";
  member.bytes = bytes;
  return member;
}

fs::path golden_mail() {
  return HEARTH_SOURCE_DIR "/tests/golden/mail/three.mbox";
}

TEST_CASE("A worker reads what this process would") {
  ParserWorkers workers(worker_program(), {});
  const std::vector<std::pair<ForeignFormat, std::string>> cases = {
      {ForeignFormat::html, page(3)},
      {ForeignFormat::html, ""},
      {ForeignFormat::html, std::string(400000, '<')},
      {ForeignFormat::notebook, R"({"metadata":{"title":"T"},"cells":[{"cell_type":"markdown","source":["a"]}]})"},
      {ForeignFormat::notebook, "{"},
      {ForeignFormat::office, "PK\x03\x04 and no more"},
      {ForeignFormat::office, source_file("tests/golden/extract/office/bees.docx")},
  };
  for (const auto& [format, bytes] : cases) {
    const Parsed here = parse_foreign(format, bytes), there = workers.parse(format, bytes);
    CHECK(there.type == here.type);
    CHECK(there.extracted.attributes == here.extracted.attributes);
    REQUIRE(there.rejection.has_value() == here.rejection.has_value());
    if (here.rejection) CHECK(there.rejection->reason == here.rejection->reason);
    if (!here.rejection) CHECK(there.extracted.text == here.extracted.text);
  }
}

TEST_CASE("Many threads share workers") {
  ParserWorkers workers(worker_program(), {});
  std::vector<std::size_t> n_right(4);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < n_right.size(); ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < 50; ++i) {
        const std::string html = page(100 * t + i);
        n_right[t] += workers.parse(ForeignFormat::html, html).extracted.text ==
                              parse_foreign(ForeignFormat::html, html).extracted.text
                          ? 1
                          : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  REQUIRE(n_right == std::vector<std::size_t>(4, 50));
}

TEST_CASE("A parser that crashes, hangs, eats memory or talks nonsense is a rejection") {
  const struct {
    std::string script, reason;
  } cases[] = {
      {"kill -SEGV $$", "parser-crashed"},
      {"exit 4", "parser-failed"},
      {"sleep 100", "parser-timeout"},
      {"echo 'out of memory' >&2; exit 1", "parser-memory"},
      {"head -c 10 >/dev/null; printf 'e\\001\\0\\0\\0\\0\\0\\0\\0\\377'; sleep 100", "parser-crashed"},
  };
  for (const auto& [script, reason] : cases) {
    ParserWorkers workers(shell(script), {.wall_s = 0.5});
    for (int i = 0; i < 2; ++i) {
      const Parsed parsed = workers.parse(ForeignFormat::html, "<p>x");
      REQUIRE(parsed.rejection);
      CHECK(parsed.rejection->reason == reason);
    }
    const auto all = all_of(*workers.open_members(golden_mail(), Holds::mailbox, {}));
    REQUIRE(all.size() == 1);
    REQUIRE(all[0].rejection);
    CHECK(all[0].rejection->reason == reason);
    CHECK(all[0].source.empty());
  }
}

TEST_CASE("Limits hold for a real worker, and it is there again for the next request") {
  if (memory_limit_for_own_binary(1) == 0) return;  // a sanitizer
  ParserWorkers workers(worker_program(), {.memory_bytes = 600u << 20});
  std::string large;
  while (large.size() < (30u << 20)) large += "<p><b>x</b><i>y</i>";
  const Parsed parsed = workers.parse(ForeignFormat::html, large);
  REQUIRE(parsed.rejection);
  CHECK(parsed.rejection->reason == "parser-memory");
  CHECK(!workers.parse(ForeignFormat::html, page(1)).rejection);
}

TEST_CASE("Members come out of a worker as they would here") {
  ParserWorkers workers(worker_program(), {});
  for (int i = 0; i < 2; ++i) {
    const auto here = all_of(*open_members(golden_mail(), Holds::mailbox, {}));
    const auto there = all_of(*workers.open_members(golden_mail(), Holds::mailbox, {}));
    REQUIRE(there.size() == here.size());
    for (std::size_t k = 0; k < here.size(); ++k) {
      CHECK(there[k].source == here[k].source);
      CHECK(there[k].bytes == here[k].bytes);
      CHECK(there[k].number == here[k].number);
      CHECK(there[k].form == here[k].form);
    }
    Member member;  // a walk that is given up leaves no worker that answers the next with its rest
    workers.open_members(golden_mail(), Holds::mailbox, {})->next(member);
  }
  REQUIRE_THROWS_AS(workers.open_members("/no/such/file.tar", Holds::archive, {}), Error);
}

TEST_CASE("Members that came before a crash are kept, once each") {
  // The first worker hands over a frame of two members and crashes; the second skips them, gives a third, and crashes.
  const fs::path folder = fs::temp_directory_path() / ("hearth-workers-" + std::to_string(::getpid()));
  fs::create_directories(folder);
  const auto frame = [](const std::vector<std::string>& sources) {
    MembersFrame members;
    for (const std::string& source : sources) members.members.push_back(member_of(source, ""));
    const std::string bytes = pack_members(members);
    std::string header = "d";
    for (int shift = 0; shift < 64; shift += 8) header += static_cast<char>(bytes.size() >> shift);
    return header + bytes;
  };
  write_file(folder / "first", frame({"!/1", "!/2"}));
  write_file(folder / "second", frame({"!/3"}));
  const std::string script =
      "cd '" + folder.string() + "'; [ -e first ] && cat first && rm first && kill -SEGV $$; cat second; kill -SEGV $$";
  ParserWorkers workers(shell(script), {.file_bytes = 1000});
  const auto all = all_of(*workers.open_members(golden_mail(), Holds::mailbox, {}));
  fs::remove_all(folder);
  REQUIRE(all.size() == 4);
  CHECK(all[0].source == "!/1");
  CHECK(all[1].source == "!/2");
  CHECK(all[2].source == "!/3");
  REQUIRE(all[3].rejection);
  CHECK(all[3].rejection->reason == "parser-crashed");
}

TEST_CASE("An answer that is none does not pass") {
  const std::string parsed = pack_parsed(parse_foreign(ForeignFormat::html, page(2)));
  REQUIRE(unpack_parsed(parsed).extracted.text == parse_foreign(ForeignFormat::html, page(2)).extracted.text);
  CHECK_THROWS_AS(unpack_parsed(""), Error);
  CHECK_THROWS_AS(unpack_parsed("\xff" + parsed.substr(1)), Error);
  CHECK_THROWS_AS(unpack_parsed(parsed + "\xff"), Error);
  Parsed bad;
  bad.extracted.attributes = {{"title", "no JSON"}};
  CHECK_THROWS_AS(unpack_parsed(pack_parsed(bad)), Error);
  bad.extracted.attributes = {{"a\"b", "1"}};
  CHECK_THROWS_AS(unpack_parsed(pack_parsed(bad)), Error);
  bad = {};
  bad.rejection = Rejection{"Not a word", ""};
  CHECK_THROWS_AS(unpack_parsed(pack_parsed(bad)), Error);
  bad.rejection = Rejection{"word", "\xff"};  // what a file says may be anything: printable when it is packed
  CHECK(unpack_parsed(pack_parsed(bad)).rejection->detail == "%FF");
  const std::string members = pack_members({{member_of("!/a", "\xff")}, 3});
  CHECK(unpack_members(members).members.at(0).bytes == "\xff");
  CHECK(unpack_members(members).n_passed_by == 3);
  for (std::size_t cut = 1; cut + 1 < members.size(); ++cut)
    CHECK_THROWS_AS(unpack_members(members.substr(0, cut + 1)), Error);
}

}  // namespace
}  // namespace hearth::text
