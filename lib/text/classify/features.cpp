// SPDX-License-Identifier: Apache-2.0
#include "lib/text/classify/features.h"

#include <bit>
#include <cmath>

#include "lib/base/error.h"
#include "lib/text/dedup/words.h"

namespace hearth::text::classify {
namespace {

constexpr std::size_t first_table_size = 4096;

std::uint64_t pair_of(std::uint64_t first, std::uint64_t second) {
  return dedup::mix64(first + dedup::hash_step * (second | 1));
}

}  // namespace

FeatureMaker::FeatureMaker(std::uint64_t n_buckets)
    : shift_(64 - std::countr_zero(n_buckets)), table_(first_table_size) {
  HEARTH_CHECK(std::has_single_bit(n_buckets) && shift_ >= 32 && shift_ < 64, "buckets: a power of two, 2 to 2^32");
}

const std::vector<Feature>& FeatureMaker::make(std::string_view text) {
  features_.clear();
  if (++round_ == 0) {
    table_.assign(table_.size(), {});
    round_ = 1;
  }
  dedup::FoldedWords words(text);
  std::uint64_t before = 0;
  bool first = true;
  for (dedup::Word word; words.next(word); first = false) {
    count(word.numberless);
    if (!first) count(pair_of(before, word.numberless));
    before = word.numberless;
  }
  double squares = 0;
  for (Feature& feature : features_) {
    feature.value = 1 + std::log(feature.value);
    squares += double{feature.value} * feature.value;
  }
  const auto scale = static_cast<float>(1 / std::sqrt(squares));
  for (Feature& feature : features_) feature.value *= scale;
  return features_;
}

void FeatureMaker::count(std::uint64_t hash) {
  const auto bucket = static_cast<std::uint32_t>(hash >> shift_);
  const std::size_t mask = table_.size() - 1;
  for (std::size_t at = bucket * 0x9e3779b1u & mask;; at = (at + 1) & mask) {
    Place& place = table_[at];
    if (place.round != round_) {
      place = {static_cast<std::uint32_t>(features_.size()), round_};
      features_.push_back({bucket, 1});
      if (2 * features_.size() > table_.size()) grow();
      return;
    }
    if (features_[place.feature].bucket == bucket) {
      features_[place.feature].value += 1;
      return;
    }
  }
}

void FeatureMaker::grow() {
  table_.assign(2 * table_.size(), {});
  round_ = 1;
  const std::size_t mask = table_.size() - 1;
  for (std::uint32_t i = 0; i < features_.size(); ++i) {
    std::size_t at = features_[i].bucket * 0x9e3779b1u & mask;
    while (table_[at].round == round_) at = (at + 1) & mask;
    table_[at] = {i, round_};
  }
}

}  // namespace hearth::text::classify
