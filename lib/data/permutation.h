// SPDX-License-Identifier: Apache-2.0
// A shuffle without a table: a keyed bijection of [0, n), so that the order of a corpus costs no memory however large
// it is. A Feistel network over the next power of four, walked until the value falls inside (Black and Rogaway,
// "Ciphers with arbitrary finite domains", CT-RSA 2002).
#pragma once
#include <cstdint>

namespace hearth::data {

class Permutation {
 public:
  Permutation(std::uint64_t n, std::uint64_t key);
  std::uint64_t size() const { return n_; }
  std::uint64_t operator()(std::uint64_t index) const;  // index in [0, n)

 private:
  std::uint64_t encrypt(std::uint64_t value) const;

  std::uint64_t n_, key_;
  int half_bits_;
};

}  // namespace hearth::data
