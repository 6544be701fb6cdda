// SPDX-License-Identifier: Apache-2.0
// "duplicate-exact": the same text, by its 128-bit hash (hash_text: white space at both ends does not count), as a
// document before. The first is kept, and a document of --against, which comes before all, stays the kept one. Memory:
// 24 bytes a text in a table that is between 7/16 and 7/8 full (27 to 55 bytes, half as much again while it grows),
// 24 bytes a duplicate; ids that are not made from path and text are held besides. Many ranks hold each its own texts;
// of each the first place is told, 40 bytes, to the rank that owns its hash, which says to the others who has it.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/text/corpus_stage.h"
#include "lib/text/dedup/spill.h"

namespace hearth::text::dedup {

class ExactDuplicates : public CorpusStage {
 public:
  // many_ranks: keeps on disk where texts stand, to tell other ranks. Temporary files lie in folder; empty: the
  // system's.
  explicit ExactDuplicates(bool many_ranks = false, const std::filesystem::path& folder = {});
  std::string_view name() const override { return "duplicate-exact"; }
  void sketch(const Candidate& candidate, std::string& out) const override;  // 16 bytes: the text's hash
  void observe(const Row& row, std::string_view sketch) override;
  void conclude(comm::Communicator& world) override;
  std::optional<Rejection> judge(std::uint64_t row) const override;  // "duplicate-exact", "of ID"
  std::string findings_json() const override;                        // {"texts":3,"duplicates":1}
  std::uint64_t memory_bytes() const override;

 private:
  struct Entry {
    Hash128 text_hash;            // zero: free
    std::uint64_t reference = 0;  // to the id: the path's hash in it, or 2 * place in own_ids_ + 1
  };
  struct Place {
    std::uint64_t row = 0;
    Hash128 text_hash;
  };
  struct Claim;
  struct Answer;
  template <class Table>
  static auto& place_of(Table& table, const Hash128& hash);
  void grow();
  std::uint64_t remember(std::string_view id, const Hash128& text_hash);
  void settle(comm::Communicator& world);
  std::string id_of(const Entry& entry) const;

  std::vector<Entry> table_;  // a power of two, linear probing
  std::uint64_t n_entries_ = 0;
  std::string own_ids_;                           // each ends in a zero byte
  std::vector<Place> duplicates_;                 // by row
  std::optional<SpillFile> firsts_;               // of many ranks: the Place of each entry
  std::uint64_t first_row_ = 0;                   // that is no reference
  std::uint64_t n_texts_ = 0, n_duplicates_ = 0;  // of all ranks; after conclude
};

}  // namespace hearth::text::dedup
