// SPDX-License-Identifier: Apache-2.0
// A few documents of each kind for people to look at, kept and rejected by each rule: those of least hash, so the same
// ones for the same corpus and seed, from all over it.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/json.h"

namespace hearth::tools::shard {

struct Sample {
  std::string source, type, detail, excerpt;
};

class Samples {
 public:
  explicit Samples(std::uint64_t seed, std::size_t of_each = 10) : seed_(seed), of_each_(of_each) {}

  // kind: a reason, or "kept", or "cut: STAGE". text may hold any bytes; its beginning is taken.
  void offer(const std::string& kind, std::string_view id, std::string_view source, std::string_view type,
             std::string_view detail, std::string_view text);
  std::vector<Sample> of(const std::string& kind) const;

  Json json() const;            // for other ranks
  void add(const Json& other);  // those another rank chose

 private:
  void add(const std::string& kind, std::uint64_t place, Sample sample);

  std::uint64_t seed_;
  std::size_t of_each_;
  std::map<std::string, std::map<std::uint64_t, Sample>> by_kind_;  // by hash of id and seed
};

}  // namespace hearth::tools::shard
