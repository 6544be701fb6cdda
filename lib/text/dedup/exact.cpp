// SPDX-License-Identifier: Apache-2.0
#include "lib/text/dedup/exact.h"

#include <algorithm>
#include <charconv>
#include <cstring>
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

ExactDuplicates::ExactDuplicates() : table_(first_table_size) {}

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
}

std::optional<Rejection> ExactDuplicates::judge(std::uint64_t row) const {
  const auto found = std::lower_bound(duplicates_.begin(), duplicates_.end(), row,
                                      [](const Duplicate& duplicate, std::uint64_t r) { return duplicate.row < r; });
  if (found == duplicates_.end() || found->row != row) return std::nullopt;
  return Rejection{"duplicate-exact", "of " + id_of(place_of(table_, found->text_hash))};
}

std::string ExactDuplicates::findings_json() const {
  return "{\"texts\":" + std::to_string(n_entries_) + ",\"duplicates\":" + std::to_string(duplicates_.size()) + "}";
}

std::uint64_t ExactDuplicates::memory_bytes() const {
  return table_.size() * sizeof(Entry) + own_ids_.capacity() + duplicates_.capacity() * sizeof(Duplicate);
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
