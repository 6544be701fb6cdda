// SPDX-License-Identifier: Apache-2.0
// What is read with HDF5 around it: the library itself is not at issue, and its own faults would hide ours, so bytes it
// does not open are let pass; its reports of damage are Errors.
#include "formats/tokens.h"

#include "tests/fuzz/fuzz.h"

FUZZ_TARGET(tokens) {
  const hearth::fuzz::MemoryFile file(bytes);
  const hearth::formats::TokensReader reader(file.path());
  reader.verify();
}
