// SPDX-License-Identifier: Apache-2.0
#include "lib/text/containers/names.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "lib/text/encoding.h"
#include "lib/text/file_type.h"

namespace hearth::text {
namespace {

constexpr std::array<std::string_view, 13> archive_suffixes = {".tar",    ".tar.gz", ".tgz",     ".tar.zst", ".tzst",
                                                               ".tar.xz", ".txz",    ".tar.bz2", ".tbz2",    ".tbz",
                                                               ".tar.lz", ".tar.z",  ".taz"};
constexpr std::array<std::string_view, 6> packed_suffixes = {".zip", ".7z", ".jar", ".war", ".whl", ".egg"};
constexpr std::array<std::string_view, 3> mailbox_suffixes = {".mbox", ".mbx", ".mboxrd"};
constexpr std::array<std::string_view, 2> mail_suffixes = {".eml", ".mime"};

template <std::size_t n>
bool ends_with_one(std::string_view name, const std::array<std::string_view, n>& suffixes) {
  return std::any_of(suffixes.begin(), suffixes.end(), [&](std::string_view suffix) {
    if (name.size() <= suffix.size()) return false;
    return std::equal(suffix.begin(), suffix.end(), name.end() - static_cast<std::ptrdiff_t>(suffix.size()),
                      [](char a, char b) { return a == std::tolower(static_cast<unsigned char>(b)); });
  });
}

// "Received: from ..." with what mail begins with: a header field's name, which must be one of the usual.
bool begins_with_mail_header(std::string_view head) {
  static constexpr std::array<std::string_view, 12> usual = {
      "return-path",  "received",         "from",           "date",
      "message-id",   "delivered-to",     "subject",        "to",
      "mime-version", "x-mozilla-status", "dkim-signature", "x-original-to"};
  const std::string_view line = head.substr(0, head.find('\n'));
  std::string field(line.substr(0, line.find(':')));
  if (field.size() == line.size()) return false;
  std::transform(field.begin(), field.end(), field.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::find(usual.begin(), usual.end(), field) != usual.end();
}

// The header ends in an empty line, and every line before is a field or goes on with one.
bool has_mail_header(std::string_view head) {
  if (!begins_with_mail_header(head)) return false;
  int n_usual = 0;
  while (!head.empty()) {
    const std::size_t end = head.find('\n');
    if (end == std::string_view::npos) break;  // cut off: what was seen decides
    const std::string_view line = head.substr(0, end);
    if (line.empty() || line == "\r") break;
    const std::size_t colon = line.find(':');
    const bool goes_on = line[0] == ' ' || line[0] == '\t';
    if (!goes_on && (colon == std::string_view::npos || line.substr(0, colon).find(' ') != std::string_view::npos))
      return false;
    n_usual += begins_with_mail_header(head) ? 1 : 0;
    head.remove_prefix(end + 1);
  }
  return n_usual >= 2;
}

}  // namespace

Holds holds_by_name(std::string_view file_name) {
  if (ends_with_one(file_name, archive_suffixes)) return Holds::archive;
  if (ends_with_one(file_name, packed_suffixes)) return Holds::packed_archive;
  const std::string_view plain = plain_file_name(file_name);
  if (is_jsonl_name(plain)) return Holds::records;
  if (ends_with_one(plain, mailbox_suffixes)) return Holds::mailbox;
  if (ends_with_one(plain, mail_suffixes)) return Holds::mail;
  return Holds::document;
}

bool names_no_type(std::string_view file_name) {
  const std::size_t dot = file_name.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return true;
  const std::string_view extension = file_name.substr(dot + 1);  // of a mail folder: host names, numbers, flags
  return extension.size() > 8 || extension.find_first_of(":,=0123456789") != std::string_view::npos;
}

Holds holds_by_content(std::string_view folder, std::string_view head) {
  if (head.starts_with("From ") && has_mail_header(head.substr(std::min(head.find('\n') + 1, head.size()))))
    return Holds::mailbox;
  const bool in_mail_folder = folder == "cur" || folder == "new";
  if (in_mail_folder ? begins_with_mail_header(head) : has_mail_header(head)) return Holds::mail;
  return Holds::document;
}

bool is_passed_by(std::string_view name) {
  static constexpr std::array<std::string_view, 4> others = {"CVS", "__pycache__", "node_modules", "_darcs"};
  return name.starts_with('.') || std::find(others.begin(), others.end(), name) != others.end();
}

bool is_path_passed_by(std::string_view path) {
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, end);
    if (part != "." && part != ".." && is_passed_by(part)) return true;
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return false;
}

std::string printable_name(std::string_view name) {
  if (is_valid_utf8(name)) return std::string(name);
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string printable;
  for (std::size_t at = 0; at < name.size();) {
    const std::size_t length = utf8_sequence(name, at);
    if (length > 0 && name[at] != '%') {
      printable.append(name, at, length);
      at += length;
    } else {
      const auto byte = static_cast<unsigned char>(name[at++]);
      printable.append({'%', digits[byte >> 4], digits[byte & 15]});
    }
  }
  return printable;
}

std::string member_path(std::string_view path) {
  std::string raw(path);
  if (raw.find('/') == std::string::npos) std::replace(raw.begin(), raw.end(), '\\', '/');  // written on Windows
  std::string_view rest = raw;
  if (rest.size() > 2 && rest[1] == ':' && rest[2] == '/') rest.remove_prefix(2);
  std::string clean;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('/'), rest.size());
    const std::string_view part = rest.substr(0, end);
    if (!part.empty() && part != ".") clean.append(clean.empty() ? "" : "/").append(part);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return printable_name(clean);
}

}  // namespace hearth::text
