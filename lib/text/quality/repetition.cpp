// SPDX-License-Identifier: Apache-2.0
#include "lib/text/quality/repetition.h"

#include <algorithm>
#include <bit>

#include "lib/base/digest.h"
#include "lib/text/encoding.h"

namespace hearth::text {
namespace {

constexpr std::uint32_t none = 0xffffffffu;

// Numbers keys from 0 in the order they come, and counts them.
class Numbering {
 public:
  void reset(std::size_t n_keys) {
    const std::size_t size = std::bit_ceil(2 * n_keys + 2);
    if (table_.size() < size) table_.resize(size);
    mask_ = size - 1;
    std::fill_n(table_.begin(), size, none);
    keys_.clear();
    counts_.clear();
  }
  std::uint32_t number(std::uint64_t key) {
    std::uint64_t hash = key * 0x9E3779B97F4A7C15u;
    std::size_t place = (hash ^ (hash >> 32)) & mask_;
    for (; table_[place] != none; place = (place + 1) & mask_) {
      if (keys_[table_[place]] == key) {
        ++counts_[table_[place]];
        return table_[place];
      }
    }
    table_[place] = static_cast<std::uint32_t>(keys_.size());
    keys_.push_back(key);
    counts_.push_back(1);
    return table_[place];
  }
  std::uint32_t count(std::uint32_t number) const { return counts_[number]; }
  const std::vector<std::uint32_t>& counts() const { return counts_; }

 private:
  std::vector<std::uint32_t> table_, counts_;
  std::vector<std::uint64_t> keys_;
  std::size_t mask_ = 0;
};

// A place whose n-gram occurs at least twice, and the number of that n-gram.
struct Place {
  std::uint32_t at, gram;
};

// places of n-grams that repeat -> of (n+1)-grams; each is known exactly by the numbers of its two n-grams.
void lengthen(std::vector<Place>& places, Numbering& numbering, std::vector<Place>& longer) {
  longer.clear();
  numbering.reset(places.size());
  for (std::size_t i = 0; i + 1 < places.size(); ++i) {
    if (places[i + 1].at != places[i].at + 1) continue;
    const std::uint64_t key = std::uint64_t{places[i].gram} << 32 | places[i + 1].gram;
    longer.push_back({places[i].at, numbering.number(key)});
  }
  std::erase_if(longer, [&](const Place& place) { return numbering.count(place.gram) < 2; });
  places.swap(longer);
}

class Measure {
 public:
  explicit Measure(const std::vector<Word>& words) : n_(std::min(words.size(), most_words)), ends_(n_ + 1) {
    for (std::size_t i = 0; i < n_; ++i) ends_[i + 1] = ends_[i] + words[i].n_characters;
    numbering_.reset(n_);
    places_.reserve(n_);
    for (std::size_t i = 0; i < n_; ++i)
      places_.push_back({static_cast<std::uint32_t>(i), numbering_.number(words[i].hash)});
    std::erase_if(places_, [&](const Place& place) { return numbering_.count(place.gram) < 2; });
  }

  GramRepetition measure() {
    GramRepetition found;
    for (std::size_t n = 2; n <= longest_gram && n <= n_; ++n) {
      lengthen(places_, numbering_, longer_);
      found.characters[n] = n <= 4 ? top(n) : covered(n);
    }
    return found;
  }

 private:
  std::uint64_t characters(std::size_t at, std::size_t n) const { return ends_[at + n] - ends_[at]; }

  // The most frequent n-gram; where none repeats, the first of the text, once.
  std::uint64_t top(std::size_t n) const {
    std::uint64_t most = 1;
    std::size_t at = 0;
    for (const Place& place : places_) {
      if (numbering_.count(place.gram) > most) {
        most = numbering_.count(place.gram);
        at = place.at;
      }
    }
    return most * (characters(at, n) + n - 1);
  }

  std::uint64_t covered(std::size_t n) {
    seen_.assign(numbering_.counts().size(), false);
    std::uint64_t sum = 0, next = 0;
    for (const Place& place : places_) {
      if (place.at < next) continue;
      if (seen_[place.gram]) {
        sum += characters(place.at, n);
        next = place.at + n;
      }
      seen_[place.gram] = true;
    }
    return sum;
  }

  std::size_t n_;
  std::vector<std::uint64_t> ends_;  // characters before each word
  Numbering numbering_;
  std::vector<Place> places_, longer_;
  std::vector<bool> seen_;
};

}  // namespace

GramRepetition gram_repetition(const std::vector<Word>& words) {
  return Measure(words).measure();
}

PieceSet::PieceSet(std::size_t expected) : table_(std::bit_ceil(2 * expected + 16)) {}

void PieceSet::add(std::string_view piece) {
  ++found_.n_pieces;
  std::uint64_t hash = piece.size() < 32 ? hash_word(piece) : hash64(std::as_bytes(std::span(piece)));
  hash += hash == 0 ? 1 : 0;
  const std::size_t mask = table_.size() - 1;
  std::size_t place = (hash ^ (hash >> 32)) & mask;
  for (; table_[place] != 0; place = (place + 1) & mask) {
    if (table_[place] != hash) continue;
    ++found_.n_repeated;
    found_.repeated_characters += count_characters(piece);
    return;
  }
  table_[place] = hash;
  if (2 * ++n_distinct_ > table_.size()) grow();
}

void PieceSet::grow() {
  std::vector<std::uint64_t> larger(2 * table_.size());
  const std::size_t mask = larger.size() - 1;
  for (const std::uint64_t hash : table_) {
    if (hash == 0) continue;
    std::size_t place = (hash ^ (hash >> 32)) & mask;
    while (larger[place] != 0) place = (place + 1) & mask;
    larger[place] = hash;
  }
  table_.swap(larger);
}

}  // namespace hearth::text
