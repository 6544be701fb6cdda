// SPDX-License-Identifier: Apache-2.0
#include "lib/store/convert.h"

#include <cstring>

namespace hearth::store {
namespace {

template <class From, class To>
void convert_each(const std::byte* from, std::size_t count, To* to) {
  for (std::size_t i = 0; i < count; ++i) {
    From value;
    std::memcpy(&value, from + i * sizeof(From), sizeof(From));
    to[i] = static_cast<To>(static_cast<float>(value));
  }
}

}  // namespace

void convert(std::span<const std::byte> from, DType stored, Tensor to, std::int64_t first) {
  const auto known = [](DType dtype) { return dtype == DType::f32 || dtype == DType::bf16; };
  HEARTH_CHECK(known(stored) && known(to.dtype), "models are f32 or bf16");
  const std::size_t count = from.size() / size_of(stored);
  HEARTH_CHECK(first + static_cast<std::int64_t>(count) <= to.n_elements(), "more elements than room");
  if (stored == to.dtype) {
    std::memcpy(to.data + static_cast<std::size_t>(first) * size_of(stored), from.data(), from.size());
  } else if (stored == DType::f32) {
    convert_each<float>(from.data(), count, to.as<bf16>() + first);
  } else {
    convert_each<bf16>(from.data(), count, to.as<float>() + first);
  }
}

}  // namespace hearth::store
