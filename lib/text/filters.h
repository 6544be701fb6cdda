// SPDX-License-Identifier: Apache-2.0
// The least that is asked of a document. The stages of a corpus are listed in lib/tools/shard_stages.cpp.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/text/stage.h"

namespace hearth::text {

// "too-short": fewer than least characters (code points), white space at both ends not counted.
class LengthFilter : public DocumentStage {
 public:
  explicit LengthFilter(std::uint64_t least_characters) : least_(least_characters) {}
  std::string_view name() const override { return "length"; }
  std::optional<Rejection> decide(Candidate& candidate) const override;

 private:
  std::uint64_t least_;
};

}  // namespace hearth::text
