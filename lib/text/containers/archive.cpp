// SPDX-License-Identifier: Apache-2.0
// Archives by libarchive: tar in all its dialects and compressions, zip and 7z. Only these formats are enabled.
#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <sys/stat.h>

#include <cerrno>
#include <exception>
#include <utility>

#include "lib/base/text.h"
#include "lib/text/containers/container.h"

namespace hearth::text {
namespace {

constexpr std::size_t block_bytes = 64u << 10;
constexpr std::uint64_t members_a_beat = 50'000;

// libarchive turns names into the locale's encoding: UTF-8, in this thread, while it lives.
class Utf8Names {
 public:
  Utf8Names() : locale_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)) {
    if (locale_ != nullptr) before_ = ::uselocale(locale_);
  }
  ~Utf8Names() {
    if (locale_ == nullptr) return;
    ::uselocale(before_);
    ::freelocale(locale_);
  }
  Utf8Names(const Utf8Names&) = delete;
  Utf8Names& operator=(const Utf8Names&) = delete;

 private:
  locale_t locale_;
  locale_t before_ = nullptr;
};

class Archive : public Container {
 public:
  explicit Archive(Expansion& expansion) : archive_(archive_read_new(), archive_read_free), expansion_(expansion) {
    HEARTH_CHECK(archive_ != nullptr, "libarchive does not start");
    archive_read_support_filter_all(archive_.get());
    archive_read_support_format_tar(archive_.get());
    archive_read_support_format_zip(archive_.get());
    archive_read_support_format_7zip(archive_.get());
  }

  void open(const std::filesystem::path& path) {
    begin(archive_read_open_filename(archive_.get(), path.c_str(), block_bytes));
  }
  void open(std::string bytes) {
    bytes_ = std::move(bytes);
    begin(archive_read_open_memory(archive_.get(), bytes_.data(), bytes_.size()));
  }
  void open(formats::ReadBytes read) {
    read_ = std::move(read);
    bytes_.resize(block_bytes);
    begin(archive_read_open(archive_.get(), this, nullptr, read_block, nullptr));
  }

  bool next(Entry& entry) override {
    const Utf8Names utf8_names;
    if (ended_) return false;
    archive_entry* header = nullptr;
    unpack_rest();
    while (true) {
      const int result = archive_read_next_header(archive_.get(), &header);
      if (result == ARCHIVE_RETRY) continue;
      ended_ = result == ARCHIVE_EOF || result == ARCHIVE_FATAL;
      if (result == ARCHIVE_EOF) return false;
      if (result == ARCHIVE_FATAL) fail();
      if (archive_entry_filetype(header) == AE_IFDIR) continue;
      break;
    }
    expansion_.add_member();
    entry = {};
    const char* path = archive_entry_pathname(header);
    entry.path = member_path(path == nullptr ? "" : path);
    if (entry.path.empty()) entry.path = "unnamed";
    entry.rejection = rejection_of(header);
    has_data_ = !entry.rejection;
    return true;
  }

  std::size_t read(std::span<char> out) override {
    if (!has_data_) return 0;
    const la_ssize_t got = archive_read_data(archive_.get(), out.data(), out.size());
    if (got < 0) {
      has_data_ = false;
      ended_ = got == ARCHIVE_FATAL;
      fail();
    }
    if (got == 0) has_data_ = false;
    expansion_.add_bytes(static_cast<std::uint64_t>(got));
    return static_cast<std::size_t>(got);
  }

 private:
  // Passing by what is left of an entry means to unpack it where the archive is one compressed stream: a bomb is one,
  // read or not.
  void unpack_rest() {
    const bool seeks = archive_format(archive_.get()) == ARCHIVE_FORMAT_ZIP ||
                       (archive_filter_code(archive_.get(), 0) == ARCHIVE_FILTER_NONE &&
                        archive_format(archive_.get()) != ARCHIVE_FORMAT_7ZIP);
    if (!has_data_ || seeks) return;
    has_data_ = false;
    const void* block = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    int result = ARCHIVE_OK;
    while ((result = archive_read_data_block(archive_.get(), &block, &size, &offset)) == ARCHIVE_OK)
      expansion_.add_bytes(size);
    if (result != ARCHIVE_FATAL) return;
    ended_ = true;
    fail();
  }

  void begin(int result) {
    if (result != ARCHIVE_OK) fail();
  }

  [[noreturn]] void fail() {
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    const char* message = archive_error_string(archive_.get());
    throw Error(Kind::data, printable_name(message == nullptr ? "not an archive that can be read" : message));
  }

  static std::optional<Rejection> rejection_of(archive_entry* header) {
    if (archive_entry_hardlink(header) != nullptr || archive_entry_filetype(header) == AE_IFLNK)
      return Rejection{"archive-link", "a link inside an archive"};
    if (archive_entry_filetype(header) != AE_IFREG)
      return Rejection{"special-file", "neither a file nor a folder, inside an archive"};
    if (archive_entry_is_encrypted(header) != 0) return Rejection{"encrypted", "it needs a password"};
    return std::nullopt;
  }

  // What libarchive calls for its input; an exception must not pass through it.
  static la_ssize_t read_block(archive* handle, void* self, const void** block) {
    auto& me = *static_cast<Archive*>(self);
    *block = me.bytes_.data();
    try {
      return static_cast<la_ssize_t>(me.read_(me.bytes_));
    } catch (...) {
      me.failure_ = std::current_exception();
    }
    archive_set_error(handle, EIO, "the archive around it cannot be read");
    return ARCHIVE_FATAL;
  }

  std::unique_ptr<archive, int (*)(archive*)> archive_;
  Expansion& expansion_;
  formats::ReadBytes read_;
  std::string bytes_;           // a block of the stream, or the whole archive
  std::exception_ptr failure_;  // of the stream it is read from
  bool ended_ = false, has_data_ = false;
};

template <class Source>
std::unique_ptr<Container> open_archive(Source source, Expansion& expansion) {
  const Utf8Names utf8_names;
  auto opened = std::make_unique<Archive>(expansion);
  opened->open(std::move(source));
  return opened;
}

}  // namespace

void Expansion::add_bytes(std::uint64_t n) {
  const bool beats = bytes / progress_bytes != (bytes + n) / progress_bytes;
  bytes += n;
  if (beats && on_progress) on_progress();
  if (bytes > max_bytes) {
    throw ExpansionExceeded("it unpacks to more than " + human_bytes(static_cast<double>(max_bytes)) +
                            " (--max-archive-bytes, and a thousand times its size)");
  }
}

void Expansion::add_member() {
  if (++members > max_members) throw ExpansionExceeded("it has more than " + std::to_string(max_members) + " members");
  if (members % members_a_beat == 0 && on_progress) on_progress();
}

std::unique_ptr<Container> open_archive_file(const std::filesystem::path& path, Expansion& expansion) {
  return open_archive(path, expansion);
}
std::unique_ptr<Container> open_archive_stream(formats::ReadBytes read, Expansion& expansion) {
  return open_archive(std::move(read), expansion);
}
std::unique_ptr<Container> open_archive_bytes(std::string bytes, Expansion& expansion) {
  return open_archive(std::move(bytes), expansion);
}

}  // namespace hearth::text
