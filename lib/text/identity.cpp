// SPDX-License-Identifier: Apache-2.0
#include "lib/text/identity.h"

#include <span>

#include "lib/base/rng.h"
#include "lib/base/text.h"

namespace hearth::text {

std::string document_id(std::uint64_t path_hash, const Hash128& text_hash) {
  return Hash128{path_hash, text_hash.high}.hex();
}

std::uint64_t hash_path(std::string_view path) {
  return hash64(std::as_bytes(std::span(path.data(), path.size()))) & ~std::uint64_t{1};
}

Hash128 hash_text(std::string_view text) {
  return hash128(trim(text));
}

formats::Split choose_split(const Hash128& text_hash, std::uint64_t seed, const SplitFractions& fractions) {
  const double place = static_cast<double>(mix_seed(text_hash.low, seed) >> 11) * 0x1p-53;  // uniform in [0, 1)
  if (place < fractions.validation) return formats::Split::validation;
  return place >= 1 - fractions.test ? formats::Split::test : formats::Split::train;
}

}  // namespace hearth::text
