// SPDX-License-Identifier: Apache-2.0
// Which tensors there are and where their bytes lie: the table that stands in each part of a checkpoint for what that
// part holds, and in the index for all of it. For checkpoint*.cpp only.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "formats/checkpoint.h"
#include "formats/hdf5_file.h"

namespace hearth::formats {

constexpr FormatVersion checkpoint_index_version{"checkpoint", 1, 0, "hearth pretrain"};
constexpr FormatVersion checkpoint_part_version{"checkpoint-part", 1, 1, "hearth pretrain"};
constexpr const char* checkpoint_index_name = "index.h5";
constexpr const char* checkpoint_way_out = "restore it from a copy or resume from another checkpoint";

std::string checkpoint_part_name(int part);                         // "part-00000.h5"
std::vector<std::uint64_t> checkpoint_extents(const Shape& shape);  // as HDF5 shows it: a scalar is one row
inline std::string checkpoint_dataset(const std::string& tensor) {
  return "tensors/" + tensor;
}

// Rows [first_row, first_row + n_rows) of a tensor: where their bytes lie. A scalar counts as one row.
struct Slab {
  std::uint64_t tensor = 0, first_row = 0, n_rows = 0, file = 0, offset = 0, bytes = 0, checksum = 0;
};

struct CheckpointTable {
  std::vector<CheckpointTensor> tensors;  // checksums unset
  std::vector<Slab> slabs;

  void write(Hdf5Writer& file) const;
  // contradiction(what) throws the file's error.
  static CheckpointTable read(const Hdf5Reader& file, const std::function<void(const std::string&)>& contradiction);
};

}  // namespace hearth::formats
