// SPDX-License-Identifier: Apache-2.0
// gzip, zstd, xz and bzip2, told apart by their first bytes as everywhere.
#include <algorithm>
#include <array>

#include "formats/text_stream.h"
#include "tests/fuzz/fuzz.h"

FUZZ_TARGET(decoders) {
  hearth::formats::TextStream stream("bytes", [left = bytes](std::span<char> out) mutable {
    const std::size_t n = std::min(out.size(), left.size());
    std::copy_n(left.data(), n, out.data());
    left.remove_prefix(n);
    return n;
  });
  static std::array<char, 1 << 16> out;
  for (std::size_t total = 0; total < (8u << 20);) {
    const std::size_t got = stream.read(out);
    hearth::fuzz::require(got <= out.size(), "no more than was asked for");
    if (got == 0) break;
    total += got;
  }
}
