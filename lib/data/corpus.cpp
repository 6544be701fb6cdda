// SPDX-License-Identifier: Apache-2.0
#include "lib/data/corpus.h"

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "lib/base/error.h"

namespace hearth::data {
namespace {

void resolve_weights(const std::vector<SourceSpec>& specs, std::vector<Corpus::Source>& sources) {
  double given = 0, unweighted_tokens = 0;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    if (specs[i].weight)
      given += *specs[i].weight;
    else
      unweighted_tokens += static_cast<double>(sources[i].reader->split(formats::Split::train).n_tokens());
  }
  const bool all_given = unweighted_tokens == 0;
  if (!all_given && given >= 1) {
    throw Error(Kind::config,
                "--data: the weights given leave nothing for the files without one: give every file a weight, "
                "or make those given sum to less than 1");
  }
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const auto n_tokens = static_cast<double>(sources[i].reader->split(formats::Split::train).n_tokens());
    sources[i].weight = specs[i].weight ? *specs[i].weight / (all_given ? given : 1)
                        : n_tokens > 0  ? (1 - given) * n_tokens / unweighted_tokens
                                        : 0;
  }
}

}  // namespace

SourceSpec parse_source(const std::string& text) {
  const std::size_t equals = text.rfind('=');
  std::error_code ignored;
  if (equals == std::string::npos || std::filesystem::exists(text, ignored)) return {text, {}};
  const std::string number = text.substr(equals + 1);
  char* end = nullptr;
  const double weight = std::strtod(number.c_str(), &end);
  if (number.empty() || *end != '\0' || !(weight > 0) || !std::isfinite(weight)) {
    throw Error(Kind::usage, "--data " + text + ": '" + number + "' is not a positive weight (FILE or FILE=WEIGHT)");
  }
  return {text.substr(0, equals), weight};
}

Corpus::Corpus(const std::vector<SourceSpec>& specs) {
  if (specs.empty()) throw Error(Kind::usage, "no data: name at least one tokens file by --data");
  for (const SourceSpec& spec : specs) {
    sources_.push_back({spec.path, 0, std::make_unique<formats::TokensReader>(spec.path)});
    const Source& opened = sources_.back();
    if (spec.weight && opened.reader->split(formats::Split::train).n_tokens() == 0) {
      throw Error(Kind::data, spec.path + ": holds no training tokens to give a weight to");
    }
    const formats::TokensHeader &first = header(), &other = opened.reader->header();
    if (first.tokenizer_digest != other.tokenizer_digest || first.vocab_size != other.vocab_size) {
      throw Error(Kind::config, spec.path + ": was encoded with another tokenizer than " + sources_.front().path +
                                    ": encode both with one (`tokenize encode --tokenizer`)");
    }
  }
  if (n_tokens(formats::Split::train) == 0) throw Error(Kind::data, specs.front().path + ": holds no training tokens");
  resolve_weights(specs, sources_);
}

std::uint64_t Corpus::n_tokens(formats::Split split) const {
  std::uint64_t sum = 0;
  for (const Source& source : sources_) sum += source.reader->split(split).n_tokens();
  return sum;
}

}  // namespace hearth::data
