// SPDX-License-Identifier: Apache-2.0
// The order of training data: an endless sequence of packed rows that depends on the files, their weights, the context
// and the seed, on nothing else: not on threads, microbatches or when a run was interrupted. Its state is a few
// integers.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lib/base/json.h"
#include "lib/data/batch.h"
#include "lib/data/corpus.h"

namespace hearth::data {

// The rows of one source, epoch after epoch. Pieces are shuffled over the whole epoch by a Permutation; consecutive
// runs of them (windows) are packed together and their rows shuffled again. Within an epoch each target occurs once.
class SourceStream {
 public:
  struct Cursor {
    std::uint64_t epoch = 0, window = 0, row = 0;  // the next row: row `row` of window `window`
    bool operator==(const Cursor&) const = default;
  };

  SourceStream(SourceView view, std::uint32_t context, std::uint64_t seed);
  Row next();
  const Cursor& cursor() const { return cursor_; }
  void seek(const Cursor& cursor);  // Error{data} when there is no such row
  double epochs() const;            // passed so far, with fraction
  std::uint64_t n_targets() const { return index_.n_targets(); }

 private:
  void load_window();

  PieceIndex index_;
  std::uint32_t context_;
  std::uint64_t seed_, n_windows_;
  Cursor cursor_;
  std::vector<Row> rows_;  // of the current window
};

class Loader {
 public:
  struct Source {
    SourceView view;
    double weight = 1;
    std::string digest;  // identifies the file's content
  };
  Loader(std::vector<Source> sources, std::uint32_t context, std::uint64_t seed);
  // Over the training split of a corpus, which must outlive the loader.
  Loader(const Corpus& corpus, std::uint32_t context, std::uint64_t seed);

  // The next n rows. Sources take turns so that after any number of rows each has had its share within one row.
  std::vector<Row> next_rows(std::int64_t n);
  Batch assemble(std::span<const Row> rows, std::int64_t n_rows) const;

  std::uint32_t context() const { return context_; }
  std::vector<double> epochs() const;  // of each source
  std::uint64_t n_targets() const;     // in one epoch of every source

  Json state() const;
  // Throws Error{config} when the state is of other files, another order of files or another context.
  void restore(const Json& state);

 private:
  struct Entry {
    Source source;
    SourceStream stream;
    std::uint64_t rows_taken = 0;
  };
  std::uint32_t context_;
  std::uint64_t rows_taken_ = 0;
  std::vector<Entry> entries_;
  std::vector<SourceView> views_;
};

// The held-out rows: the same fixed set at every evaluation. At most max_tokens of the validation split, spread over
// all of it; the sources by their size.
class HeldOut {
 public:
  HeldOut(const Corpus& corpus, std::uint32_t context, std::uint64_t max_tokens, std::uint64_t seed);
  const std::vector<Row>& rows() const { return rows_; }
  Batch assemble(std::span<const Row> rows, std::int64_t n_rows) const;

 private:
  std::uint32_t context_;
  std::vector<Row> rows_;
  std::vector<SourceView> views_;
};

}  // namespace hearth::data
