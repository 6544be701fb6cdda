// SPDX-License-Identifier: Apache-2.0
// A text as a sparse vector for a linear classifier: its folded words and pairs of neighbours, hashed into buckets
// ("folded-words-2", formats/classifier.md).
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

namespace hearth::text::classify {

struct Feature {
  std::uint32_t bucket = 0;
  float value = 0;  // (1 + ln n) of a bucket met n times, over the length of the whole vector
};

// Makes one vector after another; holds the memory they need. Not thread-safe: one a thread.
class FeatureMaker {
 public:
  explicit FeatureMaker(std::uint64_t n_buckets);  // a power of two, at most 2^32
  // In order of their first appearance; none for a text without words.
  const std::vector<Feature>& make(std::string_view text);

 private:
  struct Place {
    std::uint32_t feature = 0;  // its place in features_
    std::uint32_t round = 0;    // of make, in which it was used last
  };
  void count(std::uint64_t hash);
  void grow();

  int shift_;
  std::vector<Feature> features_;  // value: how often, until the end
  std::vector<Place> table_;       // by bucket, linear probing; at least twice as many as features
  std::uint32_t round_ = 0;
};

}  // namespace hearth::text::classify
