// SPDX-License-Identifier: Apache-2.0
// BPE training: from the counts of pieces to the merges, the same that Hugging Face's BpeTrainer finds for the same
// counts (with its byte-level alphabet), but with 64-bit counts.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "lib/text/tokenizer/merge_rules.h"
#include "lib/text/tokenizer/tokenizer_json.h"
#include "lib/text/tokenizer/word_counts.h"

namespace hearth::text {

struct TrainSettings {
  std::size_t n_tokens = 32768;     // of the model: the 256 bytes and what merging makes; special tokens come on top
  std::uint64_t min_frequency = 2;  // the merging ends when the most frequent pair is rarer
};

struct TrainedVocabulary {
  std::vector<std::string> tokens;  // [<= n_tokens] bytes, first the alphabet in the order of its byte-level spelling
  std::vector<Merge> merges;        // in order of rank, ids as in tokens
};

// Merges again and again the most frequent pair of neighbours, of equals the one with the smaller ids. progress is
// called now and then with the number of tokens so far.
TrainedVocabulary train_bpe(const std::vector<WordTable>& words, const TrainSettings& settings,
                            const std::function<void(std::size_t)>& progress = {});

// The file of a tokenizer with these tokens, the special tokens after them. The plain bytes (no merges) have the ids 0
// to 255 in order of value.
TokenizerFile make_tokenizer_file(Pattern pattern, TrainedVocabulary vocabulary,
                                  const std::vector<std::string>& special);
TrainedVocabulary byte_vocabulary();

}  // namespace hearth::text
