// SPDX-License-Identifier: Apache-2.0
#include "lib/text/tokenizer/word_counts.h"

#include <cstring>

#include "lib/base/digest.h"
#include "lib/base/error.h"
#include "lib/text/tokenizer/piece_cache.h"

namespace hearth::text {
namespace {

// In a record, before the bytes of the word.
struct SavedWord {
  std::uint64_t hash, count, length;
};

std::uint64_t hash_of(const unsigned char* p, std::size_t n, const unsigned char* text_end) {
  if (n > PieceKey::longest) return hash64({reinterpret_cast<const std::byte*>(p), n});
  const PieceKey key = PieceKey::of(p, n, text_end);
  const std::uint64_t mixed = (key.low ^ key.high * 0x9E3779B97F4A7C15ull) * 0xD6E8FEB86659FD93ull;
  return mixed ^ mixed >> 32;
}

}  // namespace

void WordTable::add(std::string_view word, std::uint64_t hash, std::uint64_t count) {
  if (words_.size() * 2 >= slots_.size()) grow();
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = hash & mask;
  for (; slots_[slot] != 0; slot = (slot + 1) & mask) {
    Word& known = words_[slots_[slot] - 1];
    if (known.hash == hash && known.length == word.size() &&
        std::memcmp(text_.data() + known.begin, word.data(), word.size()) == 0) {
      known.count += count;
      return;
    }
  }
  words_.push_back({hash, text_.size(), count, static_cast<std::uint32_t>(word.size())});
  text_.insert(text_.end(), word.begin(), word.end());
  slots_[slot] = static_cast<std::uint32_t>(words_.size());
}

void WordTable::grow() {
  slots_.assign(slots_.empty() ? 1024 : slots_.size() * 2, 0);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = 0; i < words_.size(); ++i) {
    std::size_t slot = words_[i].hash & mask;
    while (slots_[slot] != 0) slot = (slot + 1) & mask;
    slots_[slot] = static_cast<std::uint32_t>(i + 1);
  }
}

void WordTable::save(const std::function<void(std::string_view)>& put) const {
  constexpr std::size_t record_bytes = 1u << 16;
  std::string record;
  for (std::size_t i = 0; i < words_.size(); ++i) {
    const SavedWord head{words_[i].hash, words_[i].count, words_[i].length};
    record.append(reinterpret_cast<const char*>(&head), sizeof head);
    record += word(i);
    if (record.size() < record_bytes) continue;
    put(record);
    record.clear();
  }
  if (!record.empty()) put(record);
}

WordCounter::WordCounter(Pattern pattern, int n_threads, bool keeps_long)
    : cutter_(pattern, nullptr), keeps_long_(keeps_long), threads_(static_cast<std::size_t>(n_threads)) {}

void WordCounter::save(const std::function<void(std::string_view)>& put) const {
  for (const PerThread& thread : threads_) {
    for (const WordTable& table : thread.parts) table.save(put);
  }
}

void WordCounter::restore(std::string_view record) {
  while (!record.empty()) {
    SavedWord head{};
    if (record.size() < sizeof head) throw Error(Kind::data, "counts of pieces that are cut");
    std::memcpy(&head, record.data(), sizeof head);
    record.remove_prefix(sizeof head);
    if (record.size() < head.length) throw Error(Kind::data, "counts of pieces that are cut");
    threads_[0].parts[head.hash >> (64 - part_bits)].add(record.substr(0, head.length), head.hash, head.count);
    record.remove_prefix(head.length);
  }
}

void WordCounter::add(std::string_view text, int thread) {
  PerThread& mine = threads_[static_cast<std::size_t>(thread)];
  const auto* p = reinterpret_cast<const unsigned char*>(text.data());
  const auto* const end = p + text.size();
  const unsigned char* ends[PieceCutter::most_ends];
  while (p < end) {
    const std::size_t n_pieces = cutter_.cut(text, p, ends);
    for (std::size_t i = 0; i < n_pieces; p = ends[i], ++i) {
      const auto n = static_cast<std::size_t>(ends[i] - p);
      if (n > long_piece && !keeps_long_) {
        ++mine.n_left_out;
        continue;
      }
      const std::uint64_t hash = hash_of(p, n, end);
      mine.parts[hash >> (64 - part_bits)].add({reinterpret_cast<const char*>(p), n}, hash, 1);
    }
  }
}

std::vector<WordTable> WordCounter::join(ThreadPool& pool) {
  pool.for_each(n_parts, [&](std::int64_t part, int) {
    WordTable& into = threads_[0].parts[static_cast<std::size_t>(part)];
    for (std::size_t t = 1; t < threads_.size(); ++t) {
      WordTable& from = threads_[t].parts[static_cast<std::size_t>(part)];
      for (std::size_t i = 0; i < from.size(); ++i) into.add(from.word(i), from.hash(i), from.count(i));
      from = WordTable();
    }
  });
  return std::move(threads_[0].parts);
}

std::uint64_t WordCounter::n_left_out() const {
  std::uint64_t sum = 0;
  for (const PerThread& thread : threads_) sum += thread.n_left_out;
  return sum;
}

}  // namespace hearth::text
