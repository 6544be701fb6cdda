// SPDX-License-Identifier: Apache-2.0
#include "formats/jsonl.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "lib/base/json_value.h"
#include "lib/base/text.h"

namespace hearth::formats {
namespace {

constexpr std::size_t refill_bytes = 1u << 20;
constexpr std::size_t long_line_head_bytes = 200;  // of a line that is too long, kept for messages
constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

}  // namespace

LineReader::LineReader(TextStream stream, std::uint64_t max_line_bytes)
    : stream_(std::move(stream)), max_line_bytes_(max_line_bytes) {
  refill();
  if (buffer_.starts_with(byte_order_mark)) begin_ = byte_order_mark.size();
}

// Forgets what was given out and reads on.
void LineReader::refill() {
  buffer_.erase(0, begin_);
  buffer_offset_ += begin_;
  begin_ = 0;
  const std::size_t kept = buffer_.size();
  buffer_.resize(kept + refill_bytes);
  const std::size_t got = stream_.read(std::span(buffer_).subspan(kept));
  buffer_.resize(kept + got);
  at_end_ = got < refill_bytes;
}

bool LineReader::next(Line& line) {
  std::size_t scanned = 0;    // bytes after begin_ known to hold no line break
  std::uint64_t dropped = 0;  // bytes of this line no longer in the buffer
  const std::uint64_t offset = buffer_offset_ + begin_;
  std::string head;  // of a line too long to keep
  while (true) {
    const std::size_t from = begin_ + scanned;
    const void* found =
        from < buffer_.size() ? std::memchr(buffer_.data() + from, '\n', buffer_.size() - from) : nullptr;
    if (found == nullptr && !at_end_) {
      if (buffer_.size() - begin_ > max_line_bytes_) {
        if (dropped == 0) head.assign(buffer_, begin_, long_line_head_bytes);
        dropped += buffer_.size() - begin_;
        begin_ = buffer_.size();
      }
      scanned = buffer_.size() - begin_;
      refill();
      continue;
    }
    const std::size_t end =
        found ? static_cast<std::size_t>(static_cast<const char*>(found) - buffer_.data()) : buffer_.size();
    if (found == nullptr && begin_ == end && dropped == 0) return false;
    std::string_view text = std::string_view(buffer_).substr(begin_, end - begin_);
    if (text.ends_with('\r')) text.remove_suffix(1);
    line = {++number_, offset, dropped + text.size(), text, dropped + text.size() > max_line_bytes_};
    begin_ = found ? end + 1 : end;
    if (line.too_long) {
      long_head_ = dropped > 0 ? std::move(head) : std::string(text.substr(0, long_line_head_bytes));
      line.text = long_head_;
    }
    return true;
  }
}

LineState parse_line(const Line& line, Json& value, std::string& reason) {
  if (line.too_long) {
    reason = human_bytes(static_cast<double>(line.bytes)) + " long, more than a line may be";
    return LineState::too_long;
  }
  if (trim(line.text).empty()) return LineState::blank;
  constexpr std::string_view where = "line";
  try {
    value = parse_json(line.text, where);
    return LineState::record;
  } catch (const Error& error) {
    const std::string_view message = error.what();
    constexpr std::string_view place = "line: line 1, ";  // the line is the whole text: its column is left
    reason = message.substr(message.starts_with(place) ? place.size() : where.size() + 2);
    return LineState::broken;
  }
}

void JsonlWriter::write(const Json& value) {
  out_.write(dump_json(value));
  out_.write("\n");
}

}  // namespace hearth::formats
