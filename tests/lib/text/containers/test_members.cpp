// SPDX-License-Identifier: Apache-2.0
// Members of archives written by libarchive itself, of mails and mailboxes written by Python, and hostile ones.
#include "lib/text/containers/members.h"

#include <archive.h>
#include <archive_entry.h>

#include <vector>

#include "lib/base/digest.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "tests/formats/support.h"
#include "tests/support/catch.h"

namespace hearth::text {
namespace {

const fs::path golden = fs::path(HEARTH_SOURCE_DIR) / "tests/golden/mail";

struct File {
  std::string path, bytes;
  unsigned type = AE_IFREG;
};

// format: "zip", "7zip", "ustar", "pax"; filter: "gzip", "xz", ... or ""; password: of zip.
void write_archive(const fs::path& path, const char* format, const char* filter, const std::vector<File>& files,
                   bool encrypted = false) {
  archive* out = archive_write_new();
  REQUIRE(archive_write_set_format_by_name(out, format) == ARCHIVE_OK);
  if (*filter != '\0') REQUIRE(archive_write_add_filter_by_name(out, filter) == ARCHIVE_OK);
  if (encrypted) {
    REQUIRE(archive_write_set_options(out, "zip:encryption=traditional") == ARCHIVE_OK);
    REQUIRE(archive_write_set_passphrase(out, "secret") == ARCHIVE_OK);
  }
  REQUIRE(archive_write_open_filename(out, path.c_str()) == ARCHIVE_OK);
  for (const File& file : files) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, file.path.c_str());
    archive_entry_set_filetype(entry, file.type);
    archive_entry_set_perm(entry, 0644);
    if (file.type == AE_IFLNK) archive_entry_set_symlink(entry, "target");
    archive_entry_set_size(entry, static_cast<la_int64_t>(file.bytes.size()));
    REQUIRE(archive_write_header(out, entry) >= ARCHIVE_WARN);  // of names that are not ASCII
    if (!file.bytes.empty()) archive_write_data(out, file.bytes.data(), file.bytes.size());
    archive_entry_free(entry);
  }
  REQUIRE(archive_write_close(out) == ARCHIVE_OK);
  archive_write_free(out);
}

std::string packed(const TemporaryFolder& folder, const char* format, const char* filter,
                   const std::vector<File>& files) {
  write_archive(folder / "packed", format, filter, files);
  return read_file(folder / "packed");
}

std::vector<Member> members_of(const fs::path& path, const MemberLimits& limits = {}) {
  const auto members = open_members(path, holds_by_name(path.filename().string()), limits);
  std::vector<Member> all;
  Member member;
  while (members->next(member)) all.push_back(std::move(member));
  return all;
}

// "source: text" or "source: -reason" of each.
std::vector<std::string> told(const std::vector<Member>& members) {
  std::vector<std::string> lines;
  for (const Member& member : members) {
    lines.push_back(member.source + (member.number > 0 ? "#" + std::to_string(member.number) : "") + ": " +
                    (member.rejection ? "-" + member.rejection->reason : member.bytes));
  }
  return lines;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("members of archives, in the order of the archive, by any packing") {
  const TemporaryFolder folder;
  const std::vector<File> files = {{"dir/a.txt", "first"},
                                   {"/abs/b.md", "second"},
                                   {"../up.txt", "third"},
                                   {"./.git/config", "hidden"},
                                   {"empty.txt", ""},
                                   {"x.jsonl", "{}\n\n[1]\n"},
                                   {"dir/gr\xc3\xbc\xc3\x9f.txt", "fourth"}};
  const Lines wanted = {"!/dir/a.txt: first", "!/abs/b.md: second", "!/../up.txt: third",    "!/empty.txt: ",
                        "!/x.jsonl#1: {}",    "!/x.jsonl#3: [1]",   "!/dir/grüß.txt: fourth"};
  for (const auto& [name, format, filter] : std::vector<std::array<const char*, 3>>{{"a.tar", "ustar", ""},
                                                                                    {"a.tar.gz", "pax", "gzip"},
                                                                                    {"a.tgz", "ustar", "gzip"},
                                                                                    {"a.tar.xz", "ustar", "xz"},
                                                                                    {"a.tar.bz2", "ustar", "bzip2"},
                                                                                    {"a.tar.zst", "ustar", "zstd"},
                                                                                    {"a.zip", "zip", ""},
                                                                                    {"A.JAR", "zip", ""}}) {
    INFO(name);
    write_archive(folder / name, format, filter, files);
    CHECK(told(members_of(folder / name)) == wanted);
  }
  write_archive(folder / "a.7z", "7zip", "", files);  // which keeps empty files apart
  CHECK(members_of(folder / "a.7z").size() == wanted.size());
}

TEST_CASE("what in an archive is no document is named") {
  const TemporaryFolder folder;
  write_archive(folder / "a.tar", "ustar", "",
                {{"link", "", AE_IFLNK}, {"pipe", "", AE_IFIFO}, {"disk", "", AE_IFBLK}, {"a.txt", "text"}});
  CHECK(told(members_of(folder / "a.tar")) ==
        Lines{"!/link: -archive-link", "!/pipe: -special-file", "!/disk: -special-file", "!/a.txt: text"});
  write_archive(folder / "secret.zip", "zip", "", {{"a.txt", "text that nobody may read"}}, true);
  CHECK(told(members_of(folder / "secret.zip")) == Lines{"!/a.txt: -encrypted"});
  write_archive(folder / "names.tar", "ustar", "", {{"caf\xe9 100%", "latin"}});
  CHECK(told(members_of(folder / "names.tar")) == Lines{"!/caf%E9 100%25: latin"});
  write_file(folder / "no.zip", "these bytes are not an archive");
  CHECK(told(members_of(folder / "no.zip")) == Lines{": -damaged"});
  write_file(folder / "no.tar.gz", "");
  CHECK(members_of(folder / "no.tar.gz").size() <= 1);
}

TEST_CASE("an archive cut or with a flipped byte gives what can be read, and says that it is damaged") {
  const TemporaryFolder folder;
  std::vector<File> files;
  for (int i = 0; i < 20; ++i) files.push_back({"f" + std::to_string(i) + ".txt", std::string(1000, 'a')});
  for (const char* name : {"a.zip", "a.tar.gz"}) {
    write_archive(folder / name, name == std::string("a.zip") ? "zip" : "ustar",
                  name == std::string("a.zip") ? "" : "gzip", files);
    const std::string whole = read_file(folder / name);
    for (std::size_t length = 0; length < whole.size(); length += 37) {
      write_file(folder / name, whole.substr(0, length));
      INFO(name << " cut to " << length);
      const auto members = members_of(folder / name);
      CHECK(members.size() <= 21);
      // A zip that lost its directory alone is read from its members.
      const bool said = !members.empty() && members.back().rejection;
      CHECK((length < 100 || said || members.size() == 20));
    }
    for (std::size_t at = 0; at < whole.size(); at += 13) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
      write_file(folder / name, damaged);
      CHECK(members_of(folder / name).size() <= 40);  // ends, and does not crash
    }
  }
}

TEST_CASE("containers inside containers, to a depth") {
  const TemporaryFolder folder;
  const std::string innermost = packed(folder, "zip", "", {{"deep.txt", "deep"}});
  const std::string inner = packed(folder, "ustar", "gzip", {{"i.zip", innermost}, {"i.txt.gz", "not gzip"}});
  const std::string mail = read_file(golden / "alternative.eml");
  write_archive(folder / "a.zip", "zip", "", {{"d/in.tgz", inner}, {"m.eml", mail}, {"last.txt", "last"}});
  CHECK(told(members_of(folder / "a.zip"))[0] == "!/d/in.tgz!/i.zip!/deep.txt: deep");
  const auto shallow = told(members_of(folder / "a.zip", {.max_depth = 2}));
  REQUIRE(shallow.size() == 4);
  CHECK(shallow[0] == "!/d/in.tgz!/i.zip: -nested-too-deep");
  CHECK(shallow[3] == "!/last.txt: last");
  CHECK(members_of(folder / "a.zip")[2].form == Member::Form::mail);
}

TEST_CASE("bombs end: by size, by ratio, by number of members, and an archive in itself by depth") {
  const TemporaryFolder folder;
  const std::string zeros(1u << 20, '\0');
  std::vector<File> files;
  for (int i = 0; i < 80; ++i) files.push_back({std::to_string(i), zeros});
  write_archive(folder / "a.tar.gz", "ustar", "gzip", files);
  const auto by_ratio = members_of(folder / "a.tar.gz", {.max_ratio = 100});
  CHECK(by_ratio.size() == 65);
  CHECK(by_ratio.back().source.empty());
  CHECK(by_ratio.back().rejection->reason == "archive-bomb");
  CHECK(members_of(folder / "a.tar.gz", {.max_ratio = 10'000}).size() == 80);
  CHECK(members_of(folder / "a.tar.gz", {.max_archive_bytes = 5u << 20}).size() == 6);
  CHECK(members_of(folder / "a.tar.gz", {.max_members = 7}).size() == 8);
  const auto large = members_of(folder / "a.tar.gz", {.max_document_bytes = 1000, .max_members = 1});
  CHECK(large[0].rejection->reason == "too-large");
  // Zip in zip, sixteen a level as 42.zip has it: the depth ends it.
  std::string bomb = packed(folder, "zip", "", {{"0.txt", zeros}});
  for (int level = 0; level < 5; ++level) {
    std::vector<File> copies;
    for (int i = 0; i < 4; ++i) copies.push_back({"lib" + std::to_string(i) + ".zip", bomb});
    bomb = packed(folder, "zip", "", copies);
  }
  write_file(folder / "42.zip", bomb);
  const auto deep = members_of(folder / "42.zip");
  CHECK(deep.size() == 4 * 4 * 4 * 4);
  for (const Member& member : deep) CHECK(member.rejection->reason == "nested-too-deep");
}

TEST_CASE("a mailbox gives its messages and their attachments") {
  const Json expected = parse_json(read_file(golden / "expected.json"), "expected.json");
  const auto members = members_of(golden / "three.mbox");
  Lines sources;
  for (const Member& member : members)
    sources.push_back(member.source + (member.number > 0 ? "#" + std::to_string(member.number) : ""));
  CHECK(sources ==
        Lines{"#1", "#2", "#2!/notes für alle.txt", "#2!/picture.png", "#2!/data.bin", "#2!/part-3.eml", "#3"});
  CHECK(members[0].bytes.find("\nFrom here on") != std::string::npos);
  CHECK(members[1].bytes.find("Notes on the numbers") == std::string::npos);  // an attachment is not in the message
  const auto attached = members_of(golden / "attachments.eml");
  REQUIRE(attached.size() == 5);
  CHECK(attached[2].source == "!/picture.png");
  REQUIRE(attached[2].rejection);
  CHECK(attached[2].rejection->reason == "not-text");
  for (const Json& attachment : expected["attachments.eml"]["attachments"]) {
    if (!attachment["name"].is_string() || attachment["type"] == "image/png") continue;
    bool found = false;
    for (const Member& member : attached) {
      found = found || (member.source == "!/" + attachment["name"].get<std::string>() &&
                        sha256_hex(member.bytes) == attachment["sha256"].get<std::string>());
    }
    CHECK(found);
  }
}

TEST_CASE("what a file of a mail folder is shows in its first bytes") {
  CHECK(holds_by_content("cur", "Received: from a\nno header") == Holds::mail);
  CHECK(holds_by_content("x", "Received: from a\nSubject: b\n\nhi") == Holds::mail);
  CHECK(holds_by_content("x", "Subject: b\n\nhi") == Holds::document);
  CHECK(holds_by_content("x", "Note: a\nSubject: b\n") == Holds::document);
  CHECK(holds_by_content("x", "From a@b Mon Jan 1\nFrom: a\nSubject: b\n\nhi") == Holds::mailbox);
  CHECK(holds_by_content("x", "From here on\nit is prose") == Holds::document);
  CHECK(names_no_type("1583.M5P6.host:2,S"));
  CHECK(names_no_type("Inbox"));
  CHECK(!names_no_type("a.txt"));
  CHECK(is_path_passed_by("a/.git/b"));
  CHECK(!is_path_passed_by("../a/./b"));
  CHECK(member_path("C:\\a\\b.txt") == "a/b.txt");
}

}  // namespace hearth::text
