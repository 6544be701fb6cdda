// SPDX-License-Identifier: Apache-2.0
// JSON Lines: one JSON value a line. Reading separates lines from parsing, so that a tool can parse lines on all cores;
// a line that is broken or too long is an outcome with its place, never an exception, so that a tool can skip, count or
// fail.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "formats/text_stream.h"
#include "lib/base/json.h"

namespace hearth::formats {

struct Line {
  std::uint64_t number = 0;  // from 1
  std::uint64_t offset = 0;  // of its first byte in the (decompressed) stream
  std::uint64_t bytes = 0;   // its length, without line break
  std::string_view text;     // valid until the next call; without "\n" or "\r\n"; cut when too_long
  bool too_long = false;     // has more than the most bytes allowed: text holds its beginning only
};

// The lines of a file (plain or compressed, or "-"). Memory stays below the longest line allowed plus a megabyte,
// whatever the file holds.
class LineReader {
 public:
  explicit LineReader(const std::filesystem::path& path, std::uint64_t max_line_bytes = 64u << 20)
      : LineReader(TextStream(path), max_line_bytes) {}
  LineReader(TextStream stream, std::uint64_t max_line_bytes);

  // The next line; false at the end. The last line may lack its line break. A UTF-8 byte order mark at the start is
  // skipped.
  bool next(Line& line);

 private:
  void refill();

  TextStream stream_;
  std::uint64_t max_line_bytes_;
  std::string buffer_;
  std::size_t begin_ = 0;            // of what is not yet given out
  std::uint64_t buffer_offset_ = 0;  // of buffer_[0] in the stream
  std::uint64_t number_ = 0;
  std::string long_head_;  // the beginning of the last line that was too long
  bool at_end_ = false;
};

// What became of a line.
enum class LineState { record, blank, broken, too_long };

// Parses a line. record: value holds it (any JSON value). broken, too_long: reason says why, for people:
// "column 17: not JSON: ...". blank: only white space. Thread-safe; never throws for what the line holds.
LineState parse_line(const Line& line, Json& value, std::string& reason);

// Writes one value a line; zstd when the name ends in .zst, "-" is standard output.
class JsonlWriter {
 public:
  JsonlWriter(const std::filesystem::path& path, bool overwrite, int zstd_level = 3)
      : out_(path, overwrite, zstd_level) {}
  void write(const Json& value);
  void commit() { out_.commit(); }

 private:
  TextWriter out_;
};

}  // namespace hearth::formats
