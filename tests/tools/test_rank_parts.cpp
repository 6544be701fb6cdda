// SPDX-License-Identifier: Apache-2.0
// What other runs have left in the folder of parts: whose goes, whose stays because it may be alive or nobody can know.
#include "lib/tools/rank_parts.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <set>
#include <string>

#include "formats/documents.h"
#include "lib/base/error.h"
#include "lib/base/json_value.h"
#include "tests/support/catch.h"
#include "tests/support/failing_locks.h"

namespace hearth::tools {
namespace {

constexpr const char *part = "0123456789ab-00000-of-00002.h5", *partial = "0123456789ab-00001-of-00002.h5.partial",
                     *work = "0123456789ab-00001-of-00002.h5.work";

// A run that was killed, or not, when one of two parts was there. Its rank 1 kept its last segment minutes ago.
struct Folder {
  fs::path path = fs::temp_directory_path() / ("hearth-test-parts-" + std::to_string(::getpid()));
  fs::path output = path / "corpus.h5", parts = path / "corpus.h5.parts", events = path / "events.jsonl";

  explicit Folder(int minutes) {
    fs::create_directories(parts / work);
    for (const fs::path& file : {parts / part, parts / partial, parts / work / "000000.json"}) write_file(file, "{}");
    for (const auto& entry : fs::recursive_directory_iterator(parts)) age(entry.path(), 60);
    age(parts / work / "000000.json", minutes);
  }
  ~Folder() { fs::remove_all(path); }

  static void age(const fs::path& file, int minutes) {
    fs::last_write_time(file, fs::file_time_type::clock::now() - std::chrono::minutes(minutes));
  }
  std::set<std::string> left() const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(parts)) names.insert(entry.path().filename());
    names.erase(".lock");
    return names;
  }
};

// Another run of two ranks begins, and maybe ends; returns its error, or what it warned of.
std::string run(const Folder& folder, bool ends) {
  const auto world = comm::make_self_communicator();
  {
    Log log("test", LogLevel::error);
    log.open_events(folder.events);
    RankParts parts(folder.output, Json{{"another", "plan"}}, 2, formats::documents_parts);
    try {
      parts.take_folder(*world, log);
    } catch (const Error& error) {
      return error.what();
    }
    if (ends) parts.remove_replaced(log);
  }
  return read_file(folder.events);
}

bool says(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

TEST_CASE("the files of a run that was killed go, its work once the output is there") {
  const Folder folder(16);
  CHECK(run(folder, false) == "");
  CHECK(folder.left() == std::set<std::string>{work});
  CHECK(run(folder, true) == "");
  CHECK(folder.left().empty());
}

TEST_CASE("what changed within the last 15 minutes is left alone, and that is said") {
  const Folder folder(13);
  const std::set<std::string> all = folder.left();
  const std::string error = run(folder, false);
  CHECK(says(error,
             "corpus.h5.parts: holds the work of another run of 2 ranks (0123456789ab), which last changed 13 "
             "minutes ago: it may be alive, and is left as it is; wait for it, or, if it was killed, start "
             "again 15 minutes after, or remove its files"));
  CHECK(folder.left() == all);

  write_file(folder.output, "an output of one rank, to be replaced");
  const std::string warnings = run(folder, true);
  CHECK(says(warnings, "which last changed 13 minutes ago: it may be alive, and is left as it is"));
  CHECK(folder.left() == all);
}

TEST_CASE("what changed lately goes at once where its ranks were here, and are gone") {
  const Folder folder(0);
  const std::set<std::string> all = folder.left();
  write_file(folder.parts / work / ".lock", "process 1 on another-node");
  CHECK(says(run(folder, false), "it may be alive"));
  {
    const FolderLock alive(folder.parts / work);
    CHECK(says(run(folder, false), "it may be alive"));
    CHECK(folder.left() == all);
  }
  CHECK(run(folder, true) == "");
  CHECK(folder.left().empty());
}

// A run of one file begins and ends.
std::string run_alone(const Folder& folder) {
  Log log("test", LogLevel::error);
  log.open_events(folder.events);
  RankParts parts(folder.output, formats::documents_parts);
  parts.take_to_replace(log);
  parts.remove_replaced(log);
  return read_file(folder.events);
}

TEST_CASE("a run of one file removes what ranks left that were killed, and the folder") {
  const Folder folder(16);
  CHECK(run_alone(folder) == "");
  CHECK(!fs::exists(folder.parts));
  CHECK(run_alone(folder) == "");
}

TEST_CASE("it leaves alone what may be alive") {
  const Folder folder(13);
  const std::set<std::string> all = folder.left();
  CHECK(says(run_alone(folder), "it may be alive, and is left as it is"));
  CHECK(folder.left() == all);
}

TEST_CASE("parts that are whole go where another output was, else their index may be elsewhere") {
  for (const bool alone : {true, false}) {
    const Folder folder(16);
    fs::rename(folder.parts / partial, folder.parts / "0123456789ab-00001-of-00002.h5");
    Folder::age(folder.parts, 60);
    if (alone) {
      CHECK(says(run_alone(folder), "holds parts that are not of corpus.h5 (0123456789ab-0000"));
      CHECK(folder.left() == std::set<std::string>{part, "0123456789ab-00001-of-00002.h5"});
      fs::create_directories(folder.parts / work);
      for (const auto& entry : fs::recursive_directory_iterator(folder.parts)) Folder::age(entry.path(), 60);
    }
    write_file(folder.output, "an output of one file, to be replaced");
    fs::remove(folder.events);
    CHECK((alone ? run_alone(folder) : run(folder, true)) == "");
    CHECK(alone == !fs::exists(folder.parts));
    CHECK((alone || folder.left().empty()));
  }
}

TEST_CASE("where nothing can be locked, nothing of another run is removed") {
  const Folder folder(60);
  const std::set<std::string> all = folder.left();
  write_file(folder.output, "an output of one rank, to be replaced");
  failure_of_locks = ENOSYS;
  const std::string warnings = run(folder, true);
  failure_of_locks = 0;
  CHECK(says(warnings, "corpus.h5.parts: cannot be locked: Function not implemented ("));
  CHECK(folder.left() == all);
}

}  // namespace
}  // namespace hearth::tools
