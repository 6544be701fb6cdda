// SPDX-License-Identifier: Apache-2.0
// The bytes of one input file, plain or compressed, never more than a limit.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "lib/text/stage.h"
#include "lib/tools/shard_walk.h"

namespace hearth::tools::shard {

// Reads the file (decompressed, where its name ends in .gz, .zst, .xz or .bz2) into bytes. Rejections: "too-large" for
// more than max_bytes, of which the beginning is in bytes; "not-text" when the beginning is binary, without reading the
// rest; "damaged" for a broken compressed stream; "missing" when it vanished; "changed" when it is not what the walk
// found, or does not stay the same while it is read; "special-file" for a file that says it is empty and is not (those
// of /proc); "unreadable" with the system's reason.
// With any_data, what the beginning looks like is no matter: a parser of the user's reads it.
std::optional<text::Rejection> read_bounded(const FoundFile& file, std::uint64_t max_bytes, std::string& bytes,
                                            bool any_data = false);

// Up to count bytes from the beginning; fewer, or none, when there are no more or the file cannot be read.
std::string read_head(const std::filesystem::path& path, std::size_t count);

// True when size or time of change are not what the walk found.
bool has_changed(const FoundFile& file);
text::Rejection changed_while_read();

}  // namespace hearth::tools::shard
