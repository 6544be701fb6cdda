// SPDX-License-Identifier: Apache-2.0
// The bytes of one input file, plain or compressed, never more than a limit.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "lib/text/stage.h"

namespace hearth::tools::shard {

// Reads the file (gzip and zstd decompressed) into bytes. Rejections: "too-large" for more than max_bytes, of which the
// beginning is in bytes; "not-text" when the beginning is binary, without reading the rest; "damaged" for a broken
// compressed stream; "missing" when it vanished; "unreadable" with the system's reason.
std::optional<text::Rejection> read_bounded(const std::filesystem::path& path, std::uint64_t max_bytes,
                                            std::string& bytes);

}  // namespace hearth::tools::shard
