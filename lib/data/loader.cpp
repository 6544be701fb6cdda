// SPDX-License-Identifier: Apache-2.0
#include "lib/data/loader.h"

#include <algorithm>
#include <cmath>

#include "lib/base/error.h"
#include "lib/base/json_value.h"
#include "lib/base/rng.h"
#include "lib/data/permutation.h"

namespace hearth::data {
namespace {

constexpr std::uint64_t window_pieces = 1 << 14;
// Purposes of random numbers (mix_seed).
constexpr std::uint64_t piece_order = 1, piece_cuts = 2, row_order = 3, held_out_order = 4;

void shuffle(std::vector<Row>& rows, std::uint64_t key) {
  Rng rng(key);
  for (std::size_t i = rows.size(); i > 1; --i) std::swap(rows[i - 1], rows[rng.below(i)]);
}

std::vector<Loader::Source> training_sources(const Corpus& corpus) {
  std::vector<Loader::Source> sources;
  for (const Corpus::Part& part : corpus.parts()) {
    if (part.weight == 0) continue;
    const formats::TokensReader& reader = *corpus.sources()[part.file].reader;
    sources.push_back({{&reader.split(formats::Split::train), &reader.header(), part.only},
                       part.weight,
                       reader.digest() + (part.only.empty() ? "" : " " + part.name)});
  }
  return sources;
}

}  // namespace

SourceStream::SourceStream(SourceView view, std::uint32_t context, std::uint64_t seed)
    : index_(*view.split, context, view.header->end_of_text_id >= 0, view.only), context_(context), seed_(seed) {
  if (index_.n_pieces() == 0) throw Error(Kind::data, "the data hold nothing to predict: every document is empty");
  n_windows_ = (index_.n_pieces() + window_pieces - 1) / window_pieces;
}

void SourceStream::load_window() {
  const std::uint64_t epoch_key = mix_seed(seed_, cursor_.epoch);
  const std::uint64_t n = index_.n_pieces();
  const Permutation order(n, mix_seed(epoch_key, piece_order));
  const std::uint64_t cuts = mix_seed(epoch_key, piece_cuts);
  std::vector<Piece> pieces;
  // Windows of equal size: no small last one that would pack badly.
  for (std::uint64_t i = n * cursor_.window / n_windows_; i < n * (cursor_.window + 1) / n_windows_; ++i) {
    pieces.push_back(index_.piece(order(i), cuts));
  }
  rows_ = pack(pieces, context_);
  shuffle(rows_, mix_seed(epoch_key, row_order + cursor_.window));
}

Row SourceStream::next() {
  if (rows_.empty()) load_window();
  Row row = rows_[cursor_.row];
  if (++cursor_.row == rows_.size()) {
    rows_.clear();
    cursor_.row = 0;
    if (++cursor_.window == n_windows_) {
      cursor_.window = 0;
      ++cursor_.epoch;
    }
  }
  return row;
}

void SourceStream::seek(const Cursor& cursor) {
  cursor_ = cursor;
  if (cursor.window >= n_windows_) throw Error(Kind::data, "the data cursor is beyond the data");
  load_window();
  if (cursor.row >= rows_.size()) throw Error(Kind::data, "the data cursor is beyond the data");
}

double SourceStream::epochs() const {
  const double row = rows_.empty() ? 0 : static_cast<double>(cursor_.row) / static_cast<double>(rows_.size());
  return static_cast<double>(cursor_.epoch) +
         (static_cast<double>(cursor_.window) + row) / static_cast<double>(n_windows_);
}

Loader::Loader(std::vector<Source> sources, std::uint32_t context, std::uint64_t seed) : context_(context) {
  double sum = 0;
  for (const Source& source : sources) sum += source.weight;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    sources[i].weight /= sum;
    views_.push_back(sources[i].view);
    entries_.push_back({sources[i], SourceStream(sources[i].view, context, mix_seed(seed, i)), 0});
  }
}

Loader::Loader(const Corpus& corpus, std::uint32_t context, std::uint64_t seed)
    : Loader(training_sources(corpus), context, seed) {}

std::vector<Row> Loader::next_rows(std::int64_t n) {
  std::vector<Row> rows;
  rows.reserve(static_cast<std::size_t>(n));
  for (std::int64_t i = 0; i < n; ++i) {
    ++rows_taken_;
    std::size_t chosen = 0;
    double largest_debt = -INFINITY;
    for (std::size_t s = 0; s < entries_.size(); ++s) {
      const double debt =
          entries_[s].source.weight * static_cast<double>(rows_taken_) - static_cast<double>(entries_[s].rows_taken);
      if (debt > largest_debt) {
        largest_debt = debt;
        chosen = s;
      }
    }
    ++entries_[chosen].rows_taken;
    rows.push_back(entries_[chosen].stream.next());
    rows.back().source = static_cast<int>(chosen);
  }
  return rows;
}

Batch Loader::assemble(std::span<const Row> rows, std::int64_t n_rows) const {
  return data::assemble(rows, views_, context_, n_rows);
}

std::vector<double> Loader::epochs() const {
  std::vector<double> epochs;
  for (const Entry& entry : entries_) epochs.push_back(entry.stream.epochs());
  return epochs;
}

std::uint64_t Loader::n_targets() const {
  std::uint64_t sum = 0;
  for (const Entry& entry : entries_) sum += entry.stream.n_targets();
  return sum;
}

Json Loader::state() const {
  Json sources = Json::array();
  for (const Entry& entry : entries_) {
    const SourceStream::Cursor& cursor = entry.stream.cursor();
    sources.push_back({{"digest", entry.source.digest},
                       {"rows", entry.rows_taken},
                       {"epoch", cursor.epoch},
                       {"window", cursor.window},
                       {"row", cursor.row}});
  }
  return {{"context", context_}, {"rows", rows_taken_}, {"sources", sources}};
}

void Loader::restore(const Json& state) {
  const std::string where = "data cursor";
  const Json sources = json_get<Json>(state, "sources", where);
  if (json_get<std::uint32_t>(state, "context", where) != context_ || sources.size() != entries_.size()) {
    throw Error(Kind::config, "the checkpoint's place in the data is of another context or another number of files");
  }
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (json_get<std::string>(sources[i], "digest", where) != entries_[i].source.digest) {
      throw Error(Kind::config, "data file " + std::to_string(i + 1) +
                                    " is not the one the checkpoint was trained on: "
                                    "give the same files in the same order, or start another run with --model");
    }
    entries_[i].rows_taken = json_get<std::uint64_t>(sources[i], "rows", where);
    entries_[i].stream.seek({json_get<std::uint64_t>(sources[i], "epoch", where),
                             json_get<std::uint64_t>(sources[i], "window", where),
                             json_get<std::uint64_t>(sources[i], "row", where)});
  }
  rows_taken_ = json_get<std::uint64_t>(state, "rows", where);
}

HeldOut::HeldOut(const Corpus& corpus, std::uint32_t context, std::uint64_t max_tokens, std::uint64_t seed)
    : context_(context) {
  const auto n_all = static_cast<double>(std::max<std::uint64_t>(1, corpus.n_tokens(formats::Split::validation)));
  for (std::size_t s = 0; s < corpus.sources().size(); ++s) {
    const formats::TokensReader& reader = *corpus.sources()[s].reader;
    const formats::TokensSplit& split = reader.split(formats::Split::validation);
    views_.push_back({&split, &reader.header(), {}});
    const PieceIndex index(split, context, reader.header().end_of_text_id >= 0);
    if (index.n_pieces() == 0) continue;
    const Permutation order(index.n_pieces(), mix_seed(seed, held_out_order));
    const auto budget =
        static_cast<std::uint64_t>(static_cast<double>(max_tokens) * static_cast<double>(split.n_tokens()) / n_all);
    std::vector<Piece> pieces;
    std::uint64_t n_tokens = 0;
    for (std::uint64_t i = 0; i < index.n_pieces() && n_tokens < std::max<std::uint64_t>(budget, 1); ++i) {
      pieces.push_back(index.piece(order(i), 0));
      n_tokens += pieces.back().n_tokens;
    }
    for (Row& row : pack(pieces, context)) {
      row.source = static_cast<int>(s);
      rows_.push_back(std::move(row));
    }
  }
}

Batch HeldOut::assemble(std::span<const Row> rows, std::int64_t n_rows) const {
  return data::assemble(rows, views_, context_, n_rows);
}

}  // namespace hearth::data
