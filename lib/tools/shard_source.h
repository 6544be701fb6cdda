// SPDX-License-Identifier: Apache-2.0
// The documents that inputs hold, as items in an order that depends on names and contents alone: a plain file is one,
// read by whoever works on it; archives, mailboxes, mails and JSONL files are read here, member by member.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/digest.h"
#include "lib/text/containers/members.h"
#include "lib/tools/shard_item.h"
#include "lib/tools/shard_walk.h"

namespace hearth::tools::shard {

// How far a source was read, to go on there later.
struct Position {
  std::uint64_t n_files = 0;    // of the walk, the one being read included
  std::uint64_t n_members = 0;  // given of the last of them
  std::string digest;           // over the source, size and time of change of those files
  auto operator<=>(const Position&) const = default;
};

class ItemSource {
 public:
  ItemSource(InputWalk& walk, const text::MemberLimits& limits) : walk_(walk), limits_(limits) {}

  // Appends items until there are max_items or their lines have max_bytes; false when nothing is left.
  bool fill(std::vector<Item>& items, std::size_t max_items, std::uint64_t max_bytes);

  // Behind the last item that was given.
  Position position() const { return {n_files_, n_members_, digest_.hex()}; }
  // Goes to a position of an earlier run over the same inputs, before anything was given. Plain files are passed
  // without being opened; of the one begun, members are read again and dropped. Throws Error{data} when a file on the
  // way there is another one or has changed.
  void skip_to(const Position& position);

  std::uint64_t n_files() const { return n_files_; }
  std::uint64_t n_passed_by() const;  // members of archives with hidden names

 private:
  bool next(Item& item);
  bool next_file(Item& item);
  bool next_member(Item& item);
  void open(Item& item);
  text::Holds holds_of(const FoundFile& file) const;

  InputWalk& walk_;
  text::MemberLimits limits_;
  std::uint64_t n_files_ = 0, n_members_ = 0;
  Hash128 digest_;
  FoundFile file_;                          // whose members are being read
  std::unique_ptr<text::Members> members_;  // null: none are
  std::uint64_t n_passed_by_ = 0;           // of files that are closed
};

}  // namespace hearth::tools::shard
