// SPDX-License-Identifier: Apache-2.0
// The stages there are so far: by length, and without exact duplicates. The next ones (near-duplicates, quality,
// privacy) are further classes of these two kinds, added to the list in lib/tools/shard_build.cpp.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/text/stage.h"

namespace hearth::text {

// "too-short": fewer than least characters (code points), white space at both ends not counted.
class LengthFilter : public DocumentStage {
 public:
  explicit LengthFilter(std::uint64_t least_characters) : least_(least_characters) {}
  std::string_view name() const override { return "length"; }
  std::optional<Rejection> decide(Candidate& candidate) const override;

 private:
  std::uint64_t least_;
};

// "duplicate-exact": the same text (its 128-bit hash) as a document before. Holds 24 bytes a document in a table that
// is between 7/16 and 7/8 full: 27 to 55 bytes a document, half as much again while it grows; ids that sources give
// their records are held besides.
class ExactDuplicates : public StreamStage {
 public:
  ExactDuplicates();
  std::string_view name() const override { return "duplicate-exact"; }
  std::optional<Rejection> decide(Candidate& candidate) override;
  std::uint64_t memory_bytes() const;

 private:
  struct Entry {
    Hash128 text_hash;  // zero: free
    std::uint64_t reference =
        0;  // to the id: the path's hash, of which and the text's hash it is made; or 2 * place in own_ids_ + 1
  };
  static Entry& place_of(std::vector<Entry>& table, const Hash128& hash);
  void grow();
  std::string id_of(const Entry& entry) const;

  std::vector<Entry> table_;  // a power of two, linear probing
  std::uint64_t n_entries_ = 0;
  std::string own_ids_;  // each ends in a zero byte
};

}  // namespace hearth::text
