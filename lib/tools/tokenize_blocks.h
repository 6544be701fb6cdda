// SPDX-License-Identifier: Apache-2.0
// Documents encoded block by block, and how a block lies in the work folder until all are done.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "formats/documents.h"

namespace hearth::tools {

// One block of documents, encoded.
struct EncodedBlock {
  struct Part {
    formats::Split split = formats::Split::train;
    std::string type, source;
    std::uint64_t text_bytes = 0;
    std::uint64_t end = 0;  // in ids
  };
  std::vector<std::uint32_t> ids;
  std::vector<Part> parts;

  std::string packed() const;
  static EncodedBlock unpacked(std::string_view bytes);  // Error{data} when it is cut
};

}  // namespace hearth::tools
