// SPDX-License-Identifier: Apache-2.0
// Shares of the files of a walk: one after the other they are the walk, about equal in bytes, and cut between source
// trees where these are to stay whole.
#include "lib/tools/shard_share.h"

#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "tests/support/catch.h"

namespace hearth::tools::shard {
namespace {

struct Folder {
  fs::path path = fs::temp_directory_path() / ("hearth-test-share-" + std::to_string(::getpid()));
  Folder() { fs::create_directories(path); }
  ~Folder() { fs::remove_all(path); }
  void write(const std::string& name, std::size_t bytes) const {
    fs::create_directories((path / name).parent_path());
    write_file(path / name, std::string(bytes, 'x'));
  }
};

struct Read {
  std::vector<std::string> sources;
  std::uint64_t bytes = 0;
  Skipped skipped;
};

Read read(const Folder& folder, const std::optional<FileShare>& share) {
  InputWalk walk({folder.path.string()}, "", "/nowhere/corpus.h5");
  SharedWalk shared(walk, share);
  Read read;
  while (const auto file = shared.next()) {
    read.sources.push_back(file->source);
    read.bytes += file->bytes;
  }
  read.skipped = shared.skipped();
  return read;
}

FileShare share(const Folder& folder, bool whole_trees, int rank, int n_ranks) {
  InputWalk walk({folder.path.string()}, "", "/nowhere/corpus.h5");
  return share_of(walk, whole_trees, rank, n_ranks);
}

}  // namespace

TEST_CASE("the shares of all ranks, one after the other, are the walk") {
  const Folder folder;
  for (int i = 0; i < 60; ++i) {
    folder.write("d" + std::to_string(i % 7) + "/" + std::to_string(i), 2000 + 100 * static_cast<std::size_t>(i));
    folder.write("d" + std::to_string(i % 7) + "/.hidden" + std::to_string(i), 1);
  }
  const Read all = read(folder, {});
  REQUIRE(all.sources.size() == 60);
  for (const int n_ranks : {1, 2, 3, 7, 100}) {
    std::vector<std::string> sources;
    std::uint64_t hidden = 0;
    for (int rank = 0; rank < n_ranks; ++rank) {
      const Read own = read(folder, share(folder, false, rank, n_ranks));
      sources.insert(sources.end(), own.sources.begin(), own.sources.end());
      hidden += own.skipped.hidden;
      if (n_ranks <= 7) CHECK(own.bytes < 1.5 * static_cast<double>(all.bytes) / n_ranks);
    }
    CHECK(sources == all.sources);
    CHECK(hidden == 60);
  }
}

TEST_CASE("source trees stay whole when asked, and the rest of an input with what lies inside") {
  const Folder folder;
  for (const char* tree : {"a", "b", "c", "d"}) {
    folder.write(std::string("trees/") + tree + "/Makefile", 10);
    for (int i = 0; i < 10; ++i) folder.write(std::string("trees/") + tree + "/" + std::to_string(i) + ".c", 1000);
  }
  std::size_t n_all = 0, n_with = 0;
  for (int rank = 0; rank < 4; ++rank) {
    InputWalk walk({(folder.path / "trees/a").string(), (folder.path / "trees/b").string(),
                    (folder.path / "trees/c").string(), (folder.path / "trees/d").string()},
                   "", "/nowhere/corpus.h5");
    const FileShare own = share_of(walk, true, rank, 4);
    const std::uint64_t n = own.end.n_files - own.begin.n_files;
    CHECK(n % 11 == 0);
    n_all += n;
    n_with += n > 0 ? 1 : 0;
  }
  CHECK(n_all == 44);
  CHECK(n_with == 4);
  CHECK(share(folder, true, 0, 4).end.n_files == 11);  // one input with nothing of its own before them
  folder.write("0.c", 10);
  CHECK(share(folder, true, 0, 4).end.n_files == 45);  // now it is a tree itself, with the others inside
}

TEST_CASE("files that come or go after they were shared out are an error, and change the identity of the inputs") {
  const Folder folder;
  for (int i = 10; i < 30; ++i) folder.write(std::to_string(i), 100);
  const FileShare before = share(folder, false, 0, 2);
  REQUIRE_NOTHROW(read(folder, before));
  folder.write("11-new", 100);
  CHECK_THROWS_AS(read(folder, before), Error);
  CHECK(share(folder, false, 0, 2).inputs != before.inputs);
  fs::remove(folder.path / "11-new");
  CHECK(share(folder, false, 1, 2).inputs == before.inputs);
  folder.write("12", 101);
  CHECK(share(folder, false, 0, 2).inputs != before.inputs);
}

}  // namespace hearth::tools::shard
