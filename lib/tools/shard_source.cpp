// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/shard_source.h"

#include <utility>

#include "lib/base/error.h"
#include "lib/text/extract/office.h"
#include "lib/text/file_type.h"
#include "lib/tools/shard_read.h"

namespace hearth::tools::shard {
namespace {

constexpr std::size_t head_bytes = 4096;  // to see whether a name that says nothing is mail, and a zip a document

std::string last_part(const std::string& path) {
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

text::Rejection rejection_of(const Error& error) {
  return {error.kind() == Kind::data ? "damaged" : "unreadable", error.what()};
}

}  // namespace

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
    if (members_ != nullptr && next_member(item)) return true;
    if (!next_file(item)) return false;
    if (item.rejection) return true;
    open(item);
    if (members_ == nullptr) return true;
  }
}

bool ItemSource::next_file(Item& item) {
  auto found = walk_.next();
  if (!found) return false;
  ++n_files_;
  item = {};
  item.file = *std::move(found);
  item.rejection = item.file.problem;
  item.file_name = text::plain_file_name(item.file.path.native());
  return true;
}

// Begins with the members of a file that has some.
void ItemSource::open(Item& item) {
  const text::Holds holds = holds_of(item.file);
  if (holds == text::Holds::document) return;
  try {
    const bool isolated = workers_ != nullptr && holds != text::Holds::records;
    members_ = isolated ? workers_->open_members(item.file.path, holds, limits_)
                        : text::open_members(item.file.path, holds, limits_);
    file_ = item.file;
    const bool archive = holds == text::Holds::archive || holds == text::Holds::packed_archive;
    file_.repository = archive ? file_.source + "!/" : "";
  } catch (const Error& error) {
    item.rejection = rejection_of(error);
  }
}

text::Holds ItemSource::holds_of(const FoundFile& file) const {
  const std::string name = last_part(file.path.native());
  const text::Holds by_name = text::holds_by_name(name);
  if (by_name == text::Holds::packed_archive && text::begins_like_office(read_head(file.path, head_bytes)))
    return text::Holds::document;
  if (by_name != text::Holds::document || !text::names_no_type(name)) return by_name;
  return text::holds_by_content(last_part(file.path.parent_path().native()), read_head(file.path, head_bytes));
}

bool ItemSource::next_member(Item& item) {
  text::Member member;
  if (!members_->next(member)) {
    n_passed_by_ += members_->n_passed_by();
    members_.reset();
    if (!has_changed(file_)) return false;
    member.rejection = changed_while_read();
  }
  item = {};
  item.file = file_;
  item.file.source += member.source;
  item.file.bytes = member.size;
  item.line = member.number;
  item.has_bytes = true;
  item.form = member.form;
  item.file_name = std::move(member.file_name);
  item.bytes = std::move(member.bytes);
  item.rejection = std::move(member.rejection);
  item.candidate.read_bytes = member.size;
  return true;
}

std::uint64_t ItemSource::n_passed_by() const {
  return n_passed_by_ + (members_ == nullptr ? 0 : members_->n_passed_by());
}

}  // namespace hearth::tools::shard
