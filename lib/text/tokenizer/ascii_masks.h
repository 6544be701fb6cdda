// SPDX-License-Identifier: Apache-2.0
// The classes of 64 bytes at once, as one bit a byte: what the pre-tokenizers' boundary algebra (ascii_starts.h) works
// on. Read by vector instructions (Highway, dispatched at run time).
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace hearth::text {

// Bit i is about byte i. Letters, digits and so on are the ASCII ones; `tab` is the white space besides space, CR and
// LF; `control` is every other byte below 0x20, and 0x7F; `high` is every byte from 0x80 on.
struct AsciiMasks {
  std::uint64_t letter, upper, digit, space, tab, newline, high, apostrophe, slash, control;
};
constexpr std::size_t mask_bytes = 64;

// Reads the 64 bytes at p.
using AsciiClassifier = void (*)(const unsigned char* p, AsciiMasks& masks);
AsciiClassifier ascii_classifier();  // the fastest that this machine can run

// All that this machine can run. For tests; not while another thread encodes.
struct NamedClassifier {
  std::string name;
  AsciiClassifier classify;
};
std::vector<NamedClassifier> all_ascii_classifiers();

}  // namespace hearth::text
