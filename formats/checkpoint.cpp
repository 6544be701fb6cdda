// SPDX-License-Identifier: Apache-2.0
#include "formats/checkpoint.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "formats/hdf5_file.h"
#include "lib/base/digest.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/base/text.h"

namespace hearth::formats {
namespace {

constexpr FormatVersion index_version{"checkpoint", 1, 0, "hearth pretrain"};
constexpr FormatVersion part_version{"checkpoint-part", 1, 0, "hearth pretrain"};
constexpr const char* index_name = "index.h5";
constexpr const char* part_name = "part-00000.h5";
constexpr const char* way_out = "restore it from a copy or resume from another checkpoint";

// Rows [first_row, first_row + n_rows) of a tensor: where their bytes lie. A scalar counts as one row.
struct Slab {
  std::uint64_t tensor = 0, first_row = 0, n_rows = 0, file = 0, offset = 0, bytes = 0, checksum = 0;
};
// The columns under slabs/ of the index, in this order.
constexpr std::pair<const char*, std::uint64_t Slab::*> slab_columns[] = {
    {"tensor", &Slab::tensor}, {"first_row", &Slab::first_row}, {"n_rows", &Slab::n_rows},    {"file", &Slab::file},
    {"offset", &Slab::offset}, {"bytes", &Slab::bytes},         {"checksum", &Slab::checksum}};

// As HDF5 shows it: a scalar is one row.
std::vector<std::uint64_t> extents_of(const Shape& shape) {
  std::vector<std::uint64_t> extents(shape.begin(), shape.end());
  if (extents.empty()) extents.push_back(1);
  return extents;
}

std::string dataset_of(const std::string& tensor) { return "tensors/" + tensor; }

constexpr std::int64_t no_axis = -1;  // fills the rows of tensors/shape beyond a tensor's rank

}  // namespace

struct CheckpointWriter::State {
  fs::path folder, partial;
  std::unique_ptr<Hdf5Writer> part, index;
  std::vector<CheckpointTensor> tensors;
  std::vector<Slab> slabs;
  std::set<std::string> names;
  bool finished = false;

  ~State() {
    part.reset();
    index.reset();
    std::error_code ignored;
    if (!finished && !partial.empty()) fs::remove_all(partial, ignored);
  }

  void write_table() {
    std::vector<std::string> tensor_names, dtypes;
    std::vector<std::int64_t> shapes;
    for (const CheckpointTensor& tensor : tensors) {
      tensor_names.push_back(tensor.name);
      dtypes.emplace_back(name_of(tensor.dtype));
      for (int axis = 0; axis < Shape::max_rank; ++axis) {
        shapes.push_back(axis < tensor.shape.rank() ? tensor.shape[axis] : no_axis);
      }
    }
    index->write_text("table/name", join(tensor_names, "\n"));
    index->write_text("table/dtype", join(dtypes, "\n"));
    const std::uint64_t extents[2] = {tensors.size(), Shape::max_rank};
    index->write("table/shape", DType::i64, extents, std::as_bytes(std::span(shapes)));
    for (const auto& [name, field] : slab_columns) {
      std::vector<std::uint64_t> column;
      for (const Slab& slab : slabs) column.push_back(slab.*field);
      index->write(std::string("slabs/") + name, column);
    }
    index->write_text("files", part_name);
  }

  // The parameters as people see them with h5ls or h5py.
  void write_views() {
    for (const Slab& slab : slabs) {
      const CheckpointTensor& tensor = tensors[slab.tensor];
      if (slab.bytes == 0) continue;
      const VirtualPiece piece{part_name, "/" + dataset_of(tensor.name), slab.first_row, slab.n_rows};
      index->write_virtual(dataset_of(tensor.name), tensor.dtype, extents_of(tensor.shape), std::span(&piece, 1));
    }
  }
};

CheckpointWriter::CheckpointWriter(fs::path folder) : state_(std::make_unique<State>()) {
  if (!folder.has_filename()) folder = folder.parent_path();  // "a/b/"
  require_creatable(folder, false);
  state_->folder = folder;
  const fs::path partial = folder.string() + ".partial";
  std::error_code error;
  fs::remove_all(partial, error);
  if (!error) fs::create_directory(partial, error);
  if (error) throw Error(Kind::cannot_create, system_error(partial.string(), error.value()).what());
  state_->partial = partial;
  state_->part = std::make_unique<Hdf5Writer>(partial / part_name, false, part_version);
  state_->index = std::make_unique<Hdf5Writer>(partial / index_name, false, index_version);
}
CheckpointWriter::~CheckpointWriter() = default;

const fs::path& CheckpointWriter::partial_folder() const { return state_->partial; }

void CheckpointWriter::add(const std::string& name, const Tensor& value) {
  HEARTH_CHECK(!name.empty() && name.find('\n') == std::string::npos, "a tensor's name is empty or has a line break");
  HEARTH_CHECK(state_->names.insert(name).second, "tensor " + name + " was added twice");
  const std::vector<std::uint64_t> extents = extents_of(value.shape);
  const std::span<const std::byte> bytes(value.data, value.bytes());
  const std::uint64_t offset = state_->part->reserve(dataset_of(name), value.dtype, extents);
  state_->part->raw().write_at(offset, bytes);
  const std::uint64_t checksum = hash64(bytes);
  state_->slabs.push_back({state_->tensors.size(), 0, extents[0], 0, offset, bytes.size(), checksum});
  state_->tensors.push_back({name, value.dtype, value.shape, checksum});
}

void CheckpointWriter::add_json(const std::string& name, std::string_view text) {
  state_->index->write_text("json/" + name, text);
}

void CheckpointWriter::finish(const Json& provenance) {
  State& state = *state_;
  state.write_table();
  state.write_views();
  state.index->write_text("provenance", dump_json(provenance));
  state.part->finish();
  state.index->finish();
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(state.partial)) {
    if (entry.is_regular_file()) sync_file(entry.path());
    if (entry.is_directory()) sync_folder(entry.path());
  }
  sync_folder(state.partial);
  std::error_code error;
  fs::rename(state.partial, state.folder, error);
  if (error) throw system_error(state.folder.string(), error.value());
  state.finished = true;
  sync_folder(state.folder.has_parent_path() ? state.folder.parent_path() : fs::path("."));
}

struct CheckpointReader::State {
  fs::path folder;
  std::unique_ptr<Hdf5Reader> index;
  std::vector<CheckpointTensor> tensors;
  std::vector<std::vector<Slab>> slabs;  // of each tensor, by first row
  std::map<std::string, std::size_t> positions;
  std::vector<RawFile> files;

  std::string index_path() const { return (folder / index_name).string(); }

  [[noreturn]] void contradiction(const std::string& what) const {
    throw Error(Kind::data, index_path() + ": " + what + "; the file is damaged: " + way_out);
  }

  void read_tensors() {
    const std::string names = index->read_text("table/name"), dtypes = index->read_text("table/dtype");
    const std::vector<std::int64_t> shapes = index->read<std::int64_t>("table/shape");
    const std::size_t n_tensors = shapes.size() / Shape::max_rank;
    if (n_tensors == 0) return;
    const std::vector<std::string> name_list = split(names, '\n'), dtype_list = split(dtypes, '\n');
    if (name_list.size() != n_tensors || dtype_list.size() != n_tensors)
      contradiction("its table of tensors contradicts itself");
    for (std::size_t i = 0; i < n_tensors; ++i) {
      const auto row = std::span(shapes).subspan(i * Shape::max_rank, Shape::max_rank);
      const auto rank_end = std::find(row.begin(), row.end(), no_axis);
      if (std::any_of(row.begin(), rank_end, [](std::int64_t extent) { return extent < 0; }))
        contradiction("a negative extent");
      const Shape shape(row.first(static_cast<std::size_t>(rank_end - row.begin())));
      tensors.push_back({name_list[i], dtype_from_name(dtype_list[i]), shape, 0});
      if (!positions.emplace(name_list[i], i).second) contradiction("tensor " + name_list[i] + " stands in it twice");
    }
  }

  void read_slabs() {
    slabs.resize(tensors.size());
    std::vector<Slab> all;
    for (const auto& [name, field] : slab_columns) {
      const std::vector<std::uint64_t> column = index->read<std::uint64_t>(std::string("slabs/") + name);
      if (all.empty()) all.resize(column.size());
      if (column.size() != all.size()) contradiction("its table of slabs contradicts itself");
      for (std::size_t i = 0; i < column.size(); ++i) all[i].*field = column[i];
    }
    for (const Slab& slab : all) {
      if (slab.tensor >= tensors.size() || slab.file >= files.size()) contradiction("a slab of no tensor or file");
      slabs[slab.tensor].push_back(slab);
    }
    for (std::size_t i = 0; i < tensors.size(); ++i) check_slabs(tensors[i], slabs[i]);
  }

  // The slabs cover the tensor's rows once, and lie within their files.
  void check_slabs(CheckpointTensor& tensor, std::vector<Slab>& pieces) const {
    std::sort(pieces.begin(), pieces.end(), [](const Slab& a, const Slab& b) { return a.first_row < b.first_row; });
    const std::uint64_t n_rows = extents_of(tensor.shape)[0];
    const std::uint64_t bytes = static_cast<std::uint64_t>(tensor.shape.n_elements()) * size_of(tensor.dtype);
    std::uint64_t row = 0;
    std::vector<std::uint64_t> checksums;
    for (const Slab& slab : pieces) {
      const RawFile& file = files[slab.file];
      if (slab.first_row != row || slab.n_rows > n_rows - row ||
          slab.bytes != (n_rows == 0 ? 0 : bytes / n_rows * slab.n_rows)) {
        contradiction("the slabs of tensor " + tensor.name + " do not cover it");
      }
      if (slab.bytes > 0 && (slab.offset > file.bytes() || slab.bytes > file.bytes() - slab.offset)) {
        throw Error(Kind::data,
                    file.path().string() + ": cut short: tensor " + tensor.name + " ends beyond its end; " + way_out);
      }
      row += slab.n_rows;
      checksums.push_back(slab.checksum);
    }
    if (row != n_rows) contradiction("the slabs of tensor " + tensor.name + " do not cover it");
    tensor.checksum = checksums.size() == 1 ? checksums[0] : hash64(std::as_bytes(std::span(checksums)));
  }

  void open_files() {
    for (const std::string& name : split(index->read_text("files"), '\n')) {
      const fs::path path = folder / name;
      if (!fs::exists(path)) {
        throw Error(Kind::missing, path.string() + ": this part of the checkpoint is missing; " + way_out);
      }
      files.emplace_back(path, RawFile::Mode::read);
    }
  }

  void verify_slab(const CheckpointTensor& tensor, const Slab& slab, std::span<const std::byte> bytes) const {
    if (hash64(bytes) == slab.checksum) return;
    throw Error(Kind::data, files[slab.file].path().string() + ": tensor " + tensor.name +
                                " does not match its checksum: the file is damaged; " + way_out);
  }
};

CheckpointReader::CheckpointReader(const fs::path& folder) : state_(std::make_unique<State>()) {
  state_->folder = folder;
  const fs::path index = folder / index_name;
  if (!fs::is_directory(folder)) throw Error(Kind::missing, folder.string() + ": no such checkpoint folder");
  if (!fs::exists(index)) {
    throw Error(Kind::missing, index.string() + ": the checkpoint's index is missing; " + way_out);
  }
  state_->index = std::make_unique<Hdf5Reader>(index, index_version);
  state_->open_files();
  state_->read_tensors();
  state_->read_slabs();
}
CheckpointReader::~CheckpointReader() = default;
CheckpointReader::CheckpointReader(CheckpointReader&&) noexcept = default;

const std::vector<CheckpointTensor>& CheckpointReader::tensors() const { return state_->tensors; }

const CheckpointTensor* CheckpointReader::find(const std::string& name) const {
  const auto found = state_->positions.find(name);
  return found == state_->positions.end() ? nullptr : &state_->tensors[found->second];
}

void CheckpointReader::read(const std::string& name, const Tensor& out) const {
  const CheckpointTensor* tensor = find(name);
  if (tensor == nullptr) throw Error(Kind::data, state_->folder.string() + ": the checkpoint has no tensor " + name);
  if (tensor->dtype != out.dtype || tensor->shape != out.shape) {
    throw Error(Kind::data, state_->folder.string() + ": tensor " + name + " is " +
                                std::string(name_of(tensor->dtype)) + " " + tensor->shape.text() +
                                " in the checkpoint, not " + std::string(name_of(out.dtype)) + " " + out.shape.text());
  }
  std::span<std::byte> rest(out.data, out.bytes());
  for (const Slab& slab : state_->slabs[static_cast<std::size_t>(tensor - state_->tensors.data())]) {
    const std::span<std::byte> bytes = rest.first(slab.bytes);
    state_->files[slab.file].read_at(slab.offset, bytes);
    state_->verify_slab(*tensor, slab, bytes);
    rest = rest.subspan(slab.bytes);
  }
}

bool CheckpointReader::has_json(const std::string& name) const { return state_->index->has("json/" + name); }
std::string CheckpointReader::json(const std::string& name) const { return state_->index->read_text("json/" + name); }

Json CheckpointReader::provenance() const {
  return parse_json(state_->index->read_text("provenance"), state_->index_path() + ": provenance");
}

void CheckpointReader::verify() const {
  std::vector<MappedFile> maps;
  for (const RawFile& file : state_->files) {
    const Hdf5Reader header(file.path(), part_version);
    maps.emplace_back(file.path());
  }
  for (std::size_t i = 0; i < state_->tensors.size(); ++i) {
    for (const Slab& slab : state_->slabs[i]) {
      state_->verify_slab(state_->tensors[i], slab,
                          maps[slab.file].bytes().subspan(slab.bytes ? slab.offset : 0, slab.bytes));
    }
  }
}

}  // namespace hearth::formats
