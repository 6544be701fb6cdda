// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/shard_source.h"

#include <utility>

#include "lib/base/error.h"
#include "lib/base/text.h"
#include "lib/text/file_type.h"

namespace hearth::tools::shard {

bool ItemSource::fill(std::vector<Item>& items, std::size_t max_items, std::uint64_t max_bytes) {
  std::uint64_t bytes = 0;
  while (items.size() < max_items && bytes < max_bytes) {
    Item item;
    if (!next(item)) return false;
    bytes += item.bytes.size();
    items.push_back(std::move(item));
  }
  return true;
}

bool ItemSource::next(Item& item) {
  while (true) {
    if (lines_ != nullptr && next_line(item)) return true;
    auto found = walk_.next();
    if (!found) return false;
    ++n_files_;
    item.file = *std::move(found);
    item.rejection = item.file.problem;
    if (item.rejection || !text::is_jsonl_name(text::plain_file_name(item.file.path.native()))) return true;
    try {
      lines_ = std::make_unique<formats::LineReader>(item.file.path, max_document_bytes_);
      file_ = item.file;
    } catch (const Error& error) {
      item.rejection = text::Rejection{error.kind() == Kind::data ? "damaged" : "unreadable", error.what()};
      return true;
    }
  }
}

// The next line that is not blank; false at the end of the file.
bool ItemSource::next_line(Item& item) {
  formats::Line line;
  try {
    do {
      if (!lines_->next(line)) {
        lines_.reset();
        return false;
      }
    } while (!line.too_long && trim(line.text).empty());
  } catch (const Error& error) {  // what came before the damage is used
    lines_.reset();
    item.file = std::move(file_);
    item.rejection = text::Rejection{error.kind() == Kind::data ? "damaged" : "unreadable", error.what()};
    return true;
  }
  item.file = file_;
  item.line = line.number;
  item.bytes = line.text;
  if (line.too_long) {
    item.candidate.read_bytes = line.bytes;
    item.rejection = text::Rejection{"too-large", human_bytes(static_cast<double>(line.bytes)) + "; at most " +
                                                      human_bytes(static_cast<double>(max_document_bytes_)) +
                                                      " (--max-document-bytes)"};
  }
  return true;
}

}  // namespace hearth::tools::shard
