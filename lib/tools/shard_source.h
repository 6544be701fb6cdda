// SPDX-License-Identifier: Apache-2.0
// The documents that inputs hold, as items in an order that depends on names and contents alone: a plain file is one,
// read by whoever works on it; archives, mailboxes, mails and JSONL files give their members one by one.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lib/text/containers/members.h"
#include "lib/text/isolation/workers.h"
#include "lib/tools/shard_item.h"
#include "lib/tools/shard_share.h"

namespace hearth::tools::shard {

class ItemSource {
 public:
  // workers read what is in archives and mails; null: this process does. Records are always read here.
  ItemSource(SharedWalk& walk, const text::MemberLimits& limits, text::ParserWorkers* workers)
      : walk_(walk), limits_(limits), workers_(workers) {}

  // Appends items until there are max_items or their lines have max_bytes; false when nothing is left.
  bool fill(std::vector<Item>& items, std::size_t max_items, std::uint64_t max_bytes);

  std::uint64_t n_files() const { return n_files_; }
  std::uint64_t n_passed_by() const;  // members of archives with hidden names

 private:
  bool next(Item& item);
  bool next_file(Item& item);
  bool next_member(Item& item);
  void open(Item& item);
  text::Holds holds_of(const FoundFile& file) const;

  SharedWalk& walk_;
  text::MemberLimits limits_;
  text::ParserWorkers* workers_;
  std::uint64_t n_files_ = 0;
  FoundFile file_;                          // whose members are being read
  std::unique_ptr<text::Members> members_;  // null: none are
  std::uint64_t n_passed_by_ = 0;           // of files that are closed
};

}  // namespace hearth::tools::shard
