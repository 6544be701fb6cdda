// SPDX-License-Identifier: Apache-2.0
#include "lib/text/dedup/exact.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <tuple>
#include <utility>

#include "lib/base/error.h"
#include "lib/text/identity.h"

namespace hearth::text::dedup {
namespace {
constexpr std::size_t first_table_size = 1024;
constexpr std::size_t path_digits = 16;  // of an id made by document_id
}  // namespace

// The entry of hash, or the free one where it would stand.
template <class Table>
auto& ExactDuplicates::place_of(Table& table, const Hash128& hash) {
  const std::size_t mask = table.size() - 1;
  std::size_t place = hash.low & mask;
  while (table[place].text_hash != Hash128{} && table[place].text_hash != hash) place = (place + 1) & mask;
  return table[place];
}

// That a text stands first at a row of the rank that says so.
struct ExactDuplicates::Claim {
  Hash128 text_hash;
  std::uint64_t row = 0, reference = 0;  // as of Entry; of an own id 1, and the id comes apart
};

// That a text stands before.
struct ExactDuplicates::Answer {
  Place place;                  // of the one that asked
  std::uint64_t reference = 0;  // to the id of the first; of an own id 1
};

ExactDuplicates::ExactDuplicates(bool many_ranks, const std::filesystem::path& folder) : table_(first_table_size) {
  if (many_ranks) firsts_.emplace(folder);
}

void ExactDuplicates::sketch(const Candidate& candidate, std::string& out) const {
  const Hash128& hash = candidate.text_hash;
  for (const std::uint64_t half : {hash.high, hash.low}) {
    out.append(reinterpret_cast<const char*>(&half), sizeof half);
  }
}

void ExactDuplicates::observe(const Row& row, std::string_view sketch) {
  Hash128 hash;
  HEARTH_CHECK(sketch.size() == sizeof hash.high + sizeof hash.low, "a sketch of another stage");
  std::memcpy(&hash.high, sketch.data(), sizeof hash.high);
  std::memcpy(&hash.low, sketch.data() + sizeof hash.high, sizeof hash.low);
  if (hash == Hash128{}) hash.low = 1;  // zero marks a free place
  if (row.reference) first_row_ = row.number + 1;
  Entry* entry = &place_of(table_, hash);
  if (entry->text_hash == hash) {
    if (!row.reference) duplicates_.push_back({row.number, hash});
    return;
  }
  if ((n_entries_ + 1) * 8 > table_.size() * 7) {
    grow();
    entry = &place_of(table_, hash);
  }
  ++n_entries_;
  *entry = {hash, remember(row.id, hash)};
  if (firsts_) firsts_->append(Place{row.number, hash});
}

void ExactDuplicates::conclude(comm::Communicator& world) {
  n_texts_ = n_entries_;
  if (world.size() > 1) settle(world);
  const auto sums =
      comm::summed(world, {static_cast<std::int64_t>(n_texts_), static_cast<std::int64_t>(duplicates_.size())});
  n_texts_ = static_cast<std::uint64_t>(sums[0]);
  n_duplicates_ = static_cast<std::uint64_t>(sums[1]);
}

// Of each text the rank that has it first in the input order keeps it; the others learn its id, and theirs goes.
void ExactDuplicates::settle(comm::Communicator& world) {
  HEARTH_CHECK(firsts_.has_value(), "exact duplicates over ranks without places");
  const auto n_ranks = static_cast<std::size_t>(world.size());
  std::vector<std::vector<Claim>> claims(n_ranks);
  std::vector<std::string> ids(n_ranks);  // own ones, in the order of the claims
  for (const Place& place : firsts_->map_as<Place>()) {
    const std::size_t owner = owner_of(place.text_hash.high, world.size());
    const Entry& entry = place_of(table_, place.text_hash);
    const bool own = entry.reference % 2 == 1;
    claims[owner].push_back({place.text_hash, place.row, own ? 1 : entry.reference});
    if (own) ids[owner].append(id_of(entry)).push_back('\0');
  }
  const comm::Received<Claim> received = comm::exchanged(world, std::move(claims));
  const std::vector<std::string> received_ids = comm::exchanged_texts(world, std::move(ids));

  struct Claimed {
    Claim claim;
    std::size_t rank = 0;
    const char* own_id = nullptr;
  };
  std::vector<Claimed> all;
  all.reserve(received.records.size());
  for (std::size_t r = 0; r < n_ranks; ++r) {
    const char* id = received_ids[r].c_str();
    for (const Claim& claim : received.from(static_cast<int>(r))) {
      const bool own = claim.reference % 2 == 1;
      all.push_back({claim, r, own ? id : nullptr});
      if (own) id += std::strlen(id) + 1;
    }
  }
  std::sort(all.begin(), all.end(), [](const Claimed& a, const Claimed& b) {
    const auto order = [](const Claim& c) { return std::tuple(c.text_hash.high, c.text_hash.low, c.row); };
    return order(a.claim) < order(b.claim);
  });
  std::vector<std::vector<Answer>> answers(n_ranks);
  std::vector<std::string> answered_ids(n_ranks);
  n_texts_ = 0;
  for (std::size_t i = 0, first = 0; i < all.size(); ++i) {
    const Claim& claim = all[i].claim;
    if (i == 0 || claim.text_hash != all[first].claim.text_hash) {
      first = i;
      ++n_texts_;
      continue;
    }
    answers[all[i].rank].push_back({{claim.row, claim.text_hash}, all[first].claim.reference});
    if (all[first].own_id) answered_ids[all[i].rank].append(all[first].own_id).push_back('\0');
  }
  const comm::Received<Answer> told = comm::exchanged(world, std::move(answers));
  const std::vector<std::string> told_ids = comm::exchanged_texts(world, std::move(answered_ids));
  for (std::size_t r = 0; r < n_ranks; ++r) {
    const char* id = told_ids[r].c_str();
    for (const Answer& answer : told.from(static_cast<int>(r))) {
      Entry& entry = place_of(table_, answer.place.text_hash);
      entry.reference = answer.reference;
      if (answer.reference % 2 == 1) {
        entry.reference = 2 * own_ids_.size() + 1;
        own_ids_.append(id).push_back('\0');
        id += std::strlen(id) + 1;
      }
      if (answer.place.row >= first_row_) duplicates_.push_back(answer.place);
    }
  }
  std::sort(duplicates_.begin(), duplicates_.end(), [](const Place& a, const Place& b) { return a.row < b.row; });
}

std::optional<Rejection> ExactDuplicates::judge(std::uint64_t row) const {
  const auto found = std::lower_bound(duplicates_.begin(), duplicates_.end(), row,
                                      [](const Place& duplicate, std::uint64_t r) { return duplicate.row < r; });
  if (found == duplicates_.end() || found->row != row) return std::nullopt;
  return Rejection{"duplicate-exact", "of " + id_of(place_of(table_, found->text_hash))};
}

std::string ExactDuplicates::findings_json() const {
  return "{\"texts\":" + std::to_string(n_texts_) + ",\"duplicates\":" + std::to_string(n_duplicates_) + "}";
}

std::uint64_t ExactDuplicates::memory_bytes() const {
  return table_.size() * sizeof(Entry) + own_ids_.capacity() + duplicates_.capacity() * sizeof(Place);
}

void ExactDuplicates::grow() {
  std::vector<Entry> larger(table_.size() * 2);
  for (const Entry& entry : table_) {
    if (entry.text_hash != Hash128{}) place_of(larger, entry.text_hash) = entry;
  }
  table_ = std::move(larger);
}

// An id that is made of a path's hash and the text's is held as the former.
std::uint64_t ExactDuplicates::remember(std::string_view id, const Hash128& text_hash) {
  std::uint64_t path_hash = 0;
  const char* const end = id.data() + std::min(id.size(), path_digits);
  const auto [stop, problem] = std::from_chars(id.data(), end, path_hash, 16);
  const bool made = problem == std::errc() && stop == end && path_hash % 2 == 0;
  if (made && document_id(path_hash, text_hash) == id) return path_hash;
  const std::uint64_t reference = 2 * own_ids_.size() + 1;
  own_ids_.append(id).push_back('\0');
  return reference;
}

std::string ExactDuplicates::id_of(const Entry& entry) const {
  if (entry.reference % 2 == 1) return own_ids_.c_str() + entry.reference / 2;
  return document_id(entry.reference, entry.text_hash);
}

}  // namespace hearth::text::dedup
