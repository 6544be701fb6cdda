// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/shard_read.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <system_error>
#include <utility>

#include "formats/text_stream.h"
#include "lib/base/error.h"
#include "lib/base/text.h"
#include "lib/text/encoding.h"
#include "lib/text/extract.h"
#include "lib/text/file_type.h"

namespace hearth::tools::shard {
namespace {

constexpr std::size_t head_bytes = 64 << 10;  // read first, to see what it is; kept of a file that is too large

text::Rejection too_large(std::string& bytes, std::uint64_t max_bytes) {
  bytes.resize(std::min<std::size_t>(bytes.size(), head_bytes));
  return {"too-large", "more than " + human_bytes(static_cast<double>(max_bytes)) + " (--max-document-bytes)"};
}

class File {
 public:
  explicit File(const std::filesystem::path& path)
      : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  bool is_open() const { return descriptor_ >= 0; }
  // Appends up to count bytes; fewer at the end only. False when reading failed (errno).
  bool append(std::string& bytes, std::size_t count) const {
    const std::size_t before = bytes.size();
    bytes.resize(before + count);
    std::size_t got = 0;
    while (got < count) {
      const ssize_t n = ::read(descriptor_, bytes.data() + before + got, count - got);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return false;
      if (n == 0) break;
      got += static_cast<std::size_t>(n);
    }
    bytes.resize(before + got);
    return true;
  }

 private:
  int descriptor_;
};

text::Rejection unreadable(int error_number) {
  const bool missing = error_number == ENOENT || error_number == ENOTDIR;
  return {missing ? "missing" : "unreadable", std::generic_category().message(error_number)};
}

std::optional<text::Rejection> read_compressed(const std::filesystem::path& path, std::uint64_t max_bytes,
                                               bool any_data, std::string& bytes) {
  try {
    formats::TextStream stream(path);
    bytes.clear();
    std::size_t got = 0, wanted = head_bytes;
    do {
      const std::size_t before = bytes.size();
      bytes.resize(before + wanted);
      got = stream.read(std::span(bytes).subspan(before));
      bytes.resize(before + got);
      if (bytes.size() > max_bytes) return too_large(bytes, max_bytes);
      if (before == 0 && !any_data && text::looks_binary(bytes) && !text::is_binary_document(bytes))
        return text::Rejection{"not-text", "binary inside its compression"};
    } while (got == std::exchange(wanted, std::max(wanted, bytes.size())));
    return std::nullopt;
  } catch (const Error& error) {
    return text::Rejection{error.kind() == Kind::data ? "damaged" : "unreadable", error.what()};
  }
}

std::optional<text::Rejection> read_file(const std::filesystem::path& path, std::uint64_t max_bytes, bool any_data,
                                         std::string& bytes) {
  const File file(path);
  if (!file.is_open()) return unreadable(errno);
  for (std::size_t wanted = head_bytes;; wanted = bytes.size()) {
    const std::size_t before = bytes.size();
    if (!file.append(bytes, wanted)) return unreadable(errno);
    const bool at_end = bytes.size() < before + wanted;
    if (before == 0 && formats::compression_of(bytes) != formats::Compression::none) {
      if (text::has_compression_suffix(path.native())) return read_compressed(path, max_bytes, any_data, bytes);
      if (!any_data) {
        bytes.clear();
        return text::Rejection{"not-text", "compressed data; compressed text is named *.gz, *.zst, *.xz or *.bz2"};
      }
    }
    if (before == 0 && !at_end && !any_data && text::looks_binary(bytes) && !text::is_binary_document(bytes)) {
      return text::Rejection{"not-text", "its first " + human_bytes(head_bytes) + " are binary"};
    }
    if (bytes.size() > max_bytes) return too_large(bytes, max_bytes);
    if (at_end) return std::nullopt;
  }
}

}  // namespace

std::optional<text::Rejection> read_bounded(const FoundFile& found, std::uint64_t max_bytes, std::string& bytes,
                                            bool any_data) {
  bytes.clear();
  auto rejection = read_file(found.path, max_bytes, any_data, bytes);
  if (rejection && rejection->reason != "damaged") return rejection;
  if (has_changed(found)) return changed_while_read();
  if (!rejection && found.bytes == 0 && !bytes.empty())
    return text::Rejection{"special-file", "says that it is empty, and is not"};
  return rejection;
}

std::string read_head(const std::filesystem::path& path, std::size_t count) {
  std::string bytes;
  const File file(path);
  if (!file.is_open() || !file.append(bytes, count)) bytes.clear();
  return bytes;
}

bool has_changed(const FoundFile& found) {
  struct stat status {};
  return ::stat(found.path.c_str(), &status) != 0 || size_of(status) != found.bytes ||
         modified_ns_of(status) != found.modified_ns;
}

text::Rejection changed_while_read() {
  return {"changed", "its size or its time of change are not what they were when it was found"};
}

}  // namespace hearth::tools::shard
