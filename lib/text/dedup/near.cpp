// SPDX-License-Identifier: Apache-2.0
#include "lib/text/dedup/near.h"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <functional>
#include <limits>
#include <tuple>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/json_value.h"
#include "lib/comm/agreement.h"
#include "lib/text/dedup/words.h"

namespace hearth::text::dedup {
namespace {

constexpr std::size_t most_compared =
    16;                                  // kept apart in one band: what more of them there are is joined by other bands
constexpr std::size_t most_kept = 1024;  // of one cluster, that a document is compared with
constexpr std::size_t n_largest = 10;    // clusters in the findings
constexpr std::size_t sketch_bytes = n_permutations + sizeof(std::uint32_t);

std::string two_digits(double value) {
  char text[16];
  std::snprintf(text, sizeof text, "%.2f", value);
  return text;
}

}  // namespace

// A document of a cluster, as the rank that decides about it must know it.
struct NearDuplicates::Member {
  std::uint64_t first = 0;           // the cluster's first entry
  std::uint64_t order = 0;           // who is taken first
  std::uint64_t entry = 0, row = 0;  // this one; entries are numbers of all ranks
  bool reference = false;
  Signature signature{};
  std::uint64_t key() const { return first; }
  bool operator<(const Member& other) const {
    return std::tie(first, order, entry) < std::tie(other.first, other.order, other.entry);
  }
};

// What becomes of a document of a cluster.
struct NearDuplicates::Verdict {
  std::uint64_t row = 0, entry = 0;
  Group group;
  std::uint64_t n_copies = 0;  // that it stands for
  float similarity = -1;       // to the one kept for it; negative: it stays
  std::uint64_t kept = 0;      // the entry of that one
  std::uint64_t key() const { return row; }
  bool operator<(const Verdict& other) const { return row < other.row; }
};

// Decides about one cluster after the other: who stays, who goes for whom. Holds no more of one than those that stay.
class NearDuplicates::Decider {
 public:
  // group_of: of the first entry of a cluster. said gets the verdicts.
  Decider(double threshold, std::function<Group(std::uint64_t)> group_of, std::function<void(const Verdict&)> said)
      : threshold_(threshold), group_of_(std::move(group_of)), said_(std::move(said)) {}

  // Members of a cluster come one after the other, in the order in which they are taken.
  void add(const Member& member) {
    if (n_clusters_ == 0 || member.first != first_) {
      end();
      first_ = member.first;
      group_ = group_of_(first_);
      ++n_clusters_;
    }
    Stayer* best = nullptr;
    double similarity = -1;
    for (Stayer& stayer : stayers_) {
      if (member.reference) break;
      const double here = similarity_of(stayer.signature, member.signature);
      if (here > similarity) best = &stayer, similarity = here;
    }
    Verdict verdict{member.row, member.entry, group_, 0, -1, 0};
    if (similarity >= threshold_) {
      ++best->verdict.n_copies;
      verdict.similarity = static_cast<float>(similarity);
      verdict.kept = best->verdict.entry;
    } else if (stayers_.size() < most_kept) {
      return stayers_.push_back({member.signature, verdict}), void();
    }
    said_(verdict);
  }
  void end() {
    for (const Stayer& stayer : stayers_) said_(stayer.verdict);
    stayers_.clear();
  }
  std::int64_t n_clusters() const { return n_clusters_; }

 private:
  struct Stayer {
    Signature signature;
    Verdict verdict;
  };
  double threshold_;
  std::function<Group(std::uint64_t)> group_of_;
  std::function<void(const Verdict&)> said_;
  std::uint64_t first_ = 0;
  Group group_;
  std::vector<Stayer> stayers_;
  std::int64_t n_clusters_ = 0;
};

NearDuplicates::NearDuplicates(NearOptions options)
    : options_(std::move(options)),
      entries_(std::make_unique<SpillFile>(options_.folder)),
      ids_(std::make_unique<SpillFile>(options_.folder)),
      said_(options_.folder),
      kept_ids_(options_.folder) {
  bands_.emplace(options_.folder, options_.memory_bytes);
}

void NearDuplicates::sketch(const Candidate& candidate, std::string& out) const {
  Signature signature;
  const std::string& text = candidate.document.text;
  if (!make_signature(text, signature)) return;
  out.append(reinterpret_cast<const char*>(signature.data()), signature.size());
  const auto n_bytes =
      static_cast<std::uint32_t>(std::min<std::size_t>(text.size(), std::numeric_limits<std::uint32_t>::max()));
  out.append(reinterpret_cast<const char*>(&n_bytes), sizeof n_bytes);
}

void NearDuplicates::observe(const Row& row, std::string_view sketch) {
  if (sketch.empty()) return;
  HEARTH_CHECK(sketch.size() == sketch_bytes, "a sketch of another stage");
  if (n_entries_ == std::numeric_limits<std::uint32_t>::max()) {
    throw Error(Kind::data, "more than four billion documents to compare: give them in several deliveries (--against)");
  }
  Entry entry;
  std::memcpy(entry.signature.data(), sketch.data(), n_permutations);
  std::memcpy(&entry.n_bytes, sketch.data() + n_permutations, sizeof entry.n_bytes);
  ids_->append(row.id.data(), row.id.size());
  longest_id_ = std::max<std::uint64_t>(longest_id_, row.id.size());
  entry.row = row.number;
  entry.id_end = ids_->size();
  entry.text_hash = row.text_hash;
  entry.reference = row.reference;
  entry.split = row.split;
  if (row.reference) ++n_references_;
  for (std::size_t band = 0; band < n_bands; ++band) {
    const std::uint64_t key = mix64(band_of(entry.signature, band) ^ mix64(band + 1));  // apart from other bands' keys
    bands_->add({static_cast<std::uint32_t>(key >> 32), static_cast<std::uint32_t>(key), n_entries_});
  }
  entries_->append(entry);
  ++n_entries_;
}

void NearDuplicates::conclude(comm::Communicator& world) {
  if (world.size() > 1) numbering_ = comm::Numbering(world, n_references_, n_entries_ - n_references_);
  entries_->end(options_.memory_bytes / 8);
  ids_->end(options_.memory_bytes / 16);
  Components components(world.size() > 1 ? numbering_.n() : n_entries_, options_.memory_bytes, options_.folder);
  Apart apart;
  bands_->for_each_round(
      world, sizeof(Signature) + 2 * sizeof(std::uint64_t),
      [&](const Band& band) {
        return SharedBand{band.key(), numbering_.shared(band.entry)};
      },
      [&](std::span<const SharedBand> bands, bool goes_on) { find_pairs(world, bands, goes_on, apart, components); });
  bands_.reset();
  choose(world, components);
  count(world);
  entries_.reset();
  ids_.reset();
}

// Joins what shares a band and is similar enough. Each of a band is compared with those before it that are apart: what
// this finds depends on the band alone, so that it does not matter where and in which order bands are looked at.
void NearDuplicates::find_pairs(comm::Communicator& world, std::span<const SharedBand> bands, bool goes_on,
                                Apart& apart, Components& components) {
  std::vector<std::uint64_t> compared;
  const auto for_each_shared = [&](const auto& visit) {  // by two, some of which may be in other rounds
    for (std::size_t begin = 0, end = 0; begin < bands.size(); begin = end) {
      while (end < bands.size() && bands[end].hash == bands[begin].hash) ++end;
      const bool begun = begin == 0 && !apart.entries.empty() && apart.key == bands[0].hash;
      const bool unended = end == bands.size() && goes_on;
      if (end - begin > 1 || begun || unended) visit(bands.subspan(begin, end - begin), begun, unended);
    }
  };
  for_each_shared([&](std::span<const SharedBand> group, bool, bool) {
    for (const SharedBand& band : group) compared.push_back(band.entry);
  });
  std::sort(compared.begin(), compared.end());
  compared.erase(std::unique(compared.begin(), compared.end()), compared.end());
  const std::vector<Signature> signatures =
      comm::fetched<Signature>(world, numbering_, compared, [&](std::uint64_t entry) { return signature_of(entry); });
  const auto signature = [&](std::uint64_t entry) -> const Signature& {
    const auto place = std::lower_bound(compared.begin(), compared.end(), entry);
    return signatures[static_cast<std::size_t>(place - compared.begin())];
  };
  std::vector<std::pair<std::uint64_t, const Signature*>> those;  // that are apart
  for_each_shared([&](std::span<const SharedBand> group, bool begun, bool unended) {
    those.clear();
    const Apart before = begun ? std::exchange(apart, {}) : Apart{};
    for (const auto& [entry, its] : before.entries) those.emplace_back(entry, &its);
    for (const SharedBand& band : group) {
      const Signature& own = signature(band.entry);
      const auto found = std::find_if(those.begin(), those.end(), [&](const auto& other) {
        return similarity_of(*other.second, own) >= options_.threshold;
      });
      if (found != those.end()) {
        components.join(found->first, band.entry);
      } else if (those.size() < most_compared) {
        those.emplace_back(band.entry, &own);
      }
    }
    if (!unended) return;
    apart.key = group[0].hash;
    for (const auto& [entry, its] : those) apart.entries.emplace_back(entry, *its);
  });
}

// Sends each cluster to the rank that holds its first document, decides there, and brings back what was decided.
void NearDuplicates::choose(comm::Communicator& world, Components& components) {
  const std::uint64_t memory = options_.memory_bytes / 4;  // for each of what is on its way, sorted, and looked at
  PartitionedBytes members(options_.folder, sizeof(Member), memory), verdicts(options_.folder, sizeof(Verdict), memory);
  const auto own = [&](std::uint64_t entry) { return partition_of(numbering_.own(entry), n_entries_); };
  {
    const auto take = [&](std::span<const Member> some) {
      for (const Member& member : some) members.append(own(member.first), &member);
    };
    Shuffle<Member, decltype(take)> shuffle(world, memory, take);
    components.for_each_star(world, numbering_, [&](const Edge& edge) {
      const auto entry = entries_->read_as<Entry>(numbering_.own(edge.from) * sizeof(Entry));
      const std::uint64_t order = options_.keep == Keep::longest ? ~entry.n_bytes : 0;
      shuffle.send(static_cast<std::size_t>(numbering_.holder(edge.to)),
                   {edge.to, std::uint64_t{entry.reference ? 0u : 1u} << 32 | order, edge.from, entry.row,
                    entry.reference, entry.signature});
    });
    shuffle.finish();
  }
  {
    const auto take = [&](std::span<const Verdict> some) {
      for (const Verdict& verdict : some) verdicts.append(own(verdict.entry), &verdict);
    };
    Shuffle<Verdict, decltype(take)> shuffle(world, memory, take);
    const auto group_of = [&](std::uint64_t first) {
      const auto entry = entries_->read_as<Entry>(numbering_.own(first) * sizeof(Entry));
      Group group{entry.row, entry.text_hash, std::nullopt};
      if (entry.reference) group.split = entry.split;
      return group;
    };
    Decider decider(options_.threshold, group_of, [&](const Verdict& verdict) {
      shuffle.send(static_cast<std::size_t>(numbering_.holder(verdict.entry)), verdict);
    });
    for_each_sorted<Member>(members, options_.folder, memory, [&](const Member& member) { decider.add(member); });
    decider.end();
    shuffle.finish();
    n_clusters_ = decider.n_clusters();
  }
  const std::uint64_t id_bytes = bytes_of_told_id(world, longest_id_);
  auto chunks = sorted_chunks<Verdict>(verdicts, options_.folder,
                                       chunk_bytes_of(memory, world.size(), sizeof(Verdict), id_bytes));
  for (;;) {
    const auto chunk = chunks.next();
    if (!any_of(world, !chunk.empty())) break;
    take(world, chunk);
  }
}

// Remembers what was decided about documents of this rank, with the ids of those kept for them. Collective.
void NearDuplicates::take(comm::Communicator& world, std::span<const Verdict> verdicts) {
  std::vector<std::uint64_t> kept;
  std::vector<std::pair<int, std::uint64_t>> asked;
  for (const Verdict& verdict : verdicts) {
    if (verdict.similarity < 0 || (!kept.empty() && kept.back() == verdict.kept)) continue;
    kept.push_back(verdict.kept);
    asked.emplace_back(numbering_.holder(verdict.kept), numbering_.own(verdict.kept));
  }
  const comm::Told ids =
      comm::told_by(world, asked, [&](std::uint64_t own_entry, std::string& text) { text += id_of(own_entry); });
  std::size_t next = 0;
  for (const Verdict& verdict : verdicts) {
    Said said{verdict.row, verdict.group, static_cast<std::uint32_t>(verdict.n_copies), verdict.similarity, 0};
    if (verdict.similarity >= 0) {
      ++n_copies_;
      if (next == 0 || kept[next - 1] != verdict.kept) {
        const std::string_view id = ids.texts[next++];
        last_kept_id_ = kept_ids_.size();
        kept_ids_.append(static_cast<std::uint32_t>(id.size()));
        kept_ids_.append(id.data(), id.size());
      }
      said.kept_id = last_kept_id_;
    }
    said_.append(said);
    if (verdict.n_copies == 0 || (largest_.size() == n_largest && largest_.back().n_copies >= verdict.n_copies))
      continue;
    largest_.push_back({verdict.row, verdict.n_copies, id_of(numbering_.own(verdict.entry))});
    std::stable_sort(largest_.begin(), largest_.end(),
                     [](const Large& a, const Large& b) { return a.n_copies > b.n_copies; });
    if (largest_.size() > n_largest) largest_.pop_back();
  }
}

Signature NearDuplicates::signature_of(std::uint64_t own_entry) const {
  Signature signature;
  const std::uint64_t at = own_entry * sizeof(Entry) + offsetof(Entry, signature);
  entries_->read(at, std::as_writable_bytes(std::span(signature)));
  return signature;
}

std::string NearDuplicates::id_of(std::uint64_t own_entry) const {
  const auto end_of = [&](std::uint64_t entry) {
    return entries_->read_as<std::uint64_t>(entry * sizeof(Entry) + offsetof(Entry, id_end));
  };
  const std::uint64_t begin = own_entry == 0 ? 0 : end_of(own_entry - 1);
  std::string id(end_of(own_entry) - begin, '\0');
  ids_->read(begin, std::as_writable_bytes(std::span(id)));
  return id;
}

// The findings of all ranks: sums, and the largest of what each has that stands for others.
void NearDuplicates::count(comm::Communicator& world) {
  Json own = Json::array();
  for (const Large& large : std::exchange(largest_, {})) own.push_back({large.row, large.n_copies, large.id});
  std::vector<Json> all;
  for (const std::string& text : comm::gathered_texts(world, dump_json(own))) {
    for (const Json& one : parse_json(text, "a rank")) all.push_back(one);
  }
  std::sort(all.begin(), all.end(), [](const Json& a, const Json& b) {
    const auto number = [](const Json& one, int i) { return one[i].get<std::uint64_t>(); };
    return number(a, 1) != number(b, 1) ? number(a, 1) > number(b, 1) : number(a, 0) < number(b, 0);
  });
  all.resize(std::min(n_largest, all.size()));
  Json clusters = Json::array();
  for (const Json& one : all) clusters.push_back({{"id", one[2]}, {"copies", one[1]}});
  const auto sums = comm::summed(world, {n_entries_, n_copies_, n_clusters_});
  findings_ = dump_json({{"documents", sums[0]},
                         {"copies", sums[1]},
                         {"clusters", sums[2]},
                         {"threshold", options_.threshold},
                         {"largest", clusters}});
}

std::string NearDuplicates::kept_id(const Said& said) const {
  std::string id(kept_ids_.read_as<std::uint32_t>(said.kept_id), '\0');
  kept_ids_.read(said.kept_id + sizeof(std::uint32_t), std::as_writable_bytes(std::span(id)));
  return id;
}

std::optional<Rejection> NearDuplicates::judge(std::uint64_t row) const {
  if (options_.action != NearAction::reject) return std::nullopt;
  const auto said = said_.find(row);
  if (!said || said->similarity < 0) return std::nullopt;
  return Rejection{"duplicate-near", "of " + kept_id(*said) + ", similarity " + two_digits(said->similarity)};
}

void NearDuplicates::annotate(std::uint64_t row, formats::Document& document) const {
  const auto said = said_.find(row);
  if (!said) return;
  if (said->n_copies > 0) add_attribute(document, "near_duplicates", std::to_string(said->n_copies));
  if (said->similarity < 0) return;
  add_attribute(document, "near_duplicate_of", dump_json(Json(kept_id(*said))));
  add_attribute(document, "near_duplicate_similarity", two_digits(said->similarity));
}

std::optional<Group> NearDuplicates::group_of(std::uint64_t row) const {
  const auto said = said_.find(row);
  return said ? std::optional(said->group) : std::nullopt;
}

std::string NearDuplicates::findings_json() const {
  return findings_;
}

}  // namespace hearth::text::dedup
