// SPDX-License-Identifier: Apache-2.0
#include "lib/base/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <sstream>
#include <utility>

#include "lib/base/error.h"

namespace hearth {
namespace {

class Descriptor {
 public:
  Descriptor(const fs::path& path, int flags, mode_t mode = 0) : value_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {
    if (value_ < 0) throw system_error(path.string(), errno);
  }
  ~Descriptor() { ::close(value_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return value_; }

 private:
  int value_;
};

// An input that is not there or may not be read is Error{missing} either way.
Error unreadable(const fs::path& path, int error_number) {
  return {Kind::missing, system_error(path.string(), error_number).what()};
}

}  // namespace

std::string read_file(const fs::path& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"), std::fclose);
  if (!file) throw unreadable(path, errno);
  std::string text;
  char buffer[1 << 16];
  while (const std::size_t got = std::fread(buffer, 1, sizeof buffer, file.get())) text.append(buffer, got);
  if (std::ferror(file.get()) != 0) throw Error(Kind::io, system_error(path.string(), errno).what());
  return text;
}

void require_readable(const fs::path& path) {
  if (::access(path.c_str(), R_OK) != 0) throw unreadable(path, errno);
}

void require_creatable(const fs::path& path, bool overwrite) {
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  std::error_code failure;
  const fs::file_type type = fs::symlink_status(path, failure).type();
  if (type == fs::file_type::none) {  // a name too long, a loop of links, a folder that may not be searched
    throw Error(Kind::cannot_create, path.string() + ": " + failure.message());
  }
  const bool exists = type != fs::file_type::not_found;
  if (exists && type != fs::file_type::regular && type != fs::file_type::directory && type != fs::file_type::symlink) {
    throw Error(Kind::cannot_create, path.string() + ": is a device, pipe or socket, not a file");
  }
  if (exists && !overwrite) {
    throw Error(Kind::cannot_create, path.string() + ": exists already (use --overwrite to replace it)");
  }
  if (!fs::is_directory(folder, failure)) {
    throw Error(Kind::cannot_create, path.string() + ": its folder " + folder.string() + " does not exist");
  }
  if (::access(folder.c_str(), W_OK | X_OK) != 0) {
    throw Error(Kind::cannot_create,
                system_error(path.string() + ": cannot write to " + folder.string(), errno).what());
  }
}

namespace {

// Opens partial, emptied, and locks it, so that two writers of one output cannot take it from each other. File systems
// without locks go without.
std::FILE* open_locked(const fs::path& partial) {
  while (true) {
    const int descriptor = ::open(partial.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor < 0) throw Error(Kind::cannot_create, system_error(partial.string(), errno).what());
    if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      ::close(descriptor);
      throw Error(Kind::cannot_create,
                  partial.string() + ": another process is writing this output; wait for it, or name another");
    }
    struct stat ours {};
    struct stat named {};
    const bool same =
        ::fstat(descriptor, &ours) == 0 && ::stat(partial.c_str(), &named) == 0 && ours.st_ino == named.st_ino;
    if (same && ::ftruncate(descriptor, 0) == 0) return ::fdopen(descriptor, "wb");
    const int failure = same ? errno : 0;
    ::close(descriptor);  // not the same: its writer completed it meanwhile, and it has another name
    if (failure != 0) throw Error(Kind::cannot_create, system_error(partial.string(), failure).what());
  }
}

}  // namespace

AtomicFile::AtomicFile(fs::path path, bool overwrite)
    : path_(std::move(path)), partial_(path_.string() + ".partial"), overwrite_(overwrite) {
  require_creatable(path_, overwrite_);
  std::error_code ignored;
  if (fs::is_directory(path_, ignored)) throw Error(Kind::cannot_create, path_.string() + ": is a folder");
  file_ = open_locked(partial_);
}

AtomicFile::~AtomicFile() {
  if (!committed_) ::unlink(partial_.c_str());
  std::fclose(file_);  // and with it the lock
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size()) {
    throw Error(Kind::io, system_error(partial_.string(), errno).what());
  }
}

void AtomicFile::commit() {
  if (std::fflush(file_) != 0 || ::fsync(::fileno(file_)) != 0) {
    throw Error(Kind::io, system_error(partial_.string(), errno).what());
  }
  if (!overwrite_) require_creatable(path_, false);  // somebody may have made it meanwhile
  if (::rename(partial_.c_str(), path_.c_str()) != 0) throw system_error(path_.string(), errno);
  committed_ = true;
  sync_folder(path_.has_parent_path() ? path_.parent_path() : fs::path("."));
}

void write_file(const fs::path& path, std::string_view text) {
  AtomicFile file(path, true);
  file.write(text);
  file.commit();
}

void sync_file(const fs::path& path) {
  const Descriptor file(path, O_RDONLY);
  if (::fsync(file.get()) != 0) throw Error(Kind::io, system_error(path.string(), errno).what());
}

void sync_folder(const fs::path& path) {
  const Descriptor folder(path, O_RDONLY | O_DIRECTORY);
  if (::fsync(folder.get()) != 0 && errno != EINVAL) {  // EINVAL: file systems that cannot sync a folder
    throw Error(Kind::io, system_error(path.string(), errno).what());
  }
}

MappedFile::MappedFile(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw unreadable(path, errno);
  struct stat status {};
  void* memory = nullptr;
  int failed = ::fstat(descriptor, &status) != 0 ? errno : 0;
  if (failed == 0 && status.st_size > 0) {
    size_ = static_cast<std::size_t>(status.st_size);
    memory = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, descriptor, 0);
    if (memory == MAP_FAILED) failed = errno;
  }
  ::close(descriptor);
  if (failed != 0) throw Error(Kind::io, system_error(path.string(), failed).what());
  data_ = static_cast<const std::byte*>(memory);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

namespace {

// The type of the file system that an open file lies on, and where it is mounted: "lustre on /scratch".
std::string file_system_of(int descriptor) {
  try {
    int mount = 0;
    std::istringstream about(read_file("/proc/self/fdinfo/" + std::to_string(descriptor)));
    for (std::string line; std::getline(about, line);) std::sscanf(line.c_str(), "mnt_id: %d", &mount);
    std::istringstream mounts(read_file("/proc/self/mountinfo"));
    for (std::string line; std::getline(mounts, line);) {  // ID PARENT DEVICE ROOT WHERE OPTIONS [MORE] - TYPE ...
      std::istringstream words(line);
      std::string skipped, where, type;
      int id = -1;
      words >> id >> skipped >> skipped >> skipped >> where;
      while (words >> skipped && skipped != "-") {
      }
      if (id == mount && words >> type) return type + " on " + where;
    }
  } catch (const Error&) {
    // No /proc: no name.
  }
  return "its file system";
}

std::string this_host() {
  char host[64] = {};
  ::gethostname(host, sizeof host - 1);
  return host;
}

// What the holder of a lock has written into it.
std::string holder_of(int descriptor) {
  char holder[128] = {};
  const ssize_t got = ::pread(descriptor, holder, sizeof holder - 1, 0);
  return got > 0 ? holder : "holder unknown";
}

}  // namespace

FolderLock::FolderLock(const fs::path& folder) {
  const fs::path path = folder / ".lock";
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0) throw Error(Kind::cannot_create, system_error(path.string(), errno).what());
  const bool locked = ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0;
  if (!locked && errno != EWOULDBLOCK) {
    problem_ = system_error(folder.string() + ": cannot be locked", errno).what() +
               (" (" + file_system_of(descriptor_)) + "): another run that writes here at the same time is not noticed";
  } else if (!locked) {
    const std::string holder = holder_of(descriptor_);
    ::close(std::exchange(descriptor_, -1));
    throw Error(Kind::cannot_create, folder.string() + ": another run is writing here (" + holder +
                                         "); wait for it, stop it, or name another folder by -o");
  }
  const std::string text = "process " + std::to_string(::getpid()) + " on " + this_host();
  if (::ftruncate(descriptor_, 0) != 0 || ::pwrite(descriptor_, text.data(), text.size(), 0) < 0) {
    const int error_number = errno;
    ::close(std::exchange(descriptor_, -1));
    throw Error(Kind::io, system_error(path.string(), error_number).what());
  }
}

FolderLock::~FolderLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool was_unlocked_here(const fs::path& folder) {
  const int descriptor = ::open((folder / ".lock").c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  const bool unlocked =
      holder_of(descriptor).ends_with(" on " + this_host()) && ::flock(descriptor, LOCK_EX | LOCK_NB) == 0;
  ::close(descriptor);
  return unlocked;
}

}  // namespace hearth
