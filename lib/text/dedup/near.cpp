// SPDX-License-Identifier: Apache-2.0
#include "lib/text/dedup/near.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <limits>
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

// Appends text to the bytes that go apart from records, and returns its length.
std::uint64_t append(std::string& bytes, std::string_view text) {
  bytes += text;
  return text.size();
}

}  // namespace

// A document of a cluster, as the rank that decides about it must know it.
struct NearDuplicates::Member {
  std::uint64_t first = 0, entry = 0;  // the cluster's first entry, and this one: numbers of all ranks
  Entry what;
  std::uint64_t id_bytes = 0;  // the id comes apart
};

// What becomes of a document of a cluster.
struct NearDuplicates::Verdict {
  std::uint64_t row = 0;
  Group group;
  std::uint64_t n_copies = 0;  // that it stands for
  float similarity = -1;       // to the one kept for it; negative: it stays
  std::uint64_t id_bytes = 0;  // of the one kept for it, comes apart
};

struct NearDuplicates::Contender {
  const Member* member = nullptr;
  std::size_t rank = 0;  // that holds it
  std::string_view id, kept_id;
  Verdict verdict;
};

NearDuplicates::NearDuplicates(NearOptions options)
    : options_(std::move(options)), entries_(options_.folder), ids_(options_.folder) {
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
  ids_.append(row.id.data(), row.id.size());
  entry.row = row.number;
  entry.id_end = ids_.size();
  entry.text_hash = row.text_hash;
  entry.reference = row.reference;
  entry.split = row.split;
  if (row.reference) ++n_references_;
  for (std::size_t band = 0; band < n_bands; ++band) {
    const std::uint64_t key = mix64(band_of(entry.signature, band) ^ mix64(band + 1));  // apart from other bands' keys
    bands_->add({static_cast<std::uint32_t>(key >> 32), static_cast<std::uint32_t>(key), n_entries_});
  }
  entries_.append(entry);
  ++n_entries_;
}

void NearDuplicates::conclude(comm::Communicator& world) {
  if (world.size() > 1) numbering_ = comm::Numbering(world, n_references_, n_entries_ - n_references_);
  Components components;
  bands_->for_each_round(
      world,
      [&](const Band& band) {
        return SharedBand{band.key(), numbering_.shared(band.entry)};
      },
      [&](std::span<const SharedBand> bands) { find_pairs(world, bands, components); });
  bands_.reset();
  choose(world, components.stars(world, numbering_));
  const auto by_row = [](const auto& a, const auto& b) { return a.row < b.row; };
  std::sort(copies_.begin(), copies_.end(), by_row);
  std::sort(held_.begin(), held_.end(), by_row);
  std::sort(kept_.begin(), kept_.end());
  count(world);
}

// Joins what shares a band and is similar enough. Each of a band is compared with those before it that are apart: what
// this finds depends on the band alone, so that it does not matter where and in which order bands are looked at.
void NearDuplicates::find_pairs(comm::Communicator& world, std::span<const SharedBand> bands, Components& components) {
  const auto entries = entries_.map_as<Entry>();
  std::vector<std::uint64_t> compared;
  for_each_group(bands, [&](std::span<const SharedBand> group) {
    for (const SharedBand& band : group) compared.push_back(band.entry);
  });
  std::sort(compared.begin(), compared.end());
  compared.erase(std::unique(compared.begin(), compared.end()), compared.end());
  const std::vector<Signature> signatures = comm::fetched<Signature>(
      world, numbering_, compared, [&](std::uint64_t entry) -> const Signature& { return entries[entry].signature; });
  const auto signature_of = [&](std::uint64_t entry) -> const Signature& {
    const auto place = std::lower_bound(compared.begin(), compared.end(), entry);
    return signatures[static_cast<std::size_t>(place - compared.begin())];
  };
  std::vector<std::pair<std::uint64_t, const Signature*>> apart;
  for_each_group(bands, [&](std::span<const SharedBand> group) {
    apart.clear();
    for (const SharedBand& band : group) {
      const Signature& signature = signature_of(band.entry);
      const auto found = std::find_if(apart.begin(), apart.end(), [&](const auto& other) {
        return similarity_of(*other.second, signature) >= options_.threshold;
      });
      if (found != apart.end()) {
        components.join(found->first, band.entry);
      } else if (apart.size() < most_compared) {
        apart.emplace_back(band.entry, &signature);
      }
    }
  });
}

// Sends each cluster to the rank that holds its first document, decides there, and brings back what was decided; some
// clusters at a time, so that memory is bounded. held: (entry, first of its cluster) of this rank's documents.
void NearDuplicates::choose(comm::Communicator& world, const std::vector<Edge>& held) {
  const auto n_ranks = static_cast<std::size_t>(world.size());
  const auto entries = entries_.map_as<Entry>();
  const std::int64_t n_all = comm::summed(world, {static_cast<std::int64_t>(held.size())})[0];
  const std::uint64_t bytes = static_cast<std::uint64_t>(n_all) * (sizeof(Member) + 2 * sizeof(Verdict)) / n_ranks;
  const std::uint64_t n_rounds = 1 + bytes / std::max<std::uint64_t>(options_.memory_bytes / 2, 1);
  for (std::uint64_t round = 0; round < n_rounds; ++round) {
    std::vector<std::vector<Member>> outgoing(n_ranks);
    std::vector<std::string> ids(n_ranks);
    for (const Edge& edge : held) {
      if (mix64(edge.to) % n_rounds != round) continue;
      const auto to = static_cast<std::size_t>(numbering_.holder(edge.to));
      const std::uint64_t own = numbering_.own(edge.from);
      outgoing[to].push_back({edge.to, edge.from, entries[own], append(ids[to], id_of(own))});
    }
    const comm::Received<Member> members = comm::exchanged(world, std::move(outgoing));
    const std::vector<std::string> member_ids = comm::exchanged_texts(world, std::move(ids));
    std::vector<std::vector<Verdict>> verdicts(n_ranks);
    std::vector<std::string> kept_ids(n_ranks);
    decide(members, member_ids, verdicts, kept_ids);
    const comm::Received<Verdict> decided = comm::exchanged(world, std::move(verdicts));
    const std::vector<std::string> decided_ids = comm::exchanged_texts(world, std::move(kept_ids));
    for (std::size_t r = 0; r < n_ranks; ++r) {
      std::size_t at = 0;
      for (const Verdict& verdict : decided.from(static_cast<int>(r))) {
        take(verdict, decided_ids[r].substr(at, verdict.id_bytes));
        at += verdict.id_bytes;
      }
    }
  }
}

// Decides about the clusters among members, and what to tell to whom. Ids lie one after the other, from each rank.
void NearDuplicates::decide(const comm::Received<Member>& members, const std::vector<std::string>& ids,
                            std::vector<std::vector<Verdict>>& verdicts, std::vector<std::string>& kept_ids) {
  std::vector<Contender> all;
  for (std::size_t r = 0; r < ids.size(); ++r) {
    std::size_t at = 0;
    for (const Member& member : members.from(static_cast<int>(r))) {
      all.push_back({&member, r, std::string_view(ids[r]).substr(at, member.id_bytes), {}, {}});
      at += member.id_bytes;
    }
  }
  std::sort(all.begin(), all.end(), [](const Contender& a, const Contender& b) {
    return std::pair(a.member->first, a.member->entry) < std::pair(b.member->first, b.member->entry);
  });
  for (std::size_t begin = 0, end = 0; begin < all.size(); begin = end) {
    while (end < all.size() && all[end].member->first == all[begin].member->first) ++end;
    decide(std::span(all).subspan(begin, end - begin));
    ++n_clusters_;
  }
  for (const Contender& contender : all) {
    verdicts[contender.rank].push_back(contender.verdict);
    kept_ids[contender.rank] += contender.kept_id;
  }
}

// Decides about one cluster: who stays, who goes for whom. members: in the input order.
void NearDuplicates::decide(std::span<Contender> members) const {
  const Entry& first = members.front().member->what;
  Group group{first.row, first.text_hash, std::nullopt};
  if (first.reference) group.split = first.split;
  std::stable_sort(members.begin(), members.end(), [&](const Contender& one, const Contender& other) {
    const Entry &a = one.member->what, &b = other.member->what;
    if (a.reference != b.reference) return a.reference;
    return options_.keep == Keep::longest && a.n_bytes > b.n_bytes;
  });
  std::vector<Contender*> stayers;
  for (Contender& contender : members) {
    const Entry& entry = contender.member->what;
    contender.verdict.row = entry.row;
    contender.verdict.group = group;
    Contender* best = nullptr;
    double similarity = -1;
    for (Contender* const stayer : stayers) {
      if (entry.reference) break;
      const double here = similarity_of(stayer->member->what.signature, entry.signature);
      if (here > similarity) best = stayer, similarity = here;
    }
    if (similarity < options_.threshold) {
      if (stayers.size() < most_kept) stayers.push_back(&contender);
      continue;
    }
    ++best->verdict.n_copies;
    contender.kept_id = best->id;
    contender.verdict.similarity = static_cast<float>(similarity);
    contender.verdict.id_bytes = best->id.size();
  }
}

// Remembers what was decided about a document of this rank.
void NearDuplicates::take(const Verdict& verdict, std::string kept_id) {
  const bool known = !groups_.empty() && groups_.back().first == verdict.group.first;
  if (!known) groups_.push_back(verdict.group);
  held_.push_back({verdict.row, static_cast<std::uint32_t>(groups_.size() - 1)});
  if (verdict.n_copies > 0) kept_.emplace_back(verdict.row, verdict.n_copies);
  if (verdict.similarity < 0) return;
  if (kept_ids_.empty() || kept_ids_.back() != kept_id) kept_ids_.push_back(std::move(kept_id));
  copies_.push_back({verdict.row, static_cast<std::uint32_t>(kept_ids_.size() - 1), verdict.similarity});
}

std::string NearDuplicates::id_of(std::uint64_t entry) {
  const auto entries = entries_.map_as<Entry>();
  const auto ids = ids_.map_as<char>();
  const std::uint64_t begin = entry == 0 ? 0 : entries[entry - 1].id_end;
  const auto id = ids.subspan(begin, entries[entry].id_end - begin);
  return {id.begin(), id.end()};
}

// The findings of all ranks: sums, and the largest of what each has that stands for others.
void NearDuplicates::count(comm::Communicator& world) {
  const auto larger = [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  };
  std::vector<std::pair<std::uint64_t, std::uint64_t>> largest = kept_;
  std::sort(largest.begin(), largest.end(), larger);
  largest.resize(std::min(n_largest, largest.size()));
  Json own = Json::array();
  for (const auto& [row, n_copies] : largest) own.push_back({row, n_copies, id_of(entry_of(row))});
  std::vector<Json> all;
  for (const std::string& text : comm::gathered_texts(world, dump_json(own))) {
    for (const Json& one : parse_json(text, "a rank")) all.push_back(one);
  }
  std::sort(all.begin(), all.end(), [&](const Json& a, const Json& b) {
    const auto pair = [](const Json& one) {
      return std::pair(one[0].get<std::uint64_t>(), one[1].get<std::uint64_t>());
    };
    return larger(pair(a), pair(b));
  });
  all.resize(std::min(n_largest, all.size()));
  Json clusters = Json::array();
  for (const Json& one : all) clusters.push_back({{"id", one[2]}, {"copies", one[1]}});
  const auto sums = comm::summed(world, {n_entries_, static_cast<std::int64_t>(copies_.size()), n_clusters_});
  findings_ = dump_json({{"documents", sums[0]},
                         {"copies", sums[1]},
                         {"clusters", sums[2]},
                         {"threshold", options_.threshold},
                         {"largest", clusters}});
}

// Of an own row that has one.
std::uint64_t NearDuplicates::entry_of(std::uint64_t row) {
  const auto entries = entries_.map_as<Entry>();
  const auto found = std::lower_bound(entries.begin(), entries.end(), row,
                                      [](const Entry& entry, std::uint64_t r) { return entry.row < r; });
  return static_cast<std::uint64_t>(found - entries.begin());
}

const NearDuplicates::Copy* NearDuplicates::copy_of(std::uint64_t row) const {
  const auto found = std::lower_bound(copies_.begin(), copies_.end(), row,
                                      [](const Copy& copy, std::uint64_t r) { return copy.row < r; });
  return found != copies_.end() && found->row == row ? &*found : nullptr;
}

std::optional<Rejection> NearDuplicates::judge(std::uint64_t row) const {
  const Copy* const copy = options_.action == NearAction::reject ? copy_of(row) : nullptr;
  if (!copy) return std::nullopt;
  return Rejection{"duplicate-near", "of " + kept_ids_[copy->kept_id] + ", similarity " + two_digits(copy->similarity)};
}

void NearDuplicates::annotate(std::uint64_t row, formats::Document& document) const {
  const auto kept = std::lower_bound(kept_.begin(), kept_.end(), std::pair(row, std::uint64_t{0}));
  if (kept != kept_.end() && kept->first == row) {
    add_attribute(document, "near_duplicates", std::to_string(kept->second));
  }
  if (const Copy* const copy = copy_of(row)) {
    add_attribute(document, "near_duplicate_of", dump_json(Json(kept_ids_[copy->kept_id])));
    add_attribute(document, "near_duplicate_similarity", two_digits(copy->similarity));
  }
}

std::optional<Group> NearDuplicates::group_of(std::uint64_t row) const {
  const auto found =
      std::lower_bound(held_.begin(), held_.end(), row, [](const Held& held, std::uint64_t r) { return held.row < r; });
  if (found == held_.end() || found->row != row) return std::nullopt;
  return groups_[found->group];
}

std::string NearDuplicates::findings_json() const {
  return findings_;
}

std::uint64_t NearDuplicates::memory_bytes() const {
  constexpr std::uint64_t id_bytes = 48;  // an allocation of 32 digits
  return kept_ids_.capacity() * (sizeof(std::string) + id_bytes) + copies_.capacity() * sizeof(Copy) +
         kept_.capacity() * sizeof(kept_[0]) + held_.capacity() * sizeof(Held) + groups_.capacity() * sizeof(Group);
}

}  // namespace hearth::text::dedup
