// SPDX-License-Identifier: Apache-2.0
// "duplicate-exact": the same text, by its 128-bit hash (hash_text: white space at both ends does not count), as a
// document before. The first is kept, and a document of --against, which comes before all, stays the kept one. Hashes
// are brought together on disk, 32 bytes a text, those of many ranks at the owner of each; in memory the budget,
// whatever there is.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/text/corpus_stage.h"
#include "lib/text/dedup/record_groups.h"
#include "lib/text/dedup/spill.h"

namespace hearth::text::dedup {

class ExactDuplicates : public CorpusStage {
 public:
  // Temporary files lie in folder; empty: the system's.
  explicit ExactDuplicates(std::uint64_t memory_bytes = 1u << 30, const std::filesystem::path& folder = {});
  std::string_view name() const override { return "duplicate-exact"; }
  void sketch(const Candidate& candidate, std::string& out) const override;  // 16 bytes: the text's hash
  void observe(const Row& row, std::string_view sketch) override;
  void conclude(comm::Communicator& world) override;
  std::optional<Rejection> judge(std::uint64_t row) const override;  // "duplicate-exact", "of ID"
  std::string findings_json() const override;                        // {"texts":3,"duplicates":1}

 private:
  // A text at a row. reference: to its id: the path's hash in it, or 2 * place in own_ids_ + 1.
  struct Place {
    Hash128 text_hash;
    std::uint64_t row = 0, reference = 0;
    std::uint64_t key() const { return text_hash.high; }
  };
  struct SharedPlace;
  struct Duplicate;
  struct Told {  // of a duplicate: the first's id, own ones in told_ids_
    std::uint64_t row = 0;
    Hash128 text_hash;
    std::uint64_t reference = 0;
    std::uint64_t key() const { return row; }
  };
  void find(comm::Communicator& world, PartitionedBytes& duplicates);
  void take(comm::Communicator& world, std::span<const Duplicate> duplicates);
  std::uint64_t remember(std::string_view id, const Hash128& text_hash);

  std::uint64_t memory_bytes_;
  std::filesystem::path folder_;
  std::optional<RecordGroups<Place>> places_;   // until conclude
  std::unique_ptr<SpillFile> own_ids_;          // each behind its length; until conclude
  std::uint64_t longest_own_id_ = 0;
  std::uint64_t first_row_ = 0, rows_end_ = 0;  // the first that is no reference, and behind the last
  SortedTable<Told> told_;
  SpillFile told_ids_;
  std::uint64_t n_texts_ = 0, n_duplicates_ = 0;  // of all ranks; after conclude
};

}  // namespace hearth::text::dedup
