// SPDX-License-Identifier: Apache-2.0
#include "lib/text/dedup/repeated.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <unordered_map>
#include <utility>

#include "lib/base/digest.h"
#include "lib/base/error.h"
#include "lib/text/dedup/passages.h"
#include "lib/text/dedup/words.h"

namespace hearth::text::dedup {
namespace {

constexpr std::uint32_t fewest_tokens = 10, most_tokens = 1000;
constexpr std::size_t gram =
    4;  // tokens that a byte of the sketch stands for: the one at its place and those behind it
constexpr std::uint64_t base = 0x2545f4914f6cdd1du;  // of the polynomial in tokens that a run is

std::uint64_t power(std::uint64_t value, std::size_t exponent) {
  std::uint64_t result = 1;
  for (; exponent > 0; --exponent) result *= value;
  return result;
}

}  // namespace

RepeatedPassages::RepeatedPassages(RepeatedOptions options)
    : options_(std::move(options)), tokens_(options_.folder), cut_file_(options_.folder) {
  HEARTH_CHECK(options_.least_tokens >= fewest_tokens && options_.least_tokens <= most_tokens,
               "repeated passages of " + std::to_string(options_.least_tokens) + " tokens");
  runs_.emplace(options_.folder, options_.memory_bytes);
}

void RepeatedPassages::sketch(const Candidate& candidate, std::string& out) const {
  if (candidate.document.type == "code" && !options_.code) return;
  std::uint64_t hashes[gram] = {};  // of the last tokens
  const std::size_t before = out.size();
  std::size_t n = 0;
  Tokens tokens(candidate.document.text);
  for (Token token; tokens.next(token);) {
    hashes[n++ % gram] = token.hash;
    std::uint64_t polynomial = 0;
    for (std::size_t i = 0; i < gram; ++i) polynomial = polynomial * base + hashes[(n + i) % gram];
    if (n >= gram) out.push_back(static_cast<char>(mix64(polynomial) >> 56));
  }
  if (n < options_.least_tokens) {
    out.resize(before);
  } else {
    out.append(gram - 1, '\0');  // so that a byte is a token
  }
}

void RepeatedPassages::observe(const Row& row, std::string_view sketch) {
  if (row.reference) first_row_ = row.number + 1;
  if (sketch.empty()) return;
  starts_.push_back({row.number, tokens_.size()});
  winnow(sketch, tokens_.size());
  tokens_.append(sketch.data(), sketch.size());
  if (row.reference) n_reference_tokens_ = tokens_.size();
}

// Notes the least hash of every run of least_tokens.
void RepeatedPassages::winnow(std::string_view tokens, std::uint64_t first_token) {
  tokens.remove_suffix(gram - 1);
  const std::size_t n_grams = options_.least_tokens - (gram - 1);  // of a run
  const std::size_t part = (n_grams + 2) / 2;                      // of which so many are hashed together
  const std::size_t n_parts = n_grams - part + 1;
  const std::uint64_t leading = power(base, part - 1);
  const auto value_of = [](char token) { return std::uint64_t{static_cast<unsigned char>(token)} + 1; };
  std::vector<std::uint64_t> hashes;  // of each part
  hashes.reserve(tokens.size() - part + 1);
  std::uint64_t polynomial = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (i >= part) polynomial -= value_of(tokens[i - part]) * leading;
    polynomial = polynomial * base + value_of(tokens[i]);
    if (i + 1 >= part) hashes.push_back(mix64(polynomial));
  }
  std::size_t least = 0, first = 0;  // the part that is least, and the first run for which it is
  const auto note = [&](std::size_t end) {
    if (end > first) runs_->add({mix64(hashes[least]), (first_token + first) << Runs::count_bits | (end - first)});
    first = end;
  };
  for (std::size_t run = 0; run + n_parts <= hashes.size(); ++run) {
    const std::size_t newest = run + n_parts - 1;
    const bool gone = run == 0 || least < run;
    if (!gone && hashes[newest] >= hashes[least]) continue;
    note(run);
    const auto begin = hashes.begin();
    least = gone ? static_cast<std::size_t>(std::min_element(begin + static_cast<std::ptrdiff_t>(run),
                                                             begin + static_cast<std::ptrdiff_t>(newest) + 1) -
                                            begin)
                 : newest;
  }
  note(hashes.size() - n_parts + 1);
}

// Looks up the runs of one hash after another, and notes what repeats.
class RepeatedPassages::Finder {
 public:
  // note gets the spans, in tokens of all ranks.
  Finder(std::size_t n, std::function<void(const Span&)> note) : n_(n), note_(std::move(note)) {}

  // tokens[i]: those of group[i], from its first run's first to its last run's last.
  void find(std::span<const Runs> group, std::span<const char* const> tokens) {
    constexpr std::size_t most_buckets = 4096;  // to be kept for the next group
    if (seen_.bucket_count() > most_buckets) seen_ = {};
    seen_.clear();
    for (std::size_t i = 0; i < group.size(); ++i) {
      Span span;
      for (std::uint64_t run = group[i].begin(); run < group[i].end(); ++run) {
        if (!is_repeated(run, tokens[i] + (run - group[i].begin()))) continue;
        if (span.end > 0 && run >= span.end) note_(std::exchange(span, {}));
        if (span.end == 0) span.begin = run;
        span.end = run + n_;
      }
      if (span.end > 0) note_(span);
    }
  }

 private:
  struct First {
    std::uint64_t run = 0;
    const char* tokens = nullptr;
  };
  bool is_repeated(std::uint64_t run, const char* tokens) {
    const std::size_t n_bytes = n_ - (gram - 1);
    const auto [place, is_new] =
        seen_.try_emplace(hash64(std::as_bytes(std::span(tokens, n_bytes))), First{run, tokens});
    const First& first = place->second;
    return !is_new && first.run + n_ <= run && std::memcmp(first.tokens, tokens, n_bytes) == 0;
  }

  std::size_t n_;
  std::function<void(const Span&)> note_;
  std::unordered_map<std::uint64_t, First> seen_;  // by hash of a run's tokens
};

void RepeatedPassages::conclude(comm::Communicator& world) {
  const std::uint64_t n_tokens = tokens_.size();
  if (world.size() > 1) numbering_ = comm::Numbering(world, n_reference_tokens_, n_tokens - n_reference_tokens_);
  PartitionedBytes spans(options_.folder);
  runs_->for_each_round(
      world,
      [&](const Runs& runs) {
        const std::uint64_t n_runs = runs.end() - runs.begin();
        return Runs{runs.hash, numbering_.shared(runs.begin()) << Runs::count_bits | n_runs};
      },
      [&](std::span<const Runs> runs) { find(world, runs, spans); });
  runs_.reset();
  merge(spans);
  cuts_ = cut_file_.map_as<Span>();
  found_ = comm::summed(world, {static_cast<std::int64_t>(n_tokens), static_cast<std::int64_t>(cuts_.size()),
                                static_cast<std::int64_t>(n_cut_tokens_)});
}

// What repeats among runs, which are those of a round that fall to this rank, goes to the holders of the tokens; what
// is found in those of this rank, to spans.
void RepeatedPassages::find(comm::Communicator& world, std::span<const Runs> runs, PartitionedBytes& spans) {
  const auto n_ranks = static_cast<std::size_t>(world.size());
  const auto own_tokens = tokens_.map_as<char>();
  const std::uint64_t beyond_run = options_.least_tokens - gram;  // bytes behind the first of a run
  struct Asked {
    std::uint64_t token = 0, n_bytes = 0;
  };
  std::vector<std::vector<Asked>> asked(n_ranks);
  for_each_group(runs, [&](std::span<const Runs> group) {
    for (const Runs& each : group) {
      asked[static_cast<std::size_t>(numbering_.holder(each.begin()))].push_back(
          {numbering_.own(each.begin()), each.end() - each.begin() + beyond_run});
    }
  });
  const comm::Received<Asked> questions = comm::exchanged(world, std::move(asked));
  std::vector<std::string> answers(n_ranks);
  for (std::size_t r = 0; r < n_ranks; ++r) {
    for (const Asked& each : questions.from(static_cast<int>(r)))
      answers[r].append(own_tokens.data() + each.token, each.n_bytes);
  }
  const std::vector<std::string> tokens = comm::exchanged_texts(world, std::move(answers));

  std::vector<std::vector<Span>> found(n_ranks);
  Finder finder(options_.least_tokens, [&](const Span& span) {
    const std::uint64_t own = numbering_.own(span.begin);
    found[static_cast<std::size_t>(numbering_.holder(span.begin))].push_back({own, own + (span.end - span.begin)});
  });
  std::vector<std::size_t> at(n_ranks, 0);
  std::vector<const char*> places;
  for_each_group(runs, [&](std::span<const Runs> group) {
    places.clear();
    for (const Runs& each : group) {
      const auto holder = static_cast<std::size_t>(numbering_.holder(each.begin()));
      places.push_back(tokens[holder].data() + at[holder]);
      at[holder] += each.end() - each.begin() + beyond_run;
    }
    finder.find(group, places);
  });
  const std::uint64_t n_tokens = tokens_.size();
  for (const Span& span : comm::exchanged(world, std::move(found)).records)
    spans.append(span.begin * PartitionedBytes::n_partitions / n_tokens, &span, sizeof span);
}

// Writes the spans in order, those that overlap as one. Of two that only touch, one may end a document.
void RepeatedPassages::merge(PartitionedBytes& spans) {
  Span open;
  const auto close = [&] {
    if (open.end > 0) cut_file_.append(open);
    n_cut_tokens_ += open.end - open.begin;
  };
  std::vector<Span> sorted;
  for (std::size_t partition = 0; partition < PartitionedBytes::n_partitions; ++partition) {
    sorted.clear();
    spans.for_each_block(partition, [&](std::span<const std::byte> block) {
      const std::size_t n = sorted.size();
      sorted.resize(n + block.size() / sizeof(Span));
      std::memcpy(sorted.data() + n, block.data(), block.size());
    });
    std::sort(sorted.begin(), sorted.end(), [](const Span& a, const Span& b) { return a.begin < b.begin; });
    for (const Span& span : sorted) {
      if (open.end > 0 && span.begin < open.end) {
        open.end = std::max(open.end, span.end);
      } else {
        close();
        open = span;
      }
    }
  }
  close();
}

std::span<const RepeatedPassages::Span> RepeatedPassages::cuts_of(std::uint64_t row, std::uint64_t& first_token) const {
  const auto start =
      std::lower_bound(starts_.begin(), starts_.end(), row, [](const Start& s, std::uint64_t r) { return s.row < r; });
  if (row < first_row_ || start == starts_.end() || start->row != row) return {};
  first_token = start->token;
  const auto from = [&](std::uint64_t token) {
    return std::lower_bound(cuts_.begin(), cuts_.end(), token,
                            [](const Span& span, std::uint64_t t) { return span.begin < t; });
  };
  const auto begin = from(first_token);
  return {begin, start + 1 == starts_.end() ? cuts_.end() : from((start + 1)->token)};
}

void RepeatedPassages::cut(std::uint64_t row, std::string_view text, std::vector<Range>& ranges) const {
  std::uint64_t index = 0;  // of the token at hand
  const auto cuts = cuts_of(row, index);
  Tokens tokens(text);
  Token token;
  for (const Span& cut : cuts) {
    while (index <= cut.begin && tokens.next(token)) ++index;
    const std::size_t begin = token.begin;
    while (index < cut.end && tokens.next(token)) ++index;
    HEARTH_CHECK(index == cut.end, "the text to cut is not the text that was sketched");
    ranges.push_back(with_space(text, begin, token.end));
  }
}

std::string RepeatedPassages::findings_json() const {
  return "{\"least_tokens\":" + std::to_string(options_.least_tokens) + ",\"tokens\":" + std::to_string(found_[0]) +
         ",\"passages\":" + std::to_string(found_[1]) + ",\"cut_tokens\":" + std::to_string(found_[2]) + "}";
}

std::uint64_t RepeatedPassages::memory_bytes() const {
  return starts_.capacity() * sizeof(Start);
}

}  // namespace hearth::text::dedup
