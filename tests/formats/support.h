// SPDX-License-Identifier: Apache-2.0
// What the tests of the formats share: a folder that goes away, and the message of an expected Error.
#pragma once
#include <stdlib.h>

#include <filesystem>
#include <string>

#include "formats/raw_file.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "tests/support/catch.h"

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "hearth-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw hearth::system_error(name, errno);
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

// Changes one byte of a file in place; the same call again changes it back.
inline void flip_byte(const std::filesystem::path& path, std::uint64_t at, unsigned char mask) {
  const hearth::formats::RawFile file(path, hearth::formats::RawFile::Mode::write);
  std::byte byte{};
  file.read_at(at, std::span(&byte, 1));
  byte ^= static_cast<std::byte>(mask);
  file.write_at(at, std::span(&byte, 1));
}

// The message of the Error that body throws, which must be of this kind.
template <class Body>
std::string message_of(hearth::Kind kind, Body&& body) {
  try {
    body();
  } catch (const hearth::Error& error) {
    INFO(error.what());
    REQUIRE(static_cast<int>(error.kind()) == static_cast<int>(kind));
    return error.what();
  }
  FAIL("no Error was thrown");
  return "";
}
