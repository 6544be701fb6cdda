// SPDX-License-Identifier: Apache-2.0
#include "lib/text/containers/members.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/text.h"
#include "lib/text/containers/container.h"
#include "lib/text/encoding.h"
#include "lib/text/extract/office.h"
#include "lib/text/file_type.h"

namespace hearth::text {
namespace {

constexpr std::uint64_t always_allowed_bytes = 64u << 20;  // out of any archive, however small
constexpr std::uint64_t max_nested_bytes = 64u << 20;      // of an archive inside another that must lie open as a whole
constexpr std::size_t head_bytes = 64u << 10;              // kept of what is rejected

Rejection too_large(std::uint64_t max_bytes) {
  return {"too-large", "more than " + human_bytes(static_cast<double>(max_bytes)) + " (--max-document-bytes)"};
}

// The containers that lie open, from the file to the innermost.
class MemberWalk : public Members {
 public:
  MemberWalk(const std::filesystem::path& path, Holds holds, const MemberLimits& limits)
      : limits_(limits), path_(path), holds_(holds) {
    std::error_code error;
    const std::uint64_t packed = std::filesystem::file_size(path, error);
    if (error) throw Error(Kind::missing, path.string() + ": " + error.message());
    const std::uint64_t by_ratio = std::max(always_allowed_bytes, packed * limits.max_ratio);
    expansion_.max_bytes = std::min(limits.max_archive_bytes, by_ratio);
    expansion_.max_members = limits.max_members;
    text_.max_bytes = by_ratio;
    expansion_.on_progress = text_.on_progress = limits.on_progress;
    max_mail_bytes_ = std::max<std::uint64_t>(4 * limits.max_document_bytes, 64u << 20);
  }

  bool next(Member& member) override {
    member = {};
    try {
      if (!begun_) {
        begun_ = true;
        levels_.push_back({open_top(), "", 0, 1});
      }
      return advance(member);
    } catch (const ExpansionExceeded& error) {
      levels_.clear();
      member = {};
      member.rejection = Rejection{"archive-bomb", error.what()};
      return true;
    } catch (const Error& error) {  // it does not even open
      return damaged(error, member);
    }
  }

  std::uint64_t n_passed_by() const override { return n_passed_by_; }

 private:
  struct Level {
    std::unique_ptr<Container> container;
    std::string source;
    std::uint64_t number = 0;  // of the message, when it is one of a mailbox
    int depth = 1;
  };

  std::unique_ptr<Container> open_top() {
    if (holds_ == Holds::archive || holds_ == Holds::packed_archive) return open_archive_file(path_, expansion_);
    formats::TextStream stream(path_);
    if (holds_ == Holds::mailbox || holds_ == Holds::records)
      return open_lines(holds_, std::move(stream), path_.string(), text_);
    std::string bytes;
    if (!slurp([&](std::span<char> out) { return stream.read(out); }, max_mail_bytes_, bytes))
      throw Error(Kind::data, "a mail of more than " + human_bytes(static_cast<double>(max_mail_bytes_)));
    return open_mail(std::move(bytes));
  }

  bool advance(Member& member) {
    while (!levels_.empty()) {
      Level& level = levels_.back();
      member.source = level.source;
      member.number = level.number;
      try {
        Entry entry;
        if (!level.container->next(entry)) {
          levels_.pop_back();
        } else if (take(entry, member)) {
          return true;
        }
      } catch (const ExpansionExceeded&) {
        throw;
      } catch (const Error& error) {  // what came before the damage is used
        levels_.pop_back();
        return damaged(error, member);
      }
    }
    return false;
  }

  static bool damaged(const Error& error, Member& member) {
    member.bytes.clear();
    member.rejection = Rejection{error.kind() == Kind::data ? "damaged" : "unreadable", error.what()};
    return true;
  }

  // Makes a member of an entry, or opens it; false when it is none.
  bool take(const Entry& entry, Member& member) {
    Level& level = levels_.back();
    if (is_path_passed_by(entry.path)) {
      ++n_passed_by_;
      return false;
    }
    if (!entry.path.empty()) {
      if (member.number > 0) member.source += "#" + std::to_string(member.number);
      member.source += "!/" + entry.path;
      member.number = 0;
    }
    if (entry.number > 0) member.number = entry.number;
    member.form = entry.form;
    const std::string_view name = std::string_view(entry.path).substr(entry.path.rfind('/') + 1);
    member.file_name = plain_file_name(name);
    member.rejection = entry.rejection;
    const Holds holds = entry.holds == Holds::document ? holds_by_name(name) : entry.holds;
    if (entry.form != Member::Form::file || (!member.rejection && holds == Holds::document)) {
      read_document(*level.container, name, member);
      return true;
    }
    if (member.rejection) return true;
    return enter(holds, name, member);
  }

  // The bytes of a document, decompressed where its name says so.
  void read_document(Container& container, std::string_view name, Member& member) {
    const auto rejection = std::exchange(member.rejection, std::nullopt);
    try {
      const formats::ReadBytes raw = [&](std::span<char> out) { return container.read(out); };
      bool whole = true;
      if (member.form == Member::Form::file && has_compression_suffix(name)) {
        formats::TextStream stream(std::string(name), counted(raw));
        whole = slurp([&](std::span<char> out) { return stream.read(out); }, limits_.max_document_bytes, member.bytes);
      } else {
        whole = slurp(raw, limits_.max_document_bytes, member.bytes);
      }
      if (!whole) member.rejection = too_large(limits_.max_document_bytes);
    } catch (const ExpansionExceeded&) {
      throw;
    } catch (const Error& error) {
      damaged(error, member);
    }
    member.size = member.bytes.size();
    if (rejection) member.rejection = rejection;
    if (member.rejection) member.bytes.resize(std::min(member.bytes.size(), head_bytes));
  }

  formats::ReadBytes counted(formats::ReadBytes read) {
    return [this, read = std::move(read)](std::span<char> out) {
      const std::size_t got = read(out);
      expansion_.add_bytes(got);
      return got;
    };
  }

  // A mailbox, or records. What its decompression yields is counted.
  std::unique_ptr<Container> open_lines(Holds holds, formats::TextStream stream, const std::string& name,
                                        Expansion& expansion) const {
    if (stream.compression() != formats::Compression::none) {
      const auto packed = std::make_shared<formats::TextStream>(std::move(stream));
      stream = formats::TextStream(name, [packed, &expansion](std::span<char> out) {
        const std::size_t got = packed->read(out);
        expansion.add_bytes(got);
        return got;
      });
    }
    if (holds == Holds::mailbox) return open_mailbox(std::move(stream), max_mail_bytes_, limits_.on_progress);
    return open_records(std::move(stream), limits_.max_document_bytes);
  }

  // Opens an entry that is a container itself. True when it cannot be: member then says why.
  bool enter(Holds holds, std::string_view name, Member& member) {
    const int depth = levels_.back().depth + (member.number > 0 || holds == Holds::records ? 0 : 1);
    if (holds == Holds::packed_archive) return enter_packed(depth, member);
    if (is_too_deep(depth, member)) return true;
    Container* const around = levels_.back().container.get();  // outlives what is opened in it
    const formats::ReadBytes raw = [around](std::span<char> out) { return around->read(out); };
    std::unique_ptr<Container> opened;
    try {
      opened = holds == Holds::archive
                   ? open_archive_stream(raw, expansion_)
                   : open_text_container(holds, formats::TextStream(std::string(name), raw), member);
    } catch (const ExpansionExceeded&) {
      throw;
    } catch (const Error& error) {
      return damaged(error, member);
    }
    if (opened == nullptr) return true;
    push(std::move(opened), depth, member);
    return false;
  }

  // The same for an archive that must lie open as a whole; or it is an office document, which is a member itself.
  bool enter_packed(int depth, Member& member) {
    Container& around = *levels_.back().container;
    std::unique_ptr<Container> opened;
    try {
      std::string bytes;
      if (!slurp([&](std::span<char> out) { return around.read(out); }, max_nested_bytes, bytes)) {
        member.rejection = Rejection{"nested-too-large", "an archive of more than " +
                                                             human_bytes(static_cast<double>(max_nested_bytes)) +
                                                             " inside another; unpack the outer one"};
        return true;
      }
      if (is_office_zip(bytes)) {
        member.size = bytes.size();
        member.bytes = std::move(bytes);
        if (member.size <= limits_.max_document_bytes) return true;
        member.rejection = too_large(limits_.max_document_bytes);
        member.bytes.resize(head_bytes);
        return true;
      }
      if (is_too_deep(depth, member)) return true;
      opened = open_archive_bytes(std::move(bytes), expansion_);
    } catch (const ExpansionExceeded&) {
      throw;
    } catch (const Error& error) {
      return damaged(error, member);
    }
    push(std::move(opened), depth, member);
    return false;
  }

  void push(std::unique_ptr<Container> opened, int depth, Member& member) {
    levels_.push_back({std::move(opened), std::move(member.source), member.number, depth});
    member = {};
  }

  bool is_too_deep(int depth, Member& member) const {
    if (depth <= limits_.max_depth) return false;
    member.rejection = Rejection{
        "nested-too-deep", "in more than " + std::to_string(limits_.max_depth) + " archives or mails (--max-depth)"};
    return true;
  }

  std::unique_ptr<Container> open_text_container(Holds holds, formats::TextStream stream, Member& member) {
    if (holds == Holds::mailbox || holds == Holds::records)
      return open_lines(holds, std::move(stream), member.file_name, expansion_);
    std::string bytes;
    if (slurp([&](std::span<char> out) { return stream.read(out); }, max_mail_bytes_, bytes))
      return open_mail(std::move(bytes));
    member.rejection = too_large(max_mail_bytes_);
    return nullptr;
  }

  // Reads all there is into bytes; false when it is more than max_bytes.
  static bool slurp(const formats::ReadBytes& read, std::uint64_t max_bytes, std::string& bytes) {
    for (std::size_t wanted = head_bytes;; wanted = std::max(wanted, bytes.size())) {
      const std::size_t before = bytes.size();
      bytes.resize(before + wanted);
      std::size_t got = 0;
      while (got < wanted) {
        const std::size_t n = read(std::span(bytes).subspan(before + got));
        if (n == 0) break;
        got += n;
      }
      bytes.resize(before + got);
      if (bytes.size() > max_bytes) return false;
      if (got < wanted) return true;
    }
  }

  MemberLimits limits_;
  std::filesystem::path path_;
  Holds holds_;
  Expansion expansion_;  // of all archives
  Expansion text_;       // of a compressed mailbox or file of records: bounded by its ratio alone
  std::uint64_t max_mail_bytes_ = 0;
  bool begun_ = false;
  std::vector<Level> levels_;
  std::uint64_t n_passed_by_ = 0;
};

}  // namespace

std::unique_ptr<Members> open_members(const std::filesystem::path& path, Holds holds, const MemberLimits& limits) {
  return std::make_unique<MemberWalk>(path, holds, limits);
}

}  // namespace hearth::text
