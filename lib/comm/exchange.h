// SPDX-License-Identifier: Apache-2.0
// Records to the ranks that are to have them, as many as there happen to be for each, and numbers that all ranks count
// together. On the host; all calls are collective, and with one rank nothing is copied.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "lib/comm/communicator.h"

namespace hearth::comm {

// How many elements each rank has for this one, when this one has counts[r] for rank r.
std::vector<std::int64_t> exchange_counts(Communicator& world, const std::vector<std::int64_t>& counts);
// Elements of element_bytes each, in rank order: counts[r] of `from` go to rank r, received[r] of `to` come from it.
void exchange_elements(Communicator& world, const void* from, const std::vector<std::int64_t>& counts, void* to,
                       const std::vector<std::int64_t>& received, std::size_t element_bytes);

template <class Record>
struct Received {
  std::vector<Record> records;      // in the order of the ranks they came from
  std::vector<std::size_t> begins;  // [ranks + 1] where those of each begin
  std::span<const Record> from(int rank) const {
    const auto r = static_cast<std::size_t>(rank);
    return std::span(records).subspan(begins[r], begins[r + 1] - begins[r]);
  }
};

// outgoing[r] goes to rank r; what the others had for this one comes back.
template <class Record>
Received<Record> exchanged(Communicator& world, std::vector<std::vector<Record>> outgoing) {
  static_assert(std::is_trivially_copyable_v<Record>);
  if (world.size() == 1) {
    const std::size_t n = outgoing[0].size();
    return {std::move(outgoing[0]), {0, n}};
  }
  std::vector<std::int64_t> counts;
  std::vector<Record> all;
  for (std::vector<Record>& records : outgoing) {
    counts.push_back(static_cast<std::int64_t>(records.size()));
    all.insert(all.end(), records.begin(), records.end());
    records = {};
  }
  const std::vector<std::int64_t> received = exchange_counts(world, counts);
  Received<Record> result;
  result.begins.push_back(0);
  for (const std::int64_t n : received) result.begins.push_back(result.begins.back() + static_cast<std::size_t>(n));
  result.records.resize(result.begins.back());
  exchange_elements(world, all.data(), counts, result.records.data(), received, sizeof(Record));
  return result;
}

// The same for texts, one for each rank.
std::vector<std::string> exchanged_texts(Communicator& world, std::vector<std::string> outgoing);

// Texts in the order they were asked for; they lie in `told`.
struct Told {
  std::vector<std::string> told;
  std::vector<std::string_view> texts;
};

// What ranks answer to questions: answer(question, text) appends to text. questions: (rank, question).
template <class Question, class Answer>
Told told_by(Communicator& world, const std::vector<std::pair<int, Question>>& questions, const Answer& answer) {
  const auto n_ranks = static_cast<std::size_t>(world.size());
  std::vector<std::vector<Question>> asked(n_ranks);
  for (const auto& [rank, question] : questions) asked[static_cast<std::size_t>(rank)].push_back(question);
  const Received<Question> came = exchanged(world, std::move(asked));
  std::vector<std::string> answers(n_ranks);
  std::vector<std::vector<std::uint64_t>> sizes(n_ranks);
  for (std::size_t r = 0; r < n_ranks; ++r) {
    for (const Question& question : came.from(static_cast<int>(r))) {
      const std::size_t before = answers[r].size();
      answer(question, answers[r]);
      sizes[r].push_back(answers[r].size() - before);
    }
  }
  Told result{exchanged_texts(world, std::move(answers)), {}};
  const Received<std::uint64_t> told_sizes = exchanged(world, std::move(sizes));
  std::vector<std::size_t> at(n_ranks, 0), next(n_ranks, 0);
  result.texts.reserve(questions.size());
  for (const auto& [rank, question] : questions) {
    const auto r = static_cast<std::size_t>(rank);
    const std::size_t n = told_sizes.from(rank)[next[r]++];
    result.texts.push_back(std::string_view(result.told[r]).substr(at[r], n));
    at[r] += n;
  }
  return result;
}

// The sum of each number over all ranks.
std::vector<std::int64_t> summed(Communicator& world, std::vector<std::int64_t> values);

// Things that each rank counts from 0, counted over all: first everyone's first ones, in the order of the ranks, then
// everyone's others.
class Numbering {
 public:
  Numbering() = default;  // of one rank: all numbers stay what they are
  // n_first of the rank's own things come in front, n_others follow.
  Numbering(Communicator& world, std::uint64_t n_first, std::uint64_t n_others);

  std::uint64_t shared(std::uint64_t own) const;      // of a thing of this rank; also one past its last
  int holder(std::uint64_t shared) const;             // the rank whose thing it is
  std::uint64_t own(std::uint64_t shared) const;      // what its holder calls it
  std::uint64_t n() const { return begins_.back(); }  // of all ranks

 private:
  std::size_t piece_of(std::uint64_t shared) const;

  std::size_t rank_ = 0, size_ = 1;
  // Pieces: the first things of each rank, then the others of each. Where each begins in the shared numbers, and with
  // which of its holder's own.
  std::vector<std::uint64_t> begins_{0, 0, ~std::uint64_t{0}}, own_begins_{0, 0};
};

// What their holders answer for numbers, in the order of those. answer: of an own number of this rank.
template <class Answer, class Of>
std::vector<Answer> fetched(Communicator& world, const Numbering& numbering, const std::vector<std::uint64_t>& numbers,
                            const Of& answer) {
  std::vector<Answer> answers(numbers.size());
  if (world.size() == 1) {
    for (std::size_t i = 0; i < numbers.size(); ++i) answers[i] = answer(numbers[i]);
    return answers;
  }
  const auto n_ranks = static_cast<std::size_t>(world.size());
  std::vector<std::vector<std::uint64_t>> asked(n_ranks);
  std::vector<std::vector<std::size_t>> places(n_ranks);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto holder = static_cast<std::size_t>(numbering.holder(numbers[i]));
    asked[holder].push_back(numbering.own(numbers[i]));
    places[holder].push_back(i);
  }
  const Received<std::uint64_t> questions = exchanged(world, std::move(asked));
  std::vector<std::vector<Answer>> given(n_ranks);
  for (std::size_t r = 0; r < n_ranks; ++r) {
    for (const std::uint64_t number : questions.from(static_cast<int>(r))) given[r].push_back(answer(number));
  }
  const Received<Answer> came = exchanged(world, std::move(given));
  for (std::size_t r = 0; r < n_ranks; ++r) {
    for (std::size_t i = 0; i < places[r].size(); ++i) answers[places[r][i]] = came.records[came.begins[r] + i];
  }
  return answers;
}

}  // namespace hearth::comm
