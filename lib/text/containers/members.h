// SPDX-License-Identifier: Apache-2.0
// The documents inside a file that holds several: the members of an archive, the messages of a mailbox and their
// attachments, the records of a JSONL file, and of those again what they hold, to a depth. Members come one by one in
// the order of the file, in bounded memory; what cannot be used comes as a member with its rejection.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "lib/text/containers/names.h"
#include "lib/text/stage.h"

namespace hearth::text {

// A document inside a container, still to be extracted.
struct Member {
  enum class Form : std::uint8_t {
    file,    // the bytes of a file named file_name, decompressed
    record,  // one line of JSON
    mail,    // one message, without its attachments
  };
  std::string source;     // behind the container's own: "!/dir/a.txt", "!/report.pdf"; empty for the file itself
  std::string file_name;  // the last part of its path, without a compression suffix
  Form form = Form::file;
  std::uint64_t number = 0;  // of a record its line, of a message its place in the mailbox, from 1; 0: neither
  std::uint64_t size = 0;    // in bytes; at least bytes.size()
  std::string bytes;         // the beginning alone when rejected
  std::optional<Rejection> rejection;
};

struct MemberLimits {
  std::uint64_t max_document_bytes = 16u << 20;   // of a member; larger ones are "too-large"
  std::uint64_t max_archive_bytes = 64ull << 30;  // of all that comes out of an archive, nested ones included
  std::uint64_t max_ratio = 1000;                 // of that to the file's size, once it is more than 64 MiB
  std::uint64_t max_members = 10'000'000;
  int max_depth = 4;                    // of containers in containers; the file itself is 1
  std::function<void()> on_progress{};  // called each progress_bytes that are unpacked; empty: not
};
constexpr std::uint64_t progress_bytes = 64u << 20;

// Rejections of members: "too-large"; "not-text" by the first bytes; "damaged" where a container or a member cannot be
// read on; "encrypted"; "archive-link" and "special-file" for what is not a file in an archive; "nested-too-deep";
// "nested-too-large" for an archive inside another that must lie open as a whole and is more than 64 MiB;
// "archive-bomb" for a container that grows beyond the limits, at which reading it ends.
class Members {
 public:
  virtual ~Members() = default;
  virtual bool next(Member& member) = 0;          // false: no more
  virtual std::uint64_t n_passed_by() const = 0;  // members with hidden names, neither given nor counted otherwise
};

// The members of a file, read in this process. Throws Error{missing} when the file is not there; what is wrong with it
// is the matter of next().
std::unique_ptr<Members> open_members(const std::filesystem::path& path, Holds holds, const MemberLimits& limits);

}  // namespace hearth::text
