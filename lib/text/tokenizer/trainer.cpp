// SPDX-License-Identifier: Apache-2.0
#include "lib/text/tokenizer/trainer.h"

#include <algorithm>
#include <unordered_map>

#include "lib/base/error.h"
#include "lib/text/tokenizer/byte_level.h"
#include "lib/text/tokenizer/pair_counts.h"

namespace hearth::text {
namespace {

using Pair = std::uint64_t;  // left id << 32 | right id: smaller ids, smaller number

Pair pair_of(std::uint32_t left, std::uint32_t right) {
  return static_cast<Pair>(left) << 32 | right;
}

// A pair that may be merged, the count it had when it was queued, and the words it was seen in.
struct Candidate {
  std::int64_t count;
  Pair pair;
  std::vector<std::uint32_t> words;  // ascending
  bool operator<(const Candidate& other) const {
    return count != other.count ? count < other.count : pair > other.pair;
  }
};

// The words as lists of ids, which merging shortens in place.
class Training {
 public:
  Training(const std::vector<WordTable>& tables, const TrainSettings& settings) : settings_(settings) {
    add_alphabet();
    add_words(tables);
    count_pairs();
  }

  TrainedVocabulary run(const std::function<void(std::size_t)>& progress) {
    while (result_.tokens.size() < settings_.n_tokens && !queue_.empty()) {
      std::pop_heap(queue_.begin(), queue_.end());
      Candidate top = std::move(queue_.back());
      queue_.pop_back();
      const std::int64_t now = counts_.at(top.pair).count;
      if (top.count != now) {  // changed since it was queued: back with the true count
        top.count = now;
        push(std::move(top));
        continue;
      }
      if (now < 1 || static_cast<std::uint64_t>(now) < settings_.min_frequency) break;
      merge(top);
      if (progress && result_.tokens.size() % 256 == 0) progress(result_.tokens.size());
    }
    drop_repeated_merges();
    return std::move(result_);
  }

 private:
  void push(Candidate candidate) {
    queue_.push_back(std::move(candidate));
    std::push_heap(queue_.begin(), queue_.end());
  }

  void add_alphabet() {
    std::uint32_t id = 0;
    for (const std::uint8_t byte : byte_level_alphabet()) {
      id_of_byte_[byte] = id++;
      result_.tokens.emplace_back(1, static_cast<char>(byte));
    }
    for (std::uint32_t i = 0; i < id; ++i) ids_.emplace(result_.tokens[i], i);
  }

  void add_words(const std::vector<WordTable>& tables) {
    for (const WordTable& table : tables) {
      for (std::size_t i = 0; i < table.size(); ++i) {
        begins_.push_back(symbols_.size());
        word_counts_.push_back(static_cast<std::int64_t>(table.count(i)));
        for (const char c : table.word(i)) symbols_.push_back(id_of_byte_[static_cast<unsigned char>(c)]);
        lengths_.push_back(static_cast<std::uint32_t>(table.word(i).size()));
      }
    }
    HEARTH_CHECK(begins_.size() < 0xffffffffu, "more distinct pieces than 32 bits can number");
  }

  void count_pairs() {
    for (std::uint32_t w = 0; w < begins_.size(); ++w) {
      const std::uint32_t* symbols = &symbols_[begins_[w]];
      for (std::uint32_t i = 0; i + 1 < lengths_[w]; ++i) change(pair_of(symbols[i], symbols[i + 1]), 1, w);
    }
    queue_changed();
  }

  // One occurrence more or less of pair in word w.
  void change(Pair pair, int by, std::uint32_t w) {
    PairCounts::Entry& entry = counts_.find_or_add(pair);
    entry.count += by * word_counts_[w];
    if (by < 0) return;
    if (entry.changed == PairCounts::unchanged) {
      entry.changed = static_cast<std::uint32_t>(changed_.size());
      changed_.push_back({0, pair, {}});
    }
    std::vector<std::uint32_t>& words = changed_[entry.changed].words;
    if (words.empty() || words.back() != w) words.push_back(w);
  }

  // Queues the pairs that gained an occurrence since the last call.
  void queue_changed() {
    for (Candidate& candidate : changed_) {
      PairCounts::Entry& entry = counts_.at(candidate.pair);
      entry.changed = PairCounts::unchanged;
      candidate.count = entry.count;
      if (entry.count > 0) push(std::move(candidate));
    }
    changed_.clear();
  }

  void merge(const Candidate& top) {
    const auto left = static_cast<std::uint32_t>(top.pair >> 32), right = static_cast<std::uint32_t>(top.pair);
    std::string made = result_.tokens[left] + result_.tokens[right];
    const auto [known, is_new] = ids_.emplace(made, static_cast<std::uint32_t>(result_.tokens.size()));
    if (is_new) result_.tokens.push_back(std::move(made));  // else another pair has made the same token before
    result_.merges.push_back({left, right, known->second});
    for (const std::uint32_t w : top.words) merge_in_word(w, left, right, known->second);
    queue_changed();
  }

  void merge_in_word(std::uint32_t w, std::uint32_t left, std::uint32_t right, std::uint32_t made) {
    std::uint32_t* symbols = &symbols_[begins_[w]];
    const std::uint32_t n = lengths_[w];
    std::uint32_t kept = 0;  // symbols[0, kept) are final
    for (std::uint32_t i = 0; i < n; ++i) {
      if (symbols[i] != left || i + 1 == n || symbols[i + 1] != right) {
        symbols[kept++] = symbols[i];
        continue;
      }
      if (kept > 0) {
        change(pair_of(symbols[kept - 1], left), -1, w);
        change(pair_of(symbols[kept - 1], made), 1, w);
      }
      if (i + 2 < n) {
        change(pair_of(right, symbols[i + 2]), -1, w);
        change(pair_of(made, symbols[i + 2]), 1, w);
      }
      symbols[kept++] = made;
      ++i;
    }
    lengths_[w] = kept;
  }

  // A pair can come up again after its token was made anew by another pair. Its later rank counts.
  void drop_repeated_merges() {
    std::unordered_map<Pair, std::size_t> last;
    for (std::size_t i = 0; i < result_.merges.size(); ++i)
      last[pair_of(result_.merges[i].left, result_.merges[i].right)] = i;
    std::vector<Merge> once;
    for (std::size_t i = 0; i < result_.merges.size(); ++i) {
      const Merge& merge = result_.merges[i];
      if (last[pair_of(merge.left, merge.right)] == i) once.push_back(merge);
    }
    result_.merges = std::move(once);
  }

  TrainSettings settings_;
  TrainedVocabulary result_;
  std::unordered_map<std::string, std::uint32_t> ids_;
  std::uint32_t id_of_byte_[256] = {};
  std::vector<std::uint32_t> symbols_, lengths_;
  std::vector<std::size_t> begins_;
  std::vector<std::int64_t> word_counts_;
  PairCounts counts_;
  std::vector<Candidate> changed_, queue_;  // queue_ is a heap
};

}  // namespace

TrainedVocabulary train_bpe(const std::vector<WordTable>& words, const TrainSettings& settings,
                            const std::function<void(std::size_t)>& progress) {
  HEARTH_CHECK(settings.n_tokens >= 256, "a byte-level vocabulary has at least 256 tokens");
  return Training(words, settings).run(progress);
}

TrainedVocabulary byte_vocabulary() {
  TrainedVocabulary bytes;
  for (int byte = 0; byte < 256; ++byte) bytes.tokens.emplace_back(1, static_cast<char>(byte));
  return bytes;
}

TokenizerFile make_tokenizer_file(Pattern pattern, TrainedVocabulary vocabulary,
                                  const std::vector<std::string>& special) {
  TokenizerFile file;
  file.pattern = pattern;
  file.tokens = std::move(vocabulary.tokens);
  file.merges = std::move(vocabulary.merges);
  for (const std::string& content : special) {
    file.added.push_back({static_cast<std::uint32_t>(file.tokens.size()), content, true, false});
    file.tokens.push_back(content);
  }
  return file;
}

}  // namespace hearth::text
