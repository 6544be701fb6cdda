// SPDX-License-Identifier: Apache-2.0
// Near-duplicates by MinHash-LSH, out of core. Documents that share one of 14 bands of their signatures (minhash.h) are
// compared by the similarity their whole signatures estimate; those of at least the threshold form clusters (joined
// transitively). In a cluster a document goes only when it is itself that similar to one that stays: documents are
// taken by rank (reference corpora, then the first or the longest), and each either resembles one kept so far or is
// kept itself. So a chain of small changes does not lose its far end, and each rejection names the text that stands
// for it. Recall is the bands': 1 - (1 - s^8)^14 times the estimate's; 0.5 of pairs at s = 0.7, 0.9 at 0.8, 1 at 0.9.
// Many ranks bring equal bands together at the owner of each, which asks the holders for the signatures it compares;
// clusters are joined over all ranks (components.h), and each is decided by the rank that holds its first document.
// On disk 152 bytes a document and its id, 168 for the bands, and some 400 for each document of a cluster; in memory
// the budget, whatever there is.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/text/corpus_stage.h"
#include "lib/text/dedup/components.h"
#include "lib/text/dedup/minhash.h"
#include "lib/text/dedup/record_groups.h"
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
  std::uint64_t memory_bytes = 1u << 30;
  std::filesystem::path folder;  // for temporary files; empty: the system's
};

class NearDuplicates : public CorpusStage {
 public:
  explicit NearDuplicates(NearOptions options);
  std::string_view name() const override { return "duplicate-near"; }
  void sketch(const Candidate& candidate, std::string& out) const override;  // 116 bytes; none for a text without words
  void observe(const Row& row, std::string_view sketch) override;
  void conclude(comm::Communicator& world) override;
  std::optional<Rejection> judge(std::uint64_t row) const override;  // "duplicate-near", "of ID, similarity 0.93"
  // Attributes: of one kept for others near_duplicates (how many went), of one tagged near_duplicate_of and
  // near_duplicate_similarity.
  void annotate(std::uint64_t row, formats::Document& document) const override;
  std::optional<Group> group_of(std::uint64_t row) const override;  // its cluster
  std::string findings_json() const override;

 private:
  struct Entry {
    std::uint64_t row = 0;
    std::uint64_t id_end = 0;  // in ids_; it begins where that of the entry before ends
    Hash128 text_hash;
    std::uint32_t n_bytes = 0;
    Signature signature{};
    bool reference = false;
    formats::Split split = formats::Split::train;  // of a reference
  };
  struct Band {
    std::uint32_t high = 0, low = 0, entry = 0;
    std::uint64_t key() const { return std::uint64_t{high} << 32 | low; }
  };
  // The same for all ranks: entries are numbered together.
  struct SharedBand {
    std::uint64_t hash = 0, entry = 0;
    std::uint64_t key() const { return hash; }
    bool operator<(const SharedBand& other) const {
      return hash != other.hash ? hash < other.hash : entry < other.entry;
    }
  };
  struct Member;
  struct Verdict;
  class Decider;
  // What is known of a document of a cluster, in the end.
  struct Said {
    std::uint64_t row = 0;
    Group group;
    std::uint32_t n_copies = 0;  // that it stands for
    float similarity = -1;       // to the one kept for it; negative: it stays
    std::uint64_t kept_id = 0;   // of that one: its place in kept_ids_
    std::uint64_t key() const { return row; }
  };
  // Of bands of one key that fill several rounds: what those before keep apart.
  struct Apart {
    std::uint64_t key = 0;
    std::vector<std::pair<std::uint64_t, Signature>> entries;
  };
  void find_pairs(comm::Communicator& world, std::span<const SharedBand> bands, bool goes_on, Apart& apart,
                  Components& components);
  void choose(comm::Communicator& world, Components& components);
  Signature signature_of(std::uint64_t own_entry) const;
  void take(comm::Communicator& world, std::span<const Verdict> verdicts);
  void count(comm::Communicator& world);
  std::string id_of(std::uint64_t own_entry) const;
  std::string kept_id(const Said& said) const;

  NearOptions options_;
  std::unique_ptr<SpillFile> entries_, ids_;  // until conclude
  std::optional<RecordGroups<Band>> bands_;   // until conclude
  std::uint64_t longest_id_ = 0;
  std::uint32_t n_entries_ = 0, n_references_ = 0;
  std::int64_t n_copies_ = 0, n_clusters_ = 0;  // of this rank's documents; decided here
  comm::Numbering numbering_;                   // of the entries
  struct Large {
    std::uint64_t row = 0, n_copies = 0;
    std::string id;
  };
  std::vector<Large> largest_;  // of this rank's documents, those that stand for most
  SortedTable<Said> said_;
  SpillFile kept_ids_;              // each behind its length
  std::uint64_t last_kept_id_ = 0;  // of the last one told
  std::string findings_;
};

}  // namespace hearth::text::dedup
