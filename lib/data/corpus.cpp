// SPDX-License-Identifier: Apache-2.0
#include "lib/data/corpus.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "lib/base/error.h"
#include "lib/base/text.h"

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

double parse_weight(const std::string& option, const std::string& text, const std::string& number, const char* form) {
  char* end = nullptr;
  const double weight = std::strtod(number.c_str(), &end);
  if (number.empty() || *end != '\0' || !(weight > 0) || !std::isfinite(weight)) {
    throw Error(Kind::usage, option + " " + text + ": '" + number + "' is not a positive weight (" + form + ")");
  }
  return weight;
}

// Training tokens of each source of a file.
std::vector<std::uint64_t> tokens_by_source(const formats::TokensReader& reader) {
  const formats::TokensSplit& split = reader.split(formats::Split::train);
  std::vector<std::uint64_t> tokens(reader.sources().size());
  for (std::uint64_t i = 0; i < split.n_documents(); ++i) {
    tokens[split.document_source[i]] += split.document_offsets[i + 1] - split.document_offsets[i];
  }
  return tokens;
}

}  // namespace

SourceSpec parse_source(const std::string& text) {
  const std::size_t equals = text.rfind('=');
  std::error_code ignored;
  if (equals == std::string::npos || std::filesystem::exists(text, ignored)) return {text, {}};
  return {text.substr(0, equals), parse_weight("--data", text, text.substr(equals + 1), "FILE or FILE=WEIGHT")};
}

SourceWeight parse_source_weight(const std::string& text) {
  const std::size_t equals = text.rfind('=');
  if (equals == std::string::npos) throw Error(Kind::usage, "--weights " + text + ": expected SOURCE=WEIGHT");
  return {text.substr(0, equals), parse_weight("--weights", text, text.substr(equals + 1), "SOURCE=WEIGHT")};
}

Corpus::Corpus(const std::vector<SourceSpec>& specs, const std::vector<SourceWeight>& weights) {
  if (specs.empty()) throw Error(Kind::usage, "no data: name at least one tokens file by --data");
  std::vector<SourceSpec> files;  // the parts in place of an index
  for (const SourceSpec& spec : specs) {
    std::vector<formats::TokensReader> readers = formats::open_tokens(spec.path);
    std::uint64_t n_tokens = 0;
    for (const auto& reader : readers) n_tokens += reader.split(formats::Split::train).n_tokens();
    if (spec.weight && n_tokens == 0)
      throw Error(Kind::data, spec.path + ": holds no training tokens to give a weight to");
    for (formats::TokensReader& reader : readers) {
      files.push_back({reader.path(), spec.weight});
      if (spec.weight) {
        const auto part = static_cast<double>(reader.split(formats::Split::train).n_tokens());
        *files.back().weight *= part / static_cast<double>(n_tokens);
      }
      sources_.push_back({reader.path(), 0, std::make_unique<formats::TokensReader>(std::move(reader))});
      const formats::TokensHeader &first = header(), &other = sources_.back().reader->header();
      if (first.tokenizer_digest != other.tokenizer_digest || first.vocab_size != other.vocab_size) {
        throw Error(Kind::config, spec.path + ": was encoded with another tokenizer than " + sources_.front().path +
                                      ": encode both with one (`tokenize encode --tokenizer`)");
      }
    }
  }
  if (n_tokens(formats::Split::train) == 0) throw Error(Kind::data, specs.front().path + ": holds no training tokens");
  resolve_weights(files, sources_);
  const bool file_weights = std::any_of(specs.begin(), specs.end(), [](const auto& spec) { return spec.weight; });
  if (file_weights && !weights.empty()) {
    throw Error(Kind::config, "--data FILE=WEIGHT and --weights SOURCE=WEIGHT exclude each other");
  }
  make_parts(weights);
}

void Corpus::make_parts(const std::vector<SourceWeight>& weights) {
  for (std::size_t file = 0; file < sources_.size(); ++file) {
    const Source& source = sources_[file];
    if (weights.empty()) {
      const std::uint64_t n_tokens = source.reader->split(formats::Split::train).n_tokens();
      if (n_tokens > 0) parts_.push_back({source.path, file, {}, n_tokens, source.weight});
      continue;
    }
    const std::vector<std::string>& names = source.reader->sources();
    if (names.empty()) {
      throw Error(Kind::config, source.path + ": does not say where its documents are from: encode it again " +
                                    "(`tokenize encode`), or weigh whole files by --data FILE=WEIGHT");
    }
    const std::vector<std::uint64_t> tokens = tokens_by_source(*source.reader);
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (tokens[i] > 0) parts_.push_back({names[i], file, {static_cast<std::uint16_t>(i)}, tokens[i], 0});
    }
  }
  if (weights.empty()) return;
  double given = 0, left_tokens = 0;
  std::vector<double> shared_tokens(weights.size());  // of all parts of a name
  const auto weight_of = [&](const Part& part) {
    const auto named = [&](const SourceWeight& weight) { return weight.source == part.name; };
    return static_cast<std::size_t>(std::find_if(weights.begin(), weights.end(), named) - weights.begin());
  };
  for (const Part& part : parts_) {
    const std::size_t i = weight_of(part);
    (i < weights.size() ? shared_tokens[i] : left_tokens) += static_cast<double>(part.n_tokens);
  }
  for (std::size_t i = 0; i < weights.size(); ++i) {
    given += weights[i].weight;
    if (shared_tokens[i] > 0) continue;
    std::vector<std::string> names;
    for (const Part& part : parts_) names.push_back(part.name);
    const auto nearest = nearest_word(weights[i].source, names);
    throw Error(Kind::config, "--weights " + weights[i].source + ": no document to train on is from there" +
                                  (nearest ? "; did you mean '" + *nearest + "'?"
                                           : "; sources are " + join(names, ", ").substr(0, 200)));
  }
  if (left_tokens > 0 && given >= 1) {
    throw Error(Kind::config,
                "--weights: the weights given leave nothing for the sources without one: name every "
                "source, or let those given sum to less than 1");
  }
  for (Part& part : parts_) {
    const std::size_t i = weight_of(part);
    const auto n_tokens = static_cast<double>(part.n_tokens);
    part.weight = i == weights.size() ? (1 - given) * n_tokens / left_tokens
                                      : weights[i].weight / (left_tokens > 0 ? 1 : given) * n_tokens / shared_tokens[i];
  }
}

void Corpus::cap_epochs(double total_tokens, double max_epochs) {
  double available = 0;
  for (const Part& part : parts_) available += max_epochs * static_cast<double>(part.n_tokens);
  if (available < total_tokens) {
    throw Error(Kind::config, "--max-epochs " + format_number(max_epochs, 3) + ": the data give " +
                                  human_count(available) + " tokens at that, the run wants " +
                                  human_count(total_tokens) + ": train on fewer (--tokens), or allow more epochs");
  }
  std::vector<bool> capped(parts_.size());
  for (bool changed = true; changed;) {  // each pass caps one part at least
    changed = false;
    double fixed = 0, open = 0;
    for (std::size_t i = 0; i < parts_.size(); ++i) (capped[i] ? fixed : open) += parts_[i].weight;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      if (capped[i]) continue;
      parts_[i].weight *= (1 - fixed) / open;
    }
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      const double most = max_epochs * static_cast<double>(parts_[i].n_tokens) / total_tokens;
      if (capped[i] || parts_[i].weight <= most) continue;
      parts_[i].weight = most;
      capped[i] = changed = true;
    }
  }
}

std::uint64_t Corpus::n_tokens(formats::Split split) const {
  std::uint64_t sum = 0;
  for (const Source& source : sources_) sum += source.reader->split(split).n_tokens();
  return sum;
}

}  // namespace hearth::data
