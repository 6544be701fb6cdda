// SPDX-License-Identifier: Apache-2.0
// One output of many ranks: a file of each rank, and an index that stands for all of them. The index is a file of the
// same format that requires the feature "parts" and holds, in place of content, where the parts lie (formats/hdf5.md).
#pragma once
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "formats/hdf5_file.h"
#include "lib/base/json.h"

namespace hearth::formats {

struct Part {
  std::filesystem::path path;
  std::string digest;  // of its content: the part is this one and no other
};

constexpr std::string_view parts_feature = "parts";

// Parts lie in the index's folder or below it; paths are stored relative to it. provenance: of the whole. texts: what
// else the format has of the whole, (name, text).
void write_index(const std::filesystem::path& path, bool overwrite, const FormatVersion& version,
                 const std::vector<Part>& parts, const Json& provenance,
                 const std::vector<std::pair<std::string, std::string>>& texts = {});

// The parts of the index at path, in order; none when it is a whole file. Throws Error{data} when the index is damaged,
// also when it names files outside its folder.
std::vector<Part> parts_of(const Hdf5Reader& file, const std::filesystem::path& path);

// Throws Error{data} when the part at hand is not the one of the index.
void check_part(const std::filesystem::path& index, const Part& part, const std::string& digest);

}  // namespace hearth::formats
