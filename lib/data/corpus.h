// SPDX-License-Identifier: Apache-2.0
// The tokens files of a run, opened together and checked to belong together, and how much of each part of them training
// sees: by file, or by the sources of their documents.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "formats/tokens.h"

namespace hearth::data {

// "tokens.h5" or "tokens.h5=0.3". A name that exists as a file as it stands carries no weight.
struct SourceSpec {
  std::string path;
  std::optional<double> weight;
};
SourceSpec parse_source(const std::string& text);  // Error{usage} for a weight that is not a positive number

// "docs=0.5": documents of the source docs shall make half of the rows.
struct SourceWeight {
  std::string source;
  double weight = 0;
};
SourceWeight parse_source_weight(const std::string& text);  // Error{usage}

class Corpus {
 public:
  struct Source {
    std::string path;
    double weight = 0;  // its share of rows; all sum to 1. 0: it holds no training tokens, only held-out ones
    std::unique_ptr<formats::TokensReader> reader;
  };

  // What rows are drawn from in turn: a whole file, or the documents of some sources of it.
  struct Part {
    std::string name;  // the file's path, or the source's name
    std::size_t file = 0;
    std::vector<std::uint16_t> only;  // of the file's sources, ascending; empty: all
    std::uint64_t n_tokens = 0;       // to train on, in one epoch
    double weight = 0;                // its share of rows; all sum to 1
  };

  // An index (formats/parts.h) stands for its parts, among which its weight is shared by their training tokens.
  // Files without a weight share what the others leave, by their number of training tokens. With weights of sources,
  // parts are sources instead: those that are named have the share given (over all files, by size), the rest shares
  // what is left. Throws Error{config} when the files were made with different tokenizers, when the weights leave
  // nothing to share, name a source no file has, or stand beside weights of files.
  explicit Corpus(const std::vector<SourceSpec>& specs, const std::vector<SourceWeight>& weights = {});

  const std::vector<Source>& sources() const { return sources_; }
  const std::vector<Part>& parts() const { return parts_; }
  const formats::TokensHeader& header() const { return sources_.front().reader->header(); }
  std::uint64_t n_tokens(formats::Split split) const;

  // Lowers the shares of parts that a run of total_tokens would see more often than max_epochs times; the others gain
  // in proportion. Throws Error{config} when the data are fewer than the run wants at that.
  void cap_epochs(double total_tokens, double max_epochs);

 private:
  void make_parts(const std::vector<SourceWeight>& weights);

  std::vector<Source> sources_;
  std::vector<Part> parts_;
};

}  // namespace hearth::data
