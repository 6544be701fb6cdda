// SPDX-License-Identifier: Apache-2.0
// Passages of at least 50 tokens (words.h: what stands between white space, and each ideograph) that stand in the
// corpus before, cut out of all places but the first. A token goes when it lies in a run of 50 tokens of its document
// that an earlier document holds, or this one does further up without overlap; so what is lost is found whole at its
// first place, and white space does not hide a copy. Exactness: no such token is missed. Four tokens in a row are
// compared by 8 bits of their hash, so at each border of a cut, one time in 256, one token more goes, and a run of 49
// equal tokens passes for 50 as rarely; one token that differs inside a run is overlooked one time in 2^32. How:
// winnowing (Schleimer, Wilkerson, Aiken 2003) gives each run of 50 the least hash of its parts; equal runs have equal
// ones. These, 16 bytes for every 12 tokens, come together out of core, and within one hash every run is looked up, in
// memory or, where there are too many, by sorting their hashes; many ranks bring them to the owner of the hash, which
// asks the holders for the tokens it compares. The sketch is a byte a token: a sixth of English, a third of Chinese. On
// disk 2.4 bytes a token; in memory the budget, whatever there is.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/text/corpus_stage.h"
#include "lib/text/dedup/record_groups.h"
#include "lib/text/dedup/spill.h"

namespace hearth::text::dedup {

struct RepeatedOptions {
  std::uint32_t least_tokens = 50;  // 10 to 1000
  bool code = false;                // also in source code, whose licence headers and tables repeat for good reason
  std::uint64_t memory_bytes = 1u << 30;
  std::filesystem::path folder;  // for temporary files; empty: the system's
};

class RepeatedPassages : public CorpusStage {
 public:
  explicit RepeatedPassages(RepeatedOptions options);
  std::string_view name() const override { return "repeated"; }
  void sketch(const Candidate& candidate, std::string& out) const override;
  void observe(const Row& row, std::string_view sketch) override;
  void conclude(comm::Communicator& world) override;
  void cut(std::uint64_t row, std::string_view text, std::vector<Range>& ranges) const override;
  std::string findings_json() const override;

 private:
  // Tokens [begin, end) of the documents observed, counted over all: those of this rank, or those of all ranks.
  struct Span {
    std::uint64_t begin = 0, end = 0;
    std::uint64_t key() const { return begin; }
    auto operator<=>(const Span&) const = default;
  };
  // Consecutive runs that share their least hash.
  struct Runs {
    static constexpr int count_bits = 10;
    std::uint64_t hash = 0, place = 0;  // place: the first run's first token, shifted by count_bits, and their number
    std::uint64_t key() const { return hash; }
    std::uint64_t begin() const { return place >> count_bits; }
    std::uint64_t end() const { return begin() + (place & ((1u << count_bits) - 1)); }
    bool operator<(const Runs& other) const { return hash != other.hash ? hash < other.hash : place < other.place; }
  };
  // One run, by the hash of its tokens: of those that share their least hash with too many others.
  struct Run {
    std::uint64_t hash = 0, token = 0;
    std::uint64_t key() const { return hash; }
    bool operator<(const Run& other) const { return hash != other.hash ? hash < other.hash : token < other.token; }
  };
  struct Start {
    std::uint64_t row = 0, token = 0;
    std::uint64_t key() const { return row; }
  };
  class Finder;
  class Spans;
  using Asked = std::pair<int, Span>;  // a rank, and own tokens of it
  std::uint64_t n_run_bytes() const;
  void winnow(std::string_view tokens, std::uint64_t first_token);
  comm::Told tokens_of(comm::Communicator& world, const std::vector<Asked>& asked) const;
  Asked asked_of(std::uint64_t first_token, std::uint64_t n_bytes) const;
  void find(comm::Communicator& world, std::span<const Runs> runs, bool goes_on, Spans& spans);
  void find(comm::Communicator& world, std::span<const Run> runs, bool goes_on, Run& first, std::string& first_tokens,
            Spans& spans);
  void merge(const PartitionedBytes& spans);

  RepeatedOptions options_;
  SpillFile tokens_;
  std::optional<RecordGroups<Runs>> runs_;    // until conclude
  std::optional<RecordGroups<Run>> crowded_;  // in conclude
  std::uint64_t crowded_key_ = 0;             // of the last runs that went there
  bool has_crowded_key_ = false;
  SortedTable<Start> starts_;    // of each document with tokens
  std::uint64_t first_row_ = 0;  // that is no reference
  std::uint64_t n_reference_tokens_ = 0;
  comm::Numbering numbering_;  // of the tokens
  SortedTable<Span> cuts_;     // of this rank's tokens, apart from each other
  std::uint64_t n_cut_tokens_ = 0;
  std::vector<std::int64_t> found_;  // tokens, passages, cut tokens of all ranks
};

}  // namespace hearth::text::dedup
