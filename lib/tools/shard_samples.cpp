// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/shard_samples.h"

#include <algorithm>
#include <utility>

#include "lib/base/digest.h"
#include "lib/base/json_value.h"
#include "lib/text/encoding.h"

namespace hearth::tools::shard {
namespace {

constexpr std::size_t excerpt_bytes = 700;

// The beginning of text as valid UTF-8; what is none becomes U+FFFD.
std::string excerpt_of(std::string_view text) {
  std::string excerpt;
  std::size_t at = 0;
  while (at < text.size() && excerpt.size() < excerpt_bytes) {
    const std::size_t length = text::utf8_sequence(text, at);
    excerpt += length > 0 ? std::string(text.substr(at, length)) : "\uFFFD";
    at += std::max<std::size_t>(length, 1);
  }
  if (at < text.size()) excerpt += " \u2026";
  return excerpt;
}

}  // namespace

void Samples::offer(const std::string& kind, std::string_view id, std::string_view source, std::string_view type,
                    std::string_view detail, std::string_view text) {
  auto& chosen = by_kind_[kind];
  const std::uint64_t place = hash128(std::to_string(seed_) + std::string(id)).low;
  if (chosen.size() == of_each_ && place >= chosen.rbegin()->first) return;
  add(kind, place, {std::string(source), std::string(type), excerpt_of(detail), excerpt_of(text)});
}

void Samples::add(const std::string& kind, std::uint64_t place, Sample sample) {
  auto& chosen = by_kind_[kind];
  chosen.insert_or_assign(place, std::move(sample));
  if (chosen.size() > of_each_) chosen.erase(std::prev(chosen.end()));
}

Json Samples::json() const {
  Json kinds = Json::object();
  for (const auto& [kind, chosen] : by_kind_) {
    for (const auto& [place, sample] : chosen)
      kinds[kind].push_back({place, sample.source, sample.type, sample.detail, sample.excerpt});
  }
  return kinds;
}

void Samples::add(const Json& other) {
  for (const auto& [kind, chosen] : other.items()) {
    for (const Json& sample : chosen) {
      add(kind, sample[0].get<std::uint64_t>(),
          {sample[1].get<std::string>(), sample[2].get<std::string>(), sample[3].get<std::string>(),
           sample[4].get<std::string>()});
    }
  }
}

std::vector<Sample> Samples::of(const std::string& kind) const {
  std::vector<Sample> samples;
  if (const auto found = by_kind_.find(kind); found != by_kind_.end()) {
    for (const auto& [place, sample] : found->second) samples.push_back(sample);
  }
  return samples;
}

}  // namespace hearth::tools::shard
