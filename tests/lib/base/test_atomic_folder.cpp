// SPDX-License-Identifier: Apache-2.0
#include "lib/base/atomic_folder.h"

#include <unistd.h>

#include <functional>
#include <string>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "tests/support/catch.h"

using namespace hearth;

namespace {

struct Place {
  fs::path root;
  Place() {
    std::string name = (fs::temp_directory_path() / "hearth-atomic-XXXXXX").string();
    root = ::mkdtemp(name.data());
  }
  ~Place() { fs::remove_all(root); }
};

std::string refusal(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    CHECK(error.kind() == Kind::cannot_create);
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("an atomic folder appears when committed, and leaves nothing when not") {
  const Place place;
  const fs::path path = place.root / "out";
  {
    const AtomicFolder folder(path, false, "mark");
    write_file(folder.partial_path() / "file", "1");
    CHECK(!fs::exists(path));
  }
  CHECK(fs::is_empty(place.root));

  fs::create_directories(place.root / "out.partial/left-by-a-killed-run");
  AtomicFolder folder(path.string() + "/", false, "mark");  // a trailing slash means the same folder
  write_file(folder.partial_path() / "mark", "2");
  folder.commit();
  CHECK(read_file(path / "mark") == "2");
  CHECK(!fs::exists(place.root / "out.partial"));
  CHECK(!fs::exists(path / "left-by-a-killed-run"));
}

TEST_CASE("an existing folder is refused, and replaced only on request and only when it holds the mark") {
  const Place place;
  const fs::path path = place.root / "out";
  fs::create_directory(path);
  write_file(path / "precious", "1");
  CHECK(refusal([&] { AtomicFolder(path, false, "mark"); }).find("exists already") != std::string::npos);
  CHECK(refusal([&] { AtomicFolder(path, true, "mark"); }).find("holds no mark") != std::string::npos);
  CHECK(read_file(path / "precious") == "1");

  write_file(path / "mark", "old");
  AtomicFolder folder(path, true, "mark");
  write_file(folder.partial_path() / "mark", "new");
  CHECK(read_file(path / "mark") == "old");
  folder.commit();
  CHECK(read_file(path / "mark") == "new");
  CHECK(!fs::exists(path / "precious"));
  CHECK(std::distance(fs::directory_iterator(place.root), {}) == 1);
}

TEST_CASE("a second writer is refused and leaves the first one's work alone") {
  const Place place;
  const fs::path path = place.root / "out";
  AtomicFolder first(path, false, "mark");
  write_file(first.partial_path() / "mark", "1");
  CHECK(refusal([&] { AtomicFolder(path, false, "mark"); }).find("another run is writing here") != std::string::npos);
  first.commit();
  CHECK(read_file(path / "mark") == "1");
  CHECK(std::distance(fs::directory_iterator(path), {}) == 1);
}

TEST_CASE("a parent that is not there is said") {
  const Place place;
  CHECK(refusal([&] { AtomicFolder(place.root / "none/out", false, "mark"); }).find("does not exist") !=
        std::string::npos);
}
