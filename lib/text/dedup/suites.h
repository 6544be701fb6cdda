// SPDX-License-Identifier: Apache-2.0
// The texts of evaluation suites as an index of their n-grams, for finding them in documents. Words are folded
// (words.h; digits count), so case, punctuation and line breaks hide nothing. An item is one line of a suite: every
// string of a JSON line, however deep (or those of named fields), or a line of plain text. An item of fewer words than
// an n-gram is looked for as a whole, unless it is so short that chance would find it. Of text in scripts without
// spaces, where words are characters, n-grams have twice as many.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "lib/text/corpus_stage.h"

namespace hearth::text::dedup {

struct SuiteOptions {
  std::vector<std::string> paths{};   // *.jsonl, *.json (a line each) or plain text, also compressed by gzip or zstd
  std::vector<std::string> fields{};  // of JSON lines, at the top; empty: all strings
  std::uint32_t ngram_words = 13;     // 5 to 64
  std::uint32_t least_words = 8;      // of an item, at most ngram_words
};

class SuiteIndex {
 public:
  // Throws Error{missing}, Error{data} for a line of *.jsonl that is not JSON, or when no item is long enough.
  explicit SuiteIndex(SuiteOptions options);

  struct Hit {
    std::uint32_t item = 0;
    Range range;  // of the n-gram in the text
  };
  // All n-grams of text that items have, in order of their ends; each with the first item that has it.
  void find(std::string_view text, std::vector<Hit>& hits) const;

  std::uint32_t n_items() const { return static_cast<std::uint32_t>(items_.size()); }
  std::string name_of(std::uint32_t item) const;  // "humaneval.jsonl:17"
  std::uint64_t n_ngrams() const { return n_ngrams_; }
  std::uint64_t n_left_out() const { return n_left_out_; }  // items with no text long enough
  std::uint64_t memory_bytes() const;

 private:
  struct Item {
    std::uint32_t suite = 0;
    std::uint64_t line = 0;
  };
  struct Place {
    std::uint64_t hash = 0;  // zero: free
    std::uint32_t item = 0;
  };
  void read_suite(std::uint32_t suite);
  bool add_text(std::string_view text, std::uint32_t item);
  void add_ngram(std::uint64_t hash, std::uint32_t item);
  void make_filter();
  template <class Table>
  static auto& place_of(Table& table, std::uint64_t hash);
  bool may_have(std::uint64_t hash) const;

  SuiteOptions options_;
  std::vector<std::string> suite_names_;
  std::vector<Item> items_;
  std::vector<std::uint32_t> lengths_;  // of n-grams there are, ascending
  std::vector<std::uint64_t> leading_;  // of each length, the base's power
  std::vector<Place> table_;            // a power of two, linear probing
  std::vector<std::uint64_t> stems_;    // hashes of every n-gram's last least_words words; until the filter is made
  std::vector<std::uint64_t> filter_;   // two bits of a word for each stem; a power of two
  std::uint64_t stem_leading_ = 0;      // the base's power
  int filter_shift_ = 0;
  std::uint64_t n_ngrams_ = 0, n_left_out_ = 0;
};

}  // namespace hearth::text::dedup
