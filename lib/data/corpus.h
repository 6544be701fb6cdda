// SPDX-License-Identifier: Apache-2.0
// The tokens files of a run, opened together and checked to belong together.
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

class Corpus {
 public:
  struct Source {
    std::string path;
    double weight = 0;  // its share of rows; all sum to 1. 0: it holds no training tokens, only held-out ones
    std::unique_ptr<formats::TokensReader> reader;
  };

  // Files without a weight share what the others leave, by their number of training tokens. Throws Error{config} when
  // the files were made with different tokenizers, or the weights leave nothing to share.
  explicit Corpus(const std::vector<SourceSpec>& specs);

  const std::vector<Source>& sources() const { return sources_; }
  const formats::TokensHeader& header() const { return sources_.front().reader->header(); }
  std::uint64_t n_tokens(formats::Split split) const;

 private:
  std::vector<Source> sources_;
};

}  // namespace hearth::data
