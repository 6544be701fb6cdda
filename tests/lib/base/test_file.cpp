// SPDX-License-Identifier: Apache-2.0
// Files: writes that appear whole or not at all, locks, maps, and errors that name the file.
#include "lib/base/file.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <memory>

#include "lib/base/error.h"
#include "tests/lib/base/sample_command.h"
#include "tests/support/catch.h"
#include "tests/support/failing_locks.h"

using namespace hearth;

namespace {

// The error body throws: its kind is checked, its message returned.
template <class Body>
std::string error_of(Kind kind, Body body) {
  try {
    body();
  } catch (const Error& error) {
    CHECK(error.kind() == kind);
    return error.what();
  }
  return "(no error)";
}

// Files may not grow beyond bytes while this lives: a full disk, as far as a process can tell.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int);
};

}  // namespace

TEST_CASE("a file appears under its name only by commit") {
  const TemporaryFolder folder;
  const fs::path path = folder / "out";
  {
    AtomicFile file(path, false);
    file.write("half");
    CHECK_FALSE(fs::exists(path));
    CHECK(fs::exists(path.string() + ".partial"));
  }
  CHECK(fs::is_empty(folder.path()));
  AtomicFile file(path, false);
  file.write("whole");
  file.commit();
  CHECK(read_file(path) == "whole");
  CHECK_FALSE(fs::exists(path.string() + ".partial"));
}

TEST_CASE("an existing output is refused without overwrite, at the start and at commit") {
  const TemporaryFolder folder;
  const fs::path path = folder / "out";
  auto racing = std::make_unique<AtomicFile>(path, false);
  std::ofstream(path) << "other";
  CHECK(error_of(Kind::cannot_create, [&] { AtomicFile(path, false); }) ==
        path.string() + ": exists already (use --overwrite to replace it)");
  CHECK(error_of(Kind::cannot_create, [&] { racing->commit(); }) == path.string() + ": exists already (use --overwrite to replace it)");
  CHECK(read_file(path) == "other");
  racing.reset();
  AtomicFile replacing(path, true);
  replacing.write("mine");
  replacing.commit();
  CHECK(read_file(path) == "mine");
}

TEST_CASE("of two writers of one output the second is refused, and the first completes") {
  const TemporaryFolder folder;
  const fs::path path = folder / "out";
  AtomicFile first(path, true);
  first.write("first");
  CHECK(error_of(Kind::cannot_create, [&] { AtomicFile(path, true); }) ==
        path.string() + ".partial: another process is writing this output; wait for it, or name another");
  first.commit();
  CHECK(read_file(path) == "first");
  std::ofstream(path.string() + ".partial") << "left behind by a process that was killed";
  AtomicFile next(path, true);
  next.write("next");
  next.commit();
  CHECK(read_file(path) == "next");
}

TEST_CASE("outputs that cannot be are refused before any work") {
  const TemporaryFolder folder;
  write_file(folder / "file", "");
  fs::create_directory(folder / "sub");
  ::mkfifo((folder / "pipe").c_str(), 0600);
  const auto refused = [&](const std::string& name, bool overwrite = true) {
    const std::string message = error_of(Kind::cannot_create, [&] { AtomicFile(folder / name, overwrite); });
    return message.substr(std::min(message.size(), folder.path().string().size() + 1));
  };
  CHECK(refused("none/out") == "none/out: its folder " + (folder / "none").string() + " does not exist");
  CHECK(refused("file/out").find("file/out: ") == 0);
  CHECK(refused("sub") == "sub: is a folder");
  CHECK(refused("pipe") == "pipe: is a device, pipe or socket, not a file");
  CHECK(refused(std::string(300, 'a')).ends_with(": File name too long"));
  CHECK(error_of(Kind::cannot_create, [] { require_creatable("/dev/null", true); }) ==
        "/dev/null: is a device, pipe or socket, not a file");
}

TEST_CASE("a full disk is an I/O error that names the file and leaves none") {
  const TemporaryFolder folder;
  const fs::path path = folder / "out";
  const std::string message = error_of(Kind::io, [&] {
    const FileSizeLimit limit(100000);
    AtomicFile file(path, false);
    for (int i = 0; i < 10; ++i) file.write(std::string(30000, 'x'));
    file.commit();
  });
  CHECK(message == path.string() + ".partial: File too large");
  CHECK(fs::is_empty(folder.path()));
}

TEST_CASE("a full disk met by the last flush is not overlooked") {
  const TemporaryFolder folder;
  const std::string message = error_of(Kind::io, [&] {
    const FileSizeLimit limit(10);
    write_file(folder / "out", "more than ten bytes, yet less than a buffer");
  });
  CHECK(message == (folder / "out").string() + ".partial: File too large");
  CHECK(fs::is_empty(folder.path()));
}

TEST_CASE("reading what is not there names it") {
  const TemporaryFolder folder;
  const fs::path path = folder / "none";
  const std::string expected = path.string() + ": No such file or directory";
  CHECK(error_of(Kind::missing, [&] { read_file(path); }) == expected);
  CHECK(error_of(Kind::missing, [&] { MappedFile{path}; }) == expected);
  CHECK(error_of(Kind::missing, [&] { require_readable(path); }) == expected);
  CHECK(error_of(Kind::io, [&] { read_file(folder.path()); }) == folder.path().string() + ": Is a directory");
}

TEST_CASE("maps hold the file's bytes; an empty file is an empty map") {
  const TemporaryFolder folder;
  const std::string text(100000, 'm');
  write_file(folder / "full", text);
  write_file(folder / "empty", "");
  MappedFile first(folder / "full");
  const MappedFile map(std::move(first));
  CHECK(std::string(reinterpret_cast<const char*>(map.bytes().data()), map.bytes().size()) == text);
  CHECK(first.bytes().empty());
  CHECK(MappedFile(folder / "empty").bytes().empty());
}

TEST_CASE("one writer a folder") {
  const TemporaryFolder folder;
  {
    const FolderLock mine(folder.path());
    const std::string message = error_of(Kind::cannot_create, [&] { FolderLock{folder.path()}; });
    CHECK(message.starts_with(folder.path().string() + ": another run is writing here (process " + std::to_string(::getpid()) + " on "));
  }
  const FolderLock again(folder.path());
  CHECK(error_of(Kind::cannot_create, [&] { FolderLock{folder / "none"}; }) ==
        (folder / "none/.lock").string() + ": No such file or directory");
}

TEST_CASE("a file system without locks is named, and does not stop a run") {
  const TemporaryFolder folder;
  CHECK(FolderLock(folder.path()).problem().empty());
  failure_of_locks = GENERATE(ENOSYS, ENOLCK, EOPNOTSUPP, EIO);
  const std::string why = std::strerror(failure_of_locks);
  {
    const FolderLock mine(folder.path()), another(folder.path());
    CHECK(mine.problem().starts_with(folder.path().string() + ": cannot be locked: " + why + " ("));
    CHECK(mine.problem().find(" on /") != std::string::npos);  // as "ext4 on /"
    CHECK(mine.problem().ends_with("): another run that writes here at the same time is not noticed"));
    AtomicFile(folder / "out", false).commit();
  }
  failure_of_locks = 0;
}
