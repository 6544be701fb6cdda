// SPDX-License-Identifier: Apache-2.0
// Files as every tool needs them: whole reads, memory maps, and writes that appear only when they are complete.
#pragma once
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace hearth {

namespace fs = std::filesystem;

// The whole file. Throws Error{missing} when it cannot be opened, Error{io} when it cannot be read.
std::string read_file(const fs::path& path);

// Throws Error{missing} unless path can be opened for reading: "PATH: No such file or directory".
void require_readable(const fs::path& path);

// Throws Error{cannot_create} when path exists and overwrite is false, naming --overwrite as the way out, or when its
// folder does not exist or cannot be written to. Called before any work is done.
void require_creatable(const fs::path& path, bool overwrite);

// A file written under "NAME.partial" and renamed to NAME by commit(); removed again when never committed. While one
// process writes it, another gets Error{cannot_create}.
class AtomicFile {
 public:
  AtomicFile(fs::path path, bool overwrite);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  const fs::path& partial_path() const { return partial_; }  // for writers that open it themselves (HDF5)
  void write(std::span<const std::byte> bytes);              // throws Error{io}: "PATH: No space left on device"
  void write(std::string_view text) { write(std::as_bytes(std::span(text.data(), text.size()))); }
  void commit();  // flushes, syncs, renames, syncs the folder

 private:
  fs::path path_, partial_;
  std::FILE* file_ = nullptr;
  bool overwrite_ = false;
  bool committed_ = false;
};

// Writes text to path by AtomicFile, replacing what is there.
void write_file(const fs::path& path, std::string_view text);

void sync_file(const fs::path& path);    // fsync of a file somebody else wrote
void sync_folder(const fs::path& path);  // fsync of a folder, so that a rename in it is durable

// A read-only memory map of a whole file.
class MappedFile {
 public:
  explicit MappedFile(const fs::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

// Held while one process writes a run folder: a second one gets Error{cannot_create} naming the holder. File systems
// without locks go without.
class FolderLock {
 public:
  explicit FolderLock(const fs::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

  // Why nothing is locked, for a warning that names the file system; empty: it is.
  const std::string& problem() const { return problem_; }

 private:
  int descriptor_ = -1;
  std::string problem_;
};

// Whether a process of this machine was the last to lock the folder, and has let go of it; false where nobody can know.
bool was_unlocked_here(const fs::path& folder);

}  // namespace hearth
