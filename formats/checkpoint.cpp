// SPDX-License-Identifier: Apache-2.0
#include "formats/checkpoint.h"

#include <algorithm>
#include <map>
#include <utility>

#include "formats/checkpoint_table.h"
#include "lib/base/digest.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/base/text.h"

namespace hearth::formats {

struct CheckpointReader::State {
  fs::path folder;
  std::unique_ptr<Hdf5Reader> index;
  std::vector<CheckpointTensor> tensors;
  std::vector<std::vector<Slab>> slabs;  // of each tensor, by first row
  std::map<std::string, std::size_t> positions;
  std::vector<RawFile> files;

  std::string index_path() const { return (folder / checkpoint_index_name).string(); }

  [[noreturn]] void contradiction(const std::string& what) const {
    throw Error(Kind::data, index_path() + ": " + what + "; the file is damaged: " + checkpoint_way_out);
  }

  void read_table() {
    CheckpointTable table = CheckpointTable::read(*index, [this](const std::string& what) { contradiction(what); });
    tensors = std::move(table.tensors);
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      if (!positions.emplace(tensors[i].name, i).second) {
        contradiction("tensor " + tensors[i].name + " stands in it twice");
      }
    }
    slabs.resize(tensors.size());
    for (const Slab& slab : table.slabs) {
      if (slab.file >= files.size()) contradiction("a slab of no tensor or file");
      slabs[slab.tensor].push_back(slab);
    }
    for (std::size_t i = 0; i < tensors.size(); ++i) check_slabs(tensors[i], slabs[i]);
  }

  // The slabs cover the tensor's rows once, and lie within their files.
  void check_slabs(CheckpointTensor& tensor, std::vector<Slab>& pieces) const {
    std::sort(pieces.begin(), pieces.end(), [](const Slab& a, const Slab& b) { return a.first_row < b.first_row; });
    const std::uint64_t n_rows = checkpoint_extents(tensor.shape)[0];
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
        throw Error(Kind::data, file.path().string() + ": cut short: tensor " + tensor.name + " ends beyond its end; " +
                                    checkpoint_way_out);
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
        throw Error(Kind::missing, path.string() + ": this part of the checkpoint is missing; " + checkpoint_way_out);
      }
      files.emplace_back(path, RawFile::Mode::read);
    }
  }

  void verify_slab(const CheckpointTensor& tensor, const Slab& slab, std::span<const std::byte> bytes) const {
    if (hash64(bytes) == slab.checksum) return;
    throw Error(Kind::data, files[slab.file].path().string() + ": tensor " + tensor.name +
                                " does not match its checksum: the file is damaged; " + checkpoint_way_out);
  }
};

CheckpointReader::CheckpointReader(const fs::path& folder) : state_(std::make_unique<State>()) {
  state_->folder = folder;
  const fs::path index = folder / checkpoint_index_name;
  if (!fs::is_directory(folder)) throw Error(Kind::missing, folder.string() + ": no such checkpoint folder");
  if (!fs::exists(index)) {
    throw Error(Kind::missing, index.string() + ": the checkpoint's index is missing; " + checkpoint_way_out);
  }
  state_->index = std::make_unique<Hdf5Reader>(index, checkpoint_index_version);
  state_->open_files();
  state_->read_table();
}
CheckpointReader::~CheckpointReader() = default;
CheckpointReader::CheckpointReader(CheckpointReader&&) noexcept = default;

const std::vector<CheckpointTensor>& CheckpointReader::tensors() const {
  return state_->tensors;
}

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

void CheckpointReader::read_rows(const std::string& name, std::int64_t first_row, const Tensor& out) const {
  const CheckpointTensor* tensor = find(name);
  if (tensor == nullptr) throw Error(Kind::data, state_->folder.string() + ": the checkpoint has no tensor " + name);
  Shape rows = tensor->shape;
  const bool fits = rows.rank() > 0 && rows.rank() == out.shape.rank() && first_row >= 0 &&
                    tensor->dtype == out.dtype && out.shape[0] <= rows[0] - first_row &&
                    std::equal(rows.begin() + 1, rows.end(), out.shape.begin() + 1);
  if (!fits) {
    throw Error(Kind::data, state_->folder.string() + ": tensor " + name + " is " +
                                std::string(name_of(tensor->dtype)) + " " + rows.text() +
                                " in the checkpoint, which does not hold " + std::string(name_of(out.dtype)) + " " +
                                out.shape.text() + " from row " + std::to_string(first_row));
  }
  // A checksum is of a whole slab: what is wanted of it is taken out of that.
  const auto begin = static_cast<std::uint64_t>(first_row), end = begin + static_cast<std::uint64_t>(out.shape[0]);
  std::vector<std::byte> whole;
  for (const Slab& slab : state_->slabs[static_cast<std::size_t>(tensor - state_->tensors.data())]) {
    const std::uint64_t from = std::max(begin, slab.first_row), to = std::min(end, slab.first_row + slab.n_rows);
    if (from >= to || slab.bytes == 0) continue;
    const std::uint64_t row_bytes = slab.bytes / slab.n_rows;
    std::span<std::byte> bytes(out.data + (from - begin) * row_bytes, (to - from) * row_bytes);
    const bool all = bytes.size() == slab.bytes;
    if (!all) whole.resize(slab.bytes);
    const std::span<std::byte> read = all ? bytes : std::span(whole);
    state_->files[slab.file].read_at(slab.offset, read);
    state_->verify_slab(*tensor, slab, read);
    if (!all) std::ranges::copy(read.subspan((from - slab.first_row) * row_bytes, bytes.size()), bytes.begin());
  }
}

bool CheckpointReader::has_json(const std::string& name) const {
  return state_->index->has("json/" + name);
}
std::string CheckpointReader::json(const std::string& name) const {
  return state_->index->read_text("json/" + name);
}

Json CheckpointReader::provenance() const {
  return parse_json(state_->index->read_text("provenance"), state_->index_path() + ": provenance");
}

void CheckpointReader::verify() const {
  std::vector<MappedFile> maps;
  for (const RawFile& file : state_->files) {
    const Hdf5Reader header(file.path(), checkpoint_part_version);
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
