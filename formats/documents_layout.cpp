// SPDX-License-Identifier: Apache-2.0
#include "formats/documents_layout.h"

namespace hearth::formats {

std::string_view name_of(Split split) {
  constexpr std::array<std::string_view, n_splits> names{"train", "validation", "test"};
  return names[static_cast<std::size_t>(split)];
}

namespace documents {

std::uint64_t BlockColumns::checksum() const {
  std::vector<std::uint64_t> hashes;
  const auto add = [&](const auto& array) { hashes.push_back(hash64(std::as_bytes(std::span(array)))); };
  for (const Strings& column : strings) {
    add(column.ends);
    add(column.bytes);
  }
  add(text_ranges);
  add(splits);
  return hash64(std::as_bytes(std::span(hashes)));
}

}  // namespace documents
}  // namespace hearth::formats
