// SPDX-License-Identifier: Apache-2.0
#include "formats/checkpoint_table.h"

#include <algorithm>
#include <span>

#include "lib/base/text.h"

namespace hearth::formats {
namespace {

// The columns under slabs/, in this order.
constexpr std::pair<const char*, std::uint64_t Slab::*> slab_columns[] = {
    {"tensor", &Slab::tensor}, {"first_row", &Slab::first_row}, {"n_rows", &Slab::n_rows},    {"file", &Slab::file},
    {"offset", &Slab::offset}, {"bytes", &Slab::bytes},         {"checksum", &Slab::checksum}};

constexpr std::int64_t no_axis = -1;  // fills the rows of table/shape beyond a tensor's rank

}  // namespace

std::string checkpoint_part_name(int part) {
  const std::string digits = std::to_string(part);
  return "part-" + std::string(5 - std::min<std::size_t>(digits.size(), 5), '0') + digits + ".h5";
}

std::vector<std::uint64_t> checkpoint_extents(const Shape& shape) {
  std::vector<std::uint64_t> extents(shape.begin(), shape.end());
  if (extents.empty()) extents.push_back(1);
  return extents;
}

void CheckpointTable::write(Hdf5Writer& file) const {
  std::vector<std::string> names, dtypes;
  std::vector<std::int64_t> shapes;
  for (const CheckpointTensor& tensor : tensors) {
    names.push_back(tensor.name);
    dtypes.emplace_back(name_of(tensor.dtype));
    for (int axis = 0; axis < Shape::max_rank; ++axis) {
      shapes.push_back(axis < tensor.shape.rank() ? tensor.shape[axis] : no_axis);
    }
  }
  file.write_text("table/name", join(names, "\n"));
  file.write_text("table/dtype", join(dtypes, "\n"));
  const std::uint64_t extents[2] = {tensors.size(), Shape::max_rank};
  file.write("table/shape", DType::i64, extents, std::as_bytes(std::span(shapes)));
  for (const auto& [name, field] : slab_columns) {
    std::vector<std::uint64_t> column;
    for (const Slab& slab : slabs) column.push_back(slab.*field);
    file.write(std::string("slabs/") + name, column);
  }
}

CheckpointTable CheckpointTable::read(const Hdf5Reader& file,
                                      const std::function<void(const std::string&)>& contradiction) {
  CheckpointTable table;
  const std::string names = file.read_text("table/name"), dtypes = file.read_text("table/dtype");
  const std::vector<std::int64_t> shapes = file.read<std::int64_t>("table/shape");
  const std::size_t n_tensors = shapes.size() / Shape::max_rank;
  const std::vector<std::string> name_list = split(names, '\n'), dtype_list = split(dtypes, '\n');
  if (n_tensors > 0 && (name_list.size() != n_tensors || dtype_list.size() != n_tensors)) {
    contradiction("its table of tensors contradicts itself");
  }
  for (std::size_t i = 0; i < n_tensors; ++i) {
    const auto row = std::span(shapes).subspan(i * Shape::max_rank, Shape::max_rank);
    const auto rank_end = std::find(row.begin(), row.end(), no_axis);
    if (std::any_of(row.begin(), rank_end, [](std::int64_t extent) { return extent < 0; })) {
      contradiction("a negative extent");
    }
    const Shape shape(row.first(static_cast<std::size_t>(rank_end - row.begin())));
    table.tensors.push_back({name_list[i], dtype_from_name(dtype_list[i]), shape, 0});
  }
  for (const auto& [name, field] : slab_columns) {
    const std::vector<std::uint64_t> column = file.read<std::uint64_t>(std::string("slabs/") + name);
    if (table.slabs.empty()) table.slabs.resize(column.size());
    if (column.size() != table.slabs.size()) contradiction("its table of slabs contradicts itself");
    for (std::size_t i = 0; i < column.size(); ++i) table.slabs[i].*field = column[i];
  }
  if (std::ranges::any_of(table.slabs, [&](const Slab& slab) { return slab.tensor >= n_tensors; })) {
    contradiction("a slab of no tensor or file");
  }
  return table;
}

}  // namespace hearth::formats
