// SPDX-License-Identifier: Apache-2.0
#include "lib/text/dedup/near.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <limits>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/json_value.h"
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

template <class Pairs>
auto find_row(const Pairs& pairs, std::uint64_t row) {
  const auto found = std::lower_bound(pairs.begin(), pairs.end(), row,
                                      [](const auto& pair, std::uint64_t r) { return pair.first < r; });
  return found != pairs.end() && found->first == row ? &*found : nullptr;
}

}  // namespace

// Disjoint sets of entries; each set's first entry stands for it.
class NearDuplicates::Joined {
 public:
  explicit Joined(std::uint32_t n) : parents_(n) {
    for (std::uint32_t i = 0; i < n; ++i) parents_[i] = i;
  }
  std::uint32_t first_of(std::uint32_t entry) {
    while (parents_[entry] != entry) entry = parents_[entry] = parents_[parents_[entry]];
    return entry;
  }
  void join(std::uint32_t a, std::uint32_t b) {
    a = first_of(a), b = first_of(b);
    parents_[std::max(a, b)] = std::min(a, b);
  }

 private:
  std::vector<std::uint32_t> parents_;
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
  entry.reference = row.reference;
  for (std::size_t band = 0; band < n_bands; ++band) {
    const std::uint64_t key = mix64(band_of(entry.signature, band) ^ mix64(band + 1));  // apart from other bands' keys
    bands_->add({static_cast<std::uint32_t>(key >> 32), static_cast<std::uint32_t>(key), n_entries_});
  }
  entries_.append(entry);
  ++n_entries_;
}

void NearDuplicates::conclude() {
  const Clusters clusters = join();
  for (std::size_t begin = 0, end = 0; begin < clusters.size(); begin = end) {
    std::vector<std::uint32_t> members;
    for (; end < clusters.size() && clusters[end].first == clusters[begin].first; ++end) {
      members.push_back(clusters[end].second);
    }
    choose(std::move(members));
  }
  const auto by_row = [](const auto& a, const auto& b) { return a.row < b.row; };
  std::sort(copies_.begin(), copies_.end(), by_row);
  for (std::uint32_t i = 0; i < kept_.size(); ++i) kept_rows_.emplace_back(kept_[i].row, i);
  std::sort(kept_rows_.begin(), kept_rows_.end());
  std::sort(groups_.begin(), groups_.end());
}

// Brings together what shares a band and is similar enough.
NearDuplicates::Clusters NearDuplicates::join() {
  const auto entries = entries_.map_as<Entry>();
  Joined joined(n_entries_);
  std::vector<std::uint32_t> apart;
  bands_->for_each_group([&](std::span<const Band> group) {
    apart.clear();
    for (const Band& band : group) {
      const auto resembles = [&](std::uint32_t other) {
        if (joined.first_of(other) == joined.first_of(band.entry)) return true;
        return similarity_of(entries[other].signature, entries[band.entry].signature) >= options_.threshold;
      };
      const auto found = std::find_if(apart.begin(), apart.end(), resembles);
      if (found != apart.end()) {
        joined.join(*found, band.entry);
      } else if (apart.size() < most_compared) {
        apart.push_back(band.entry);
      }
    }
  });
  bands_.reset();
  Clusters clusters;
  for (std::uint32_t entry = 0; entry < n_entries_; ++entry) {
    const std::uint32_t first = joined.first_of(entry);
    if (first != entry) clusters.emplace_back(first, entry);
  }
  std::sort(clusters.begin(), clusters.end());
  Clusters whole;  // with the first entries themselves
  for (const auto& pair : clusters) {
    if (whole.empty() || whole.back().first != pair.first) whole.emplace_back(pair.first, pair.first);
    whole.push_back(pair);
  }
  return whole;
}

// Decides about one cluster: who stays, who goes for whom.
void NearDuplicates::choose(std::vector<std::uint32_t> members) {
  const auto entries = entries_.map_as<Entry>();
  const std::uint64_t first_row = entries[members.front()].row;
  std::stable_sort(members.begin(), members.end(), [&](std::uint32_t a, std::uint32_t b) {
    if (entries[a].reference != entries[b].reference) return entries[a].reference;
    return options_.keep == Keep::longest && entries[a].n_bytes > entries[b].n_bytes;
  });
  struct Stayer {
    std::uint32_t entry = 0;
    std::optional<std::uint32_t> kept;  // its place in kept_, once it stands for another
  };
  std::vector<Stayer> stayers;
  std::vector<Signature> signatures;
  for (const std::uint32_t member : members) {
    const Entry& entry = entries[member];
    groups_.emplace_back(entry.row, first_row);
    std::size_t best = 0;
    double similarity = -1;
    for (std::size_t i = 0; !entry.reference && i < signatures.size(); ++i) {
      const double here = similarity_of(signatures[i], entry.signature);
      if (here > similarity) best = i, similarity = here;
    }
    if (similarity < options_.threshold) {
      if (stayers.size() < most_kept) stayers.push_back({member, {}}), signatures.push_back(entry.signature);
      continue;
    }
    Stayer& stayer = stayers[best];
    if (!stayer.kept) {
      stayer.kept = static_cast<std::uint32_t>(kept_.size());
      kept_.push_back({entries[stayer.entry].row, id_of(stayer.entry), 0});
    }
    ++kept_[*stayer.kept].n_copies;
    copies_.push_back({entry.row, *stayer.kept, static_cast<float>(similarity)});
  }
  ++n_clusters_;
}

std::string NearDuplicates::id_of(std::uint32_t entry) {
  const auto entries = entries_.map_as<Entry>();
  const auto ids = ids_.map_as<char>();
  const std::uint64_t begin = entry == 0 ? 0 : entries[entry - 1].id_end;
  const auto id = ids.subspan(begin, entries[entry].id_end - begin);
  return {id.begin(), id.end()};
}

const NearDuplicates::Copy* NearDuplicates::copy_of(std::uint64_t row) const {
  const auto found = std::lower_bound(copies_.begin(), copies_.end(), row,
                                      [](const Copy& copy, std::uint64_t r) { return copy.row < r; });
  return found != copies_.end() && found->row == row ? &*found : nullptr;
}

std::optional<Rejection> NearDuplicates::judge(std::uint64_t row) const {
  const Copy* const copy = options_.action == NearAction::reject ? copy_of(row) : nullptr;
  if (!copy) return std::nullopt;
  return Rejection{"duplicate-near", "of " + kept_[copy->kept].id + ", similarity " + two_digits(copy->similarity)};
}

void NearDuplicates::annotate(std::uint64_t row, formats::Document& document) const {
  if (const auto* const kept = find_row(kept_rows_, row)) {
    add_attribute(document, "near_duplicates", std::to_string(kept_[kept->second].n_copies));
  }
  if (const Copy* const copy = copy_of(row)) {
    add_attribute(document, "near_duplicate_of", dump_json(Json(kept_[copy->kept].id)));
    add_attribute(document, "near_duplicate_similarity", two_digits(copy->similarity));
  }
}

std::uint64_t NearDuplicates::group_of(std::uint64_t row) const {
  const auto* const found = find_row(groups_, row);
  return found ? found->second : row;
}

std::string NearDuplicates::findings_json() const {
  std::vector<const Kept*> largest;
  for (const Kept& kept : kept_) largest.push_back(&kept);
  const std::size_t n = std::min(n_largest, largest.size());
  std::partial_sort(largest.begin(), largest.begin() + static_cast<std::ptrdiff_t>(n), largest.end(),
                    [](const Kept* a, const Kept* b) {
                      return a->n_copies != b->n_copies ? a->n_copies > b->n_copies : a->row < b->row;
                    });
  Json clusters = Json::array();
  for (std::size_t i = 0; i < n; ++i) clusters.push_back({{"id", largest[i]->id}, {"copies", largest[i]->n_copies}});
  return dump_json({{"documents", n_entries_},
                    {"copies", copies_.size()},
                    {"clusters", n_clusters_},
                    {"threshold", options_.threshold},
                    {"largest", clusters}});
}

std::uint64_t NearDuplicates::memory_bytes() const {
  constexpr std::uint64_t id_bytes = 48;  // an allocation of 32 digits
  return kept_.capacity() * (sizeof(Kept) + id_bytes) + copies_.capacity() * sizeof(Copy) +
         (kept_rows_.capacity() + groups_.capacity()) * sizeof(groups_[0]);
}

}  // namespace hearth::text::dedup
