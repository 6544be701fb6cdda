// SPDX-License-Identifier: Apache-2.0
#include "lib/text/dedup/suites.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <utility>

#include "formats/jsonl.h"
#include "lib/base/error.h"
#include "lib/base/json_value.h"
#include "lib/base/text.h"
#include "lib/text/dedup/words.h"
#include "lib/text/file_type.h"

namespace hearth::text::dedup {
namespace {

constexpr std::uint64_t base = 0x2545f4914f6cdd1du;  // of the polynomial in words that an n-gram is
constexpr std::size_t ring = 256;                    // at least twice the longest n-gram, a power of two
constexpr std::size_t first_table_size = 1024;

std::uint64_t power(std::uint64_t value, std::size_t exponent) {
  std::uint64_t result = 1;
  for (; exponent > 0; --exponent) result *= value;
  return result;
}

// Never zero, which marks free places.
std::uint64_t finish(std::uint64_t polynomial, std::uint64_t length) {
  return ((polynomial ^ length) * hash_step) | 1;
}

void for_each_string(const Json& value, const std::function<void(const std::string&)>& visit) {
  if (value.is_string()) visit(value.get_ref<const std::string&>());
  if (!value.is_structured()) return;
  for (const Json& part : value) for_each_string(part, visit);
}

}  // namespace

// The place of hash, or the free one where it would stand.
template <class Table>
auto& SuiteIndex::place_of(Table& table, std::uint64_t hash) {
  const std::size_t mask = table.size() - 1;
  std::size_t at = mix64(hash) & mask;
  while (table[at].hash != 0 && table[at].hash != hash) at = (at + 1) & mask;
  return table[at];
}

SuiteIndex::SuiteIndex(SuiteOptions options) : options_(std::move(options)), table_(first_table_size) {
  HEARTH_CHECK(options_.ngram_words >= 5 && options_.ngram_words <= 64, "an n-gram of 5 to 64 words");
  HEARTH_CHECK(options_.least_words >= 1 && options_.least_words <= options_.ngram_words, "items of at most an n-gram");
  for (const std::string& path : options_.paths) {
    suite_names_.push_back(std::filesystem::path(path).filename().string());
    with_context(path, [&] { read_suite(static_cast<std::uint32_t>(suite_names_.size() - 1)); });
  }
  std::sort(lengths_.begin(), lengths_.end());
  for (const std::uint32_t length : lengths_) leading_.push_back(power(base, length));
  make_filter();
}

void SuiteIndex::read_suite(std::uint32_t suite) {
  const std::filesystem::path path = options_.paths[suite];
  const std::string_view name = plain_file_name(path.native());
  const bool json = is_jsonl_name(name) || name.ends_with(".json");
  const std::uint64_t n_before = n_ngrams_;
  formats::LineReader lines(path);
  for (formats::Line line; lines.next(line);) {
    if (line.too_long) throw Error(Kind::data, "line " + std::to_string(line.number) + ": too long");
    if (trim(line.text).empty()) continue;
    const auto item = static_cast<std::uint32_t>(items_.size());
    items_.push_back({suite, line.number});
    bool used = false;
    const auto add = [&](const std::string& text) { used = add_text(text, item) || used; };
    if (!json) {
      if (is_valid_utf8(line.text)) add(std::string(line.text));
    } else {
      const Json value = parse_json(line.text, "line " + std::to_string(line.number));
      if (options_.fields.empty()) for_each_string(value, add);
      for (const std::string& field : options_.fields) {
        if (value.is_object() && value.contains(field)) for_each_string(value.at(field), add);
      }
    }
    n_left_out_ += used ? 0 : 1;
  }
  if (n_ngrams_ == n_before) {
    throw Error(Kind::data, "no item of " + std::to_string(options_.least_words) + " words or more" +
                                (options_.fields.empty() ? "" : " in the fields named"));
  }
}

// Whether text is long enough.
bool SuiteIndex::add_text(std::string_view text, std::uint32_t item) {
  std::vector<std::uint64_t> hashes;
  std::size_t n_wide = 0;
  FoldedWords words(text);
  for (Word word; words.next(word);) {
    hashes.push_back(word.exact);
    n_wide += word.wide ? 1 : 0;
  }
  const std::size_t factor = 2 * n_wide > hashes.size() ? 2 : 1;
  if (hashes.size() < factor * options_.least_words) return false;
  const std::size_t length = std::min(hashes.size(), factor * options_.ngram_words);
  const auto known = static_cast<std::uint32_t>(length);
  if (std::find(lengths_.begin(), lengths_.end(), known) == lengths_.end()) lengths_.push_back(known);
  for (std::size_t begin = 0; begin + length <= hashes.size(); ++begin) {
    std::uint64_t polynomial = 0;
    for (std::size_t i = begin; i < begin + length; ++i) polynomial = polynomial * base + hashes[i];
    add_ngram(finish(polynomial, length), item);
    std::uint64_t stem = 0;
    for (std::size_t i = begin + length - options_.least_words; i < begin + length; ++i) stem = stem * base + hashes[i];
    stems_.push_back(finish(stem, 0));
  }
  return true;
}

void SuiteIndex::add_ngram(std::uint64_t hash, std::uint32_t item) {
  Place& place = place_of(table_, hash);
  if (place.hash == hash) return;
  place = {hash, item};
  if (2 * ++n_ngrams_ <= table_.size()) return;
  std::vector<Place> larger(2 * table_.size());
  for (const Place& moved : table_) {
    if (moved.hash != 0) place_of(larger, moved.hash) = moved;
  }
  table_ = std::move(larger);
}

// Sixteen bits a stem: one of a hundred runs of words that are none passes. No n-gram is shorter than a stem, so one
// look a word serves n-grams of all lengths.
void SuiteIndex::make_filter() {
  const std::uint64_t n_words = std::max<std::uint64_t>(2, std::bit_ceil(n_ngrams_ / 4 + 1));
  filter_.resize(n_words);
  filter_shift_ = 64 - std::countr_zero(n_words);
  for (const std::uint64_t stem : stems_) {
    filter_[stem >> filter_shift_] |= std::uint64_t{1} << (stem >> 6 & 63) | std::uint64_t{1} << (stem >> 12 & 63);
  }
  stems_ = {};
  stem_leading_ = power(base, options_.least_words);
}

inline bool SuiteIndex::may_have(std::uint64_t hash) const {
  const std::uint64_t word = filter_[hash >> filter_shift_];
  return (word >> (hash >> 6 & 63) & word >> (hash >> 12 & 63) & 1) != 0;
}

// Words are folded some at a time, each asking memory for its place in the filter; then they are looked at.
void SuiteIndex::find(std::string_view text, std::vector<Hit>& hits) const {
  constexpr std::size_t batch = 64;
  static_assert(ring >= batch + 2 * 64);           // what the longest n-gram looks back to is there still
  std::array<std::uint64_t, ring> prefixes{};      // the polynomial of all words before
  std::array<std::size_t, ring> begins{}, ends{};  // of each word
  std::array<std::uint64_t, batch> stems{};        // hashes of the last words up to each of the batch
  std::uint64_t polynomial = 0;
  const std::size_t stem_words = options_.least_words;
  std::size_t n = 0, n_looked_at = 0;
  FoldedWords words(text);
  for (bool more = true; more;) {
    Word word;
    while (n < n_looked_at + batch && (more = words.next_exact(word))) {
      prefixes[n % ring] = polynomial;
      begins[n % ring] = word.begin;
      ends[n % ring] = word.end;
      polynomial = polynomial * base + word.exact;
      ++n;
      if (n < stem_words) continue;
      const std::uint64_t stem = finish(polynomial - prefixes[(n - stem_words) % ring] * stem_leading_, 0);
      stems[n - n_looked_at - 1] = stem;
      __builtin_prefetch(&filter_[stem >> filter_shift_]);
    }
    for (std::size_t end = std::max(n_looked_at + 1, stem_words); end <= n; ++end) {
      if (!may_have(stems[end - n_looked_at - 1])) continue;
      const std::uint64_t up_to_end = end == n ? polynomial : prefixes[end % ring];
      for (std::size_t i = 0; i < lengths_.size() && lengths_[i] <= end; ++i) {
        const std::size_t first = (end - lengths_[i]) % ring;
        const std::uint64_t hash = finish(up_to_end - prefixes[first] * leading_[i], lengths_[i]);
        const Place& place = place_of(table_, hash);
        if (place.hash == hash) hits.push_back({place.item, {begins[first], ends[(end - 1) % ring]}});
      }
    }
    n_looked_at = n;
  }
}

std::string SuiteIndex::name_of(std::uint32_t item) const {
  return suite_names_[items_[item].suite] + ":" + std::to_string(items_[item].line);
}

std::uint64_t SuiteIndex::memory_bytes() const {
  return table_.capacity() * sizeof(Place) + filter_.capacity() * sizeof(filter_[0]) + items_.capacity() * sizeof(Item);
}

}  // namespace hearth::text::dedup
