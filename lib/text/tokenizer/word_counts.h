// SPDX-License-Identifier: Apache-2.0
// How often each piece occurs in a corpus: all that BPE training needs of it. Memory grows with the distinct pieces
// only.
#pragma once
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "lib/base/thread_pool.h"
#include "lib/text/tokenizer/piece_cutter.h"

namespace hearth::text {

// A hash table from piece to count.
class WordTable {
 public:
  void add(std::string_view word, std::uint64_t hash, std::uint64_t count);
  std::size_t size() const { return words_.size(); }
  std::string_view word(std::size_t i) const { return {text_.data() + words_[i].begin, words_[i].length}; }
  std::uint64_t count(std::size_t i) const { return words_[i].count; }
  std::uint64_t hash(std::size_t i) const { return words_[i].hash; }
  // Calls put with records of words and counts, for WordCounter::restore.
  void save(const std::function<void(std::string_view record)>& put) const;

 private:
  struct Word {
    std::uint64_t hash, begin, count;
    std::uint32_t length;
  };
  void grow();

  std::vector<char> text_;
  std::vector<Word> words_;
  std::vector<std::uint32_t> slots_;  // index in words_ + 1; 0: free
};

// Counts on many threads: each has tables of its own, cut by hash so that they can be joined on many threads too.
class WordCounter {
 public:
  // keeps_long: count pieces longer than long_piece bytes too, as Hugging Face's trainer does; else leave them out (a
  // megabyte without a space teaches hardly a merge and takes the memory of one).
  WordCounter(Pattern pattern, int n_threads, bool keeps_long = true);
  // Counts the pieces of text. Calls with different threads may run at once.
  void add(std::string_view text, int thread);
  static constexpr std::size_t long_piece = 4096;

  // All counts so far as records; restore adds those of one. The order of words has no part in what training makes.
  void save(const std::function<void(std::string_view record)>& put) const;
  void restore(std::string_view record);
  void restore_left_out(std::uint64_t n) { threads_[0].n_left_out += n; }

  // The joined tables; ends the object's use.
  std::vector<WordTable> join(ThreadPool& pool);
  std::uint64_t n_left_out() const;

 private:
  static constexpr unsigned part_bits = 5;
  static constexpr std::size_t n_parts = 1u << part_bits;
  struct PerThread {
    std::vector<WordTable> parts = std::vector<WordTable>(n_parts);
    std::uint64_t n_left_out = 0;
  };
  PieceCutter cutter_;
  bool keeps_long_;
  std::vector<PerThread> threads_;
};

}  // namespace hearth::text
