// SPDX-License-Identifier: Apache-2.0
#include "lib/text/filters.h"

#include <utility>

#include "lib/base/text.h"
#include "lib/text/encoding.h"
#include "lib/text/identity.h"

namespace hearth::text {
namespace {
constexpr std::size_t first_table_size = 1024;
}

std::optional<Rejection> LengthFilter::decide(Candidate& candidate) const {
  const std::uint64_t n_characters = count_characters(trim(candidate.document.text));
  if (n_characters >= least_) return std::nullopt;
  return Rejection{"too-short",
                   std::to_string(n_characters) + " characters; at least " + std::to_string(least_) + " are wanted"};
}

ExactDuplicates::ExactDuplicates() : table_(first_table_size) {}

std::optional<Rejection> ExactDuplicates::decide(Candidate& candidate) {
  Hash128 hash = candidate.text_hash;
  if (hash == Hash128{}) hash.low = 1;  // zero marks a free place
  Entry* entry = &place_of(table_, hash);
  if (entry->text_hash == hash) return Rejection{"duplicate-exact", "of " + id_of(*entry)};
  if ((n_entries_ + 1) * 8 > table_.size() * 7) {
    grow();
    entry = &place_of(table_, hash);
  }
  ++n_entries_;
  entry->text_hash = hash;
  if (candidate.own_id.empty()) {
    entry->reference = candidate.path_hash;
  } else {
    entry->reference = 2 * own_ids_.size() + 1;
    own_ids_.append(candidate.own_id).push_back('\0');
  }
  return std::nullopt;
}

std::uint64_t ExactDuplicates::memory_bytes() const {
  return table_.size() * sizeof(Entry) + own_ids_.capacity();
}

// The entry of hash, or the free one where it would stand.
ExactDuplicates::Entry& ExactDuplicates::place_of(std::vector<Entry>& table, const Hash128& hash) {
  const std::size_t mask = table.size() - 1;
  std::size_t place = hash.low & mask;
  while (table[place].text_hash != Hash128{} && table[place].text_hash != hash) place = (place + 1) & mask;
  return table[place];
}

void ExactDuplicates::grow() {
  std::vector<Entry> larger(table_.size() * 2);
  for (const Entry& entry : table_) {
    if (entry.text_hash != Hash128{}) place_of(larger, entry.text_hash) = entry;
  }
  table_ = std::move(larger);
}

std::string ExactDuplicates::id_of(const Entry& entry) const {
  if (entry.reference % 2 == 1) return own_ids_.c_str() + entry.reference / 2;
  return document_id(entry.reference, entry.text_hash);
}

}  // namespace hearth::text
