// SPDX-License-Identifier: Apache-2.0
// Near-duplicates by MinHash-LSH, out of core. Documents that share one of 14 bands of their signatures (minhash.h) are
// compared by the similarity their whole signatures estimate; those of at least the threshold form clusters (joined
// transitively). In a cluster a document goes only when it is itself that similar to one that stays: documents are
// taken by rank (reference corpora, then the first or the longest), and each either resembles one kept so far or is
// kept itself. So a chain of small changes does not lose its far end, and each rejection names the text that stands
// for it. Recall is the bands': 1 - (1 - s^8)^14 times the estimate's; 0.5 of pairs at s = 0.7, 0.9 at 0.8, 1 at 0.9.
// On disk 136 bytes a document and its id, and 168 for the bands; in memory the budget for sorting and 4 bytes a
// document while clusters are joined, then some 40 for each document of a cluster.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/text/corpus_stage.h"
#include "lib/text/dedup/minhash.h"
#include "lib/text/dedup/spill.h"

namespace hearth::text::dedup {

enum class Keep : std::uint8_t { first, longest };
enum class NearAction : std::uint8_t {
  reject,
  tag
};  // tag: all stay, marked, on one side of the split: that of
    // the first reference of the cluster, when it has one

struct NearOptions {
  double threshold = 0.7;  // estimated Jaccard similarity, over 0
  Keep keep = Keep::first;
  NearAction action = NearAction::reject;
  std::uint64_t memory_bytes = 1u << 30;  // for bringing equal bands together
  std::filesystem::path folder;           // for temporary files; empty: the system's
};

class NearDuplicates : public CorpusStage {
 public:
  explicit NearDuplicates(NearOptions options);
  std::string_view name() const override { return "duplicate-near"; }
  void sketch(const Candidate& candidate, std::string& out) const override;  // 116 bytes; none for a text without words
  void observe(const Row& row, std::string_view sketch) override;
  void conclude() override;
  std::optional<Rejection> judge(std::uint64_t row) const override;  // "duplicate-near", "of ID, similarity 0.93"
  // Attributes: of one kept for others near_duplicates (how many went), of one tagged near_duplicate_of and
  // near_duplicate_similarity.
  void annotate(std::uint64_t row, formats::Document& document) const override;
  std::uint64_t group_of(std::uint64_t row) const override;  // the first row of its cluster
  std::string findings_json() const override;
  std::uint64_t memory_bytes() const override;

 private:
  struct Entry {
    std::uint64_t row = 0;
    std::uint64_t id_end = 0;  // in ids_; it begins where that of the entry before ends
    std::uint32_t n_bytes = 0;
    Signature signature{};
    bool reference = false;
  };
  struct Band {
    std::uint32_t high = 0, low = 0, entry = 0;
    std::uint64_t key() const { return std::uint64_t{high} << 32 | low; }
    bool operator<(const Band& other) const { return key() != other.key() ? key() < other.key() : entry < other.entry; }
  };
  struct Kept {
    std::uint64_t row = 0;
    std::string id;
    std::uint64_t n_copies = 0;
  };
  struct Copy {
    std::uint64_t row = 0;
    std::uint32_t kept = 0;  // in kept_
    float similarity = 0;
  };
  using Clusters = std::vector<std::pair<std::uint32_t, std::uint32_t>>;  // (first entry, entry), ascending
  class Joined;
  Clusters join();
  void choose(std::vector<std::uint32_t> members);
  std::string id_of(std::uint32_t entry);
  const Copy* copy_of(std::uint64_t row) const;

  NearOptions options_;
  SpillFile entries_, ids_;
  std::optional<RecordGroups<Band>> bands_;  // until conclude
  std::uint32_t n_entries_ = 0;
  std::uint64_t n_clusters_ = 0;
  std::vector<Kept> kept_;                                          // those that stand for others
  std::vector<std::pair<std::uint64_t, std::uint32_t>> kept_rows_;  // (row, place in kept_), by row
  std::vector<Copy> copies_;                                        // by row
  std::vector<std::pair<std::uint64_t, std::uint64_t>> groups_;     // (row, first row of its cluster), by row
};

}  // namespace hearth::text::dedup
