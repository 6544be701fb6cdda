// SPDX-License-Identifier: Apache-2.0
#include "lib/text/filters.h"

#include <utility>

#include "lib/base/text.h"
#include "lib/text/encoding.h"

namespace hearth::text {
std::optional<Rejection> LengthFilter::decide(Candidate& candidate) const {
  const std::uint64_t n_characters = count_characters(trim(candidate.document.text));
  if (n_characters >= least_) return std::nullopt;
  return Rejection{"too-short",
                   std::to_string(n_characters) + " characters; at least " + std::to_string(least_) + " are wanted"};
}

}  // namespace hearth::text
