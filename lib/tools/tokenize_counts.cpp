// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/tokenize_counts.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <set>

#include "formats/record_file.h"
#include "lib/base/clock.h"
#include "lib/base/digest.h"
#include "lib/base/error.h"
#include "lib/base/json_value.h"
#include "lib/base/provenance.h"
#include "lib/base/signals.h"
#include "lib/base/text.h"

namespace hearth::tools {
namespace {

using formats::Document;
using formats::DocumentsReader;
using formats::Split;

constexpr double keep_seconds = 60;
constexpr std::uint64_t least_kept_bytes = 64u << 20;  // of text, worth keeping when all is counted

// A document is in the sample when the hash of its id is low: the same ones on every machine, whatever the order.
bool is_in_sample(const Document& document, double share) {
  return share >= 1.0 || static_cast<double>(hash128(document.id).high) < share * 0x1p64;
}

// The last newline between two characters that are surely no white space, the second a letter: no pre-tokenizer's piece
// crosses it or ends elsewhere for what follows, so that cutting there changes no count. Without one, the last newline.
std::size_t last_cut(std::string_view text) {
  for (std::size_t at = text.size() - 1; at-- > 1;) {
    if (text[at] != '\n') continue;
    const auto before = static_cast<unsigned char>(text[at - 1]), next = static_cast<unsigned char>(text[at + 1]);
    const bool ascii_letter = (next | 0x20u) - 'a' < 26, han_or_hangul = next >= 0xE4 && next <= 0xED;
    const bool printable = before > 0x20 && before < 0x7F;
    const bool han_before = at >= 3 && static_cast<unsigned char>(text[at - 3]) >= 0xE4 && before >= 0x80 &&
                            static_cast<unsigned char>(text[at - 3]) <= 0xED;
    if ((ascii_letter || han_or_hangul) && (printable || han_before)) return at;
  }
  return text.rfind('\n');
}

std::vector<std::string> split_names_of(const TokenizeTrainOptions& options) {
  return options.splits.empty() ? std::vector<std::string>{"train"} : options.splits;
}

}  // namespace

struct PieceCounting::Input {
  std::string path;
  DocumentsReader reader;
};

PieceCounting::PieceCounting(const TokenizeTrainOptions& options, text::Pattern pattern, const fs::path& path,
                             Context& context)
    : options_(options),
      context_(context),
      counter_(std::make_unique<text::WordCounter>(pattern, context.pool.n_threads(), options.long_pieces == "keep")),
      kept_at_(steady_seconds()) {
  if (options.inputs == std::vector<std::string>{"-"}) return;
  Json digests = Json::array();
  for (const std::string& input : options.inputs) {
    inputs_.push_back({input, DocumentsReader(input)});
    digests.push_back(inputs_.back().reader.digest());
  }
  const Json plan{{"producer", producer()},
                  {"inputs", digests},
                  {"pretokenizer", options.pretokenizer},
                  {"split", split_names_of(options)},
                  {"sample-bytes", options.sample_bytes},
                  {"long-pieces", options.long_pieces}};
  work_ = std::make_unique<WorkFolder>(path, plan, options.resume);
  if (!work_->lock_problem().empty()) context_.log.warning(work_->lock_problem());
  if (work_->n_segments() > 0) go_on();
}

PieceCounting::~PieceCounting() {
  if (work_ && (is_done_ || work_->n_segments() == 0)) {
    try {
      work_->remove();
    } catch (const std::exception& error) {
      context_.log.warning(std::string("cannot be removed: ") + error.what());
    }
  }
}

void PieceCounting::done() {
  is_done_ = true;
}

void PieceCounting::go_on() {
  const std::string where = work_->path().string();
  const Json position = parse_json(work_->position(), where);
  n_done_ = json_get<std::uint64_t>(position, "blocks", where);
  seen_.n_documents = json_get<std::uint64_t>(position, "documents", where);
  seen_.text_bytes = bytes_kept_ = json_get<std::uint64_t>(position, "text_bytes", where);
  counter_->restore_left_out(json_get<std::uint64_t>(position, "left_out", where));
  formats::RecordFileReader counts(work_->file(work_->n_segments() - 1, "counts"));
  for (std::string_view record; counts.next(record);) counter_->restore(record);
  context_.log.info("going on behind " + std::to_string(n_done_) + " blocks counted before");
}

// All counts so far, in place of those kept before.
void PieceCounting::keep(const std::vector<text::WordTable>* words) {
  const std::size_t segment = work_->n_segments();
  formats::RecordFileWriter file(work_->file(segment, "counts"), context_.pool);
  const auto put = [&](std::string_view record) { file.add(record); };
  if (words != nullptr) {
    for (const text::WordTable& table : *words) table.save(put);
  } else {
    counter_->save(put);
  }
  file.finish();
  work_->end_segment({{"blocks", n_done_},
                      {"documents", seen_.n_documents},
                      {"text_bytes", seen_.text_bytes},
                      {"left_out", counter_->n_left_out()}});
  if (segment > 0) fs::remove(work_->file(segment - 1, "counts"));
  kept_at_ = steady_seconds();
  bytes_kept_ = seen_.text_bytes;
}

void PieceCounting::stop_if_asked(const std::vector<text::WordTable>& words) {
  if (!stop_requested()) return;
  if (!work_) tokenize_detail::throw_if_stopped();
  if (bytes_kept_ < seen_.text_bytes) keep(&words);
  throw Error(Kind::stopped, "stopped by a signal; the counts are kept in " + work_->path().string() +
                                 ", and the same command goes on from there");
}

void PieceCounting::refuse_long_pieces() const {
  if (options_.long_pieces != "refuse" || counter_->n_left_out() == 0) return;
  throw Error(Kind::data, join(options_.inputs, ", ") + ": holds a piece of more than " +
                              std::to_string(text::WordCounter::long_piece) +
                              " bytes without a break: --long-pieces keep counts it, leave-out passes it over");
}

void PieceCounting::count_file(std::size_t index, std::uint64_t& n_passed, double share) {
  const std::string& path = inputs_[index].path;
  const DocumentsReader& reader = inputs_[index].reader;
  std::set<Split> splits;
  for (const Split split : tokenize_detail::splits_named(split_names_of(options_))) splits.insert(split);
  const std::uint64_t n_blocks = reader.n_blocks(), batch = static_cast<std::uint64_t>(context_.pool.n_threads()) * 4;
  for (std::uint64_t first = n_done_ - std::min(n_done_, n_passed); first < n_blocks; first += batch) {
    const std::uint64_t n = std::min(batch, n_blocks - first);
    std::atomic<std::uint64_t> n_documents{0}, text_bytes{0};
    context_.pool.for_each(static_cast<std::int64_t>(n), [&](std::int64_t i, int thread) {
      for (const Document& document : reader.read_block(first + static_cast<std::uint64_t>(i))) {
        if (!splits.contains(document.split) || !is_in_sample(document, share)) continue;
        counter_->add(document.text, thread);
        n_documents += 1;
        text_bytes += document.text.size();
      }
    });
    n_done_ += n;
    seen_.n_documents += n_documents;
    seen_.text_bytes += text_bytes;
    refuse_long_pieces();
    if (stop_requested()) {
      keep(nullptr);
      throw Error(Kind::stopped, "stopped by a signal; what was counted is kept in " + work_->path().string() +
                                     ", and the same command goes on from there");
    }
    if (steady_seconds() - kept_at_ >= keep_seconds) keep(nullptr);
    context_.log.progress("counting " + path + ": " + human_bytes(static_cast<double>(seen_.text_bytes)));
  }
  context_.log.progress_done();
  n_passed += n_blocks;
}

void PieceCounting::count_files() {
  std::uint64_t corpus_bytes = 0, n_passed = 0;
  for (const Input& input : inputs_) corpus_bytes += input.reader.text_bytes();
  const double share = corpus_bytes <= options_.sample_bytes
                           ? 1.0
                           : static_cast<double>(options_.sample_bytes) / static_cast<double>(corpus_bytes);
  if (share < 1) {
    context_.log.info("learning from a sample: about " + format_number(share * 100, 3) + " % of the documents");
  }
  for (std::size_t i = 0; i < inputs_.size(); ++i) count_file(i, n_passed, share);
  if (seen_.text_bytes >= bytes_kept_ + least_kept_bytes) keep(nullptr);
}

// A line at a time in batches of some megabytes, so that a stream of any length fits.
void PieceCounting::count_stdin() {
  constexpr std::size_t batch_bytes = 8u << 20;
  std::vector<std::string> parts(static_cast<std::size_t>(context_.pool.n_threads()) * 4);
  std::string rest;
  for (bool more = true; more;) {
    std::size_t n_parts = 0;
    while (more && n_parts < parts.size()) {
      std::string& part = parts[n_parts++];
      part = std::move(rest);
      const std::size_t had = part.size();
      part.resize(had + batch_bytes);
      const std::size_t n = std::fread(part.data() + had, 1, batch_bytes, stdin);
      part.resize(had + n);
      more = n == batch_bytes;
      const std::size_t line_end = more ? last_cut(part) : std::string::npos;
      rest = line_end == std::string::npos ? std::string() : part.substr(line_end + 1);
      part.resize(part.size() - rest.size());
    }
    tokenize_detail::throw_if_stopped();
    context_.pool.for_each(static_cast<std::int64_t>(n_parts), [&](std::int64_t i, int thread) {
      counter_->add(parts[static_cast<std::size_t>(i)], thread);
    });
    refuse_long_pieces();
    for (std::size_t i = 0; i < n_parts; ++i) seen_.text_bytes += parts[i].size();
  }
  if (std::ferror(stdin) != 0) throw Error(Kind::io, "cannot read stdin");
  seen_.n_documents = seen_.text_bytes > 0 ? 1 : 0;
}

std::vector<text::WordTable> PieceCounting::count() {
  const Stopwatch watch;
  if (work_) {
    count_files();
  } else {
    count_stdin();
  }
  if (seen_.text_bytes == 0) {
    throw Error(Kind::data,
                join(options_.inputs, ", ") + ": no text in the chosen split: there is nothing to learn from");
  }
  seen_.n_left_out = counter_->n_left_out();
  if (seen_.n_left_out > 0) {
    context_.log.warning(std::to_string(seen_.n_left_out) + " pieces longer than " +
                         std::to_string(text::WordCounter::long_piece) + " bytes without a break were not counted");
  }
  std::vector<text::WordTable> words = counter_->join(context_.pool);
  seen_.seconds = watch.seconds();
  return words;
}

}  // namespace hearth::tools
