// SPDX-License-Identifier: Apache-2.0
#include "lib/text/dedup/repeated.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <limits>
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
    : options_(std::move(options)), tokens_(options_.folder), starts_(options_.folder), cuts_(options_.folder) {
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
  starts_.append({row.number, tokens_.size()});
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

// Repeats on their way to the ranks that hold the tokens.
class RepeatedPassages::Spans {
 public:
  Spans(comm::Communicator& world, const comm::Numbering& numbering, std::uint64_t memory_bytes, PartitionedBytes& own,
        std::uint64_t n_tokens)
      : numbering_(numbering), shuffle_(world, memory_bytes, [&own, n_tokens](std::span<const Span> spans) {
          for (const Span& span : spans) own.append(partition_of(span.begin, n_tokens), &span);
        }) {}
  void add(const Span& span) {  // of tokens of all ranks
    const std::uint64_t begin = numbering_.own(span.begin);
    shuffle_.send(static_cast<std::size_t>(numbering_.holder(span.begin)), {begin, begin + (span.end - span.begin)});
  }
  void finish() { shuffle_.finish(); }

 private:
  const comm::Numbering& numbering_;
  Shuffle<Span, std::function<void(std::span<const Span>)>> shuffle_;
};

void RepeatedPassages::conclude(comm::Communicator& world) {
  const std::uint64_t n_tokens = tokens_.size();
  if (world.size() > 1) numbering_ = comm::Numbering(world, n_reference_tokens_, n_tokens - n_reference_tokens_);
  tokens_.end(options_.memory_bytes / 4);
  const std::uint64_t memory = options_.memory_bytes / 2;
  crowded_.emplace(options_.folder, memory);
  PartitionedBytes own_spans(options_.folder, sizeof(Span), memory);
  // What asking takes for each: of many runs half as many tokens more.
  const std::uint64_t bytes_besides = 3 * sizeof(Asked) + 3 * options_.least_tokens / 2;
  runs_->for_each_round(
      world, bytes_besides,
      [&](const Runs& runs) {
        const std::uint64_t n_runs = runs.end() - runs.begin();
        return Runs{runs.hash, numbering_.shared(runs.begin()) << Runs::count_bits | n_runs};
      },
      [&](std::span<const Runs> runs, bool goes_on) {
        Spans spans(world, numbering_, memory / 4, own_spans, n_tokens);
        find(world, runs, goes_on, spans);
        spans.finish();
      });
  runs_.reset();
  Run first;
  std::string first_tokens;
  crowded_->for_each_round(
      world, bytes_besides, [](const Run& run) { return run; },
      [&](std::span<const Run> runs, bool goes_on) {
        Spans spans(world, numbering_, memory / 4, own_spans, n_tokens);
        find(world, runs, goes_on, first, first_tokens, spans);
        spans.finish();
      });
  crowded_.reset();
  merge(own_spans);
  found_ = comm::summed(world, {static_cast<std::int64_t>(n_tokens), static_cast<std::int64_t>(cuts_.size()),
                                static_cast<std::int64_t>(n_cut_tokens_)});
}

// Bytes of the sketch that a run is.
std::uint64_t RepeatedPassages::n_run_bytes() const {
  return options_.least_tokens - (gram - 1);
}

RepeatedPassages::Asked RepeatedPassages::asked_of(std::uint64_t first_token, std::uint64_t n_bytes) const {
  const std::uint64_t begin = numbering_.own(first_token);
  return {numbering_.holder(first_token), {begin, begin + n_bytes}};
}

comm::Told RepeatedPassages::tokens_of(comm::Communicator& world, const std::vector<Asked>& asked) const {
  return comm::told_by(world, asked, [&](const Span& span, std::string& text) {
    const std::size_t before = text.size();
    text.resize(before + (span.end - span.begin));
    tokens_.read(span.begin, std::as_writable_bytes(std::span(text).subspan(before)));
  });
}

// Notes what repeats among runs, which are those of a round that fall to this rank. Where more share a hash than can be
// looked up in memory, they go to crowded_.
void RepeatedPassages::find(comm::Communicator& world, std::span<const Runs> runs, bool goes_on, Spans& spans) {
  constexpr std::uint64_t bytes_of_look_up = 128;
  const std::uint64_t most_runs = options_.memory_bytes / 8 / bytes_of_look_up;
  const auto for_each_shared = [&](const auto& visit) {
    for (std::size_t begin = 0, end = 0; begin < runs.size(); begin = end) {
      std::uint64_t n_runs = 0;
      for (; end < runs.size() && runs[end].hash == runs[begin].hash; ++end)
        n_runs += runs[end].end() - runs[end].begin();
      const bool crowded = n_runs > most_runs || (end == runs.size() && goes_on) ||
                           (begin == 0 && has_crowded_key_ && crowded_key_ == runs[0].hash);
      if (crowded || end - begin > 1) visit(runs.subspan(begin, end - begin), crowded);
    }
  };
  std::vector<Asked> asked;
  for_each_shared([&](std::span<const Runs> group, bool) {
    for (const Runs& each : group)
      asked.push_back(asked_of(each.begin(), each.end() - each.begin() + n_run_bytes() - 1));
  });
  const comm::Told told = tokens_of(world, asked);
  Finder finder(options_.least_tokens, [&](const Span& span) { spans.add(span); });
  std::size_t next = 0;
  std::vector<const char*> places;
  for_each_shared([&](std::span<const Runs> group, bool crowded) {
    if (!crowded) {
      places.clear();
      for (std::size_t i = 0; i < group.size(); ++i) places.push_back(told.texts[next++].data());
      return finder.find(group, places);
    }
    for (const Runs& each : group) {
      const std::string_view tokens = told.texts[next++];
      for (std::uint64_t run = each.begin(); run < each.end(); ++run) {
        const std::string_view its = tokens.substr(run - each.begin(), n_run_bytes());
        crowded_->add({hash64(std::as_bytes(std::span(its))), run});
      }
    }
    crowded_key_ = group[0].hash;
    has_crowded_key_ = true;
  });
}

// The same for runs that share the hash of their tokens. first: the first of the last hash, with its tokens, which may
// go on from the round before.
void RepeatedPassages::find(comm::Communicator& world, std::span<const Run> runs, bool goes_on, Run& first,
                            std::string& first_tokens, Spans& spans) {
  const auto for_each_shared = [&](const auto& visit) {
    for (std::size_t begin = 0, end = 0; begin < runs.size(); begin = end) {
      while (end < runs.size() && runs[end].hash == runs[begin].hash) ++end;
      const bool begun = begin == 0 && !first_tokens.empty() && first.hash == runs[0].hash;
      if (begun || end - begin > 1 || goes_on) visit(runs.subspan(begin, end - begin), begun);
    }
  };
  std::vector<Asked> asked;
  for_each_shared([&](std::span<const Run> group, bool) {
    for (const Run& each : group) asked.push_back(asked_of(each.token, n_run_bytes()));
  });
  const comm::Told told = tokens_of(world, asked);
  std::size_t next = 0;
  for_each_shared([&](std::span<const Run> group, bool begun) {
    for (const Run& each : group) {
      const std::string_view tokens = told.texts[next++];
      if (&each == &group[0] && !begun) {
        first = each;
        first_tokens = tokens;
      } else if (first.token + options_.least_tokens <= each.token && tokens == first_tokens) {
        spans.add({each.token, each.token + options_.least_tokens});
      }
    }
  });
}

// Writes the spans in order, those that overlap as one. Of two that only touch, one may end a document.
void RepeatedPassages::merge(const PartitionedBytes& spans) {
  Span open;
  const auto close = [&] {
    if (open.end > 0) cuts_.append(open);
    n_cut_tokens_ += open.end - open.begin;
  };
  for_each_sorted<Span>(spans, options_.folder, options_.memory_bytes / 4, [&](const Span& span) {
    if (open.end > 0 && span.begin < open.end) {
      open.end = std::max(open.end, span.end);
    } else {
      close();
      open = span;
    }
  });
  close();
}

void RepeatedPassages::cut(std::uint64_t row, std::string_view text, std::vector<Range>& ranges) const {
  std::uint64_t index = 0, end = std::numeric_limits<std::uint64_t>::max();  // tokens of the row, index the one at hand
  bool has_tokens = false;
  if (row < first_row_ || cuts_.size() == 0) return;
  starts_.for_each_from(row, [&](const Start& start) {
    if (start.row == row) return has_tokens = true, index = start.token, true;
    return end = start.token, false;
  });
  if (!has_tokens) return;
  Tokens tokens(text);
  Token token;
  cuts_.for_each_from(index, [&](const Span& cut) {
    if (cut.begin >= end) return false;
    while (index <= cut.begin && tokens.next(token)) ++index;
    const std::size_t begin = token.begin;
    while (index < cut.end && tokens.next(token)) ++index;
    HEARTH_CHECK(index == cut.end, "the text to cut is not the text that was sketched");
    ranges.push_back(with_space(text, begin, token.end));
    return true;
  });
}

std::string RepeatedPassages::findings_json() const {
  return "{\"least_tokens\":" + std::to_string(options_.least_tokens) + ",\"tokens\":" + std::to_string(found_[0]) +
         ",\"passages\":" + std::to_string(found_[1]) + ",\"cut_tokens\":" + std::to_string(found_[2]) + "}";
}

}  // namespace hearth::text::dedup
