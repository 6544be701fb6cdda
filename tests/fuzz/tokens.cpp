// SPDX-License-Identifier: Apache-2.0
#include "formats/tokens.h"

#include "tests/fuzz/hdf5.h"

FUZZ_TARGET(tokens) {
  const hearth::fuzz::MemoryFile file(bytes);
  const hearth::fuzz::AllClosed all_closed;
  const hearth::formats::TokensReader reader(file.path());
  reader.verify();
}
