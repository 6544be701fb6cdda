// SPDX-License-Identifier: Apache-2.0
// What names of files say: what they hold, whether a walk passes them by, and how they stand in a document's source.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace hearth::text {

// What is in a file: one document, or several.
enum class Holds : std::uint8_t {
  document,
  archive,         // tar, plain or compressed: its members come one after the other
  packed_archive,  // zip, 7z: to be read it must lie open as a whole
  mailbox,         // mbox: messages one after the other
  mail,            // one message and its attachments
  records,         // JSON lines
};

// By the last part of a path, with its compression suffix: "a.tar.gz", "b.jar", "c.mbox", "d.eml", "e.jsonl.zst".
Holds holds_by_name(std::string_view file_name);

// True for names that say nothing about the content, as those of mail folders: holds_by_content tells by the first
// bytes (a few hundred) whether such a file is a mailbox or a mail. folder: the name of the folder it lies in.
bool names_no_type(std::string_view file_name);
Holds holds_by_content(std::string_view folder, std::string_view head);

// True for what walks do not enter: names that begin with a dot, version control and the caches of build tools.
bool is_passed_by(std::string_view name);
bool is_path_passed_by(std::string_view path);  // one of its parts is

// A name as a source can hold it. In one that is not UTF-8, each byte outside every valid sequence and each % becomes
// %XX, so that different names stay different.
std::string printable_name(std::string_view name);

// The path of an archive's member as it stands in a source: printable, forward slashes, without leading slashes, drive
// letters and "." parts; ".." parts stay: nothing is ever written under such a name.
std::string member_path(std::string_view path);

}  // namespace hearth::text
