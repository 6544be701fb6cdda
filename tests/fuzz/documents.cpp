// SPDX-License-Identifier: Apache-2.0
#include "formats/documents.h"

#include "tests/fuzz/hdf5.h"

FUZZ_TARGET(documents) {
  const hearth::fuzz::MemoryFile file(bytes);
  const hearth::fuzz::AllClosed all_closed;
  const hearth::formats::DocumentsReader reader(file.path());
  for (std::uint64_t block = 0; block < reader.n_blocks(); ++block) reader.read_block(block);
}
