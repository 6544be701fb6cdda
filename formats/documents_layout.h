// SPDX-License-Identifier: Apache-2.0
// Names and order of what a documents file holds, shared by its writer and reader. Specification: formats/documents.md.
#pragma once
#include <array>
#include <span>
#include <string>
#include <string_view>

#include "formats/documents.h"
#include "formats/hdf5_file.h"
#include "lib/base/digest.h"

namespace hearth::formats::documents {

constexpr FormatVersion version{"documents", 1, 0, "hearth shard"};

// The string columns, in order; rejected documents have all of them, the others do without the last two.
struct StringColumn {
  const char* name;
  std::string& (*of)(RejectedDocument&);
};
constexpr std::array<StringColumn, 8> string_columns{{
    {"id", [](RejectedDocument& row) -> std::string& { return row.document.id; }},
    {"source", [](RejectedDocument& row) -> std::string& { return row.document.source; }},
    {"type", [](RejectedDocument& row) -> std::string& { return row.document.type; }},
    {"language", [](RejectedDocument& row) -> std::string& { return row.document.language; }},
    {"license", [](RejectedDocument& row) -> std::string& { return row.document.license; }},
    {"attributes", [](RejectedDocument& row) -> std::string& { return row.document.attributes; }},
    {"reason", [](RejectedDocument& row) -> std::string& { return row.reason; }},
    {"detail", [](RejectedDocument& row) -> std::string& { return row.detail; }},
}};
constexpr std::size_t n_columns(bool rejected) { return rejected ? string_columns.size() : string_columns.size() - 2; }
constexpr const char* group_of(bool rejected) { return rejected ? "rejected" : "documents"; }

// One block's metadata as it lies in the file: per string column the end of each row's bytes (counted from the column's
// start) and the bytes; then each row's text range and split.
struct BlockColumns {
  struct Strings {
    std::vector<std::uint64_t> ends;
    std::string bytes;
  };
  std::vector<Strings> strings;
  std::vector<std::uint64_t> text_ranges;  // begin, end of each row
  std::vector<std::uint8_t> splits;

  // XXH3-64 over the XXH3-64 of each array, in the order they stand above.
  std::uint64_t checksum() const;
};

}  // namespace hearth::formats::documents
