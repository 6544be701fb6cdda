// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "formats/checkpoint_table.h"
#include "lib/base/digest.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"

namespace hearth::formats {
namespace {

fs::path without_slash(fs::path folder) {
  return folder.has_filename() ? folder : folder.parent_path();
}  // "a/b/"

fs::path partial_of(const fs::path& folder) {
  return without_slash(folder).string() + ".partial";
}

// The tensors of all parts, in the order met, and their slabs by first row.
CheckpointTable merge(const fs::path& partial, int n_parts) {
  CheckpointTable all;
  std::map<std::string, std::size_t> positions;
  for (int part = 0; part < n_parts; ++part) {
    const fs::path path = partial / checkpoint_part_name(part);
    const auto contradiction = [&](const std::string& what) { throw Error(Kind::data, path.string() + ": " + what); };
    const CheckpointTable table = CheckpointTable::read(Hdf5Reader(path, checkpoint_part_version), contradiction);
    for (Slab slab : table.slabs) {
      const CheckpointTensor& tensor = table.tensors[slab.tensor];
      const auto [found, is_new] = positions.emplace(tensor.name, all.tensors.size());
      if (is_new) all.tensors.push_back(tensor);
      const CheckpointTensor& known = all.tensors[found->second];
      if (known.dtype != tensor.dtype || known.shape != tensor.shape) {
        contradiction("tensor " + tensor.name + " is another one in an earlier part");
      }
      slab.tensor = found->second;
      slab.file = static_cast<std::uint64_t>(part);
      all.slabs.push_back(slab);
    }
  }
  std::ranges::stable_sort(all.slabs, [](const Slab& a, const Slab& b) {
    return std::pair(a.tensor, a.first_row) < std::pair(b.tensor, b.first_row);
  });
  return all;
}

// Each tensor's slabs follow one another from the first row to the last.
void check_coverage(const fs::path& folder, const CheckpointTable& table) {
  std::vector<std::uint64_t> rows(table.tensors.size(), 0);
  const auto incomplete = [&](std::size_t tensor) {
    throw Error(Kind::internal, folder.string() + ": the parts do not cover tensor " + table.tensors[tensor].name +
                                    " from row " + std::to_string(rows[tensor]));
  };
  for (const Slab& slab : table.slabs) {
    if (slab.first_row != rows[slab.tensor]) incomplete(slab.tensor);
    rows[slab.tensor] += slab.n_rows;
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] != checkpoint_extents(table.tensors[i].shape)[0]) incomplete(i);
  }
}

// The parameters as people see them with h5ls or h5py.
void write_views(Hdf5Writer& index, const CheckpointTable& table) {
  for (std::size_t at = 0; at < table.slabs.size();) {
    const std::uint64_t of = table.slabs[at].tensor;
    const CheckpointTensor& tensor = table.tensors[of];
    std::vector<VirtualPiece> pieces;
    for (; at < table.slabs.size() && table.slabs[at].tensor == of; ++at) {
      const Slab& slab = table.slabs[at];
      if (slab.bytes == 0) continue;
      pieces.push_back({checkpoint_part_name(static_cast<int>(slab.file)), "/" + checkpoint_dataset(tensor.name),
                        slab.first_row, slab.n_rows});
    }
    if (pieces.empty()) continue;
    index.write_virtual(checkpoint_dataset(tensor.name), tensor.dtype, checkpoint_extents(tensor.shape), pieces);
  }
}

// What others put there: parts and index are synced by those that wrote them, each on its own node.
void sync_others(const fs::path& partial) {
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(partial)) {
    if (entry.path().parent_path() == partial && entry.path().extension() == ".h5") continue;
    if (entry.is_regular_file()) sync_file(entry.path());
    if (entry.is_directory()) sync_folder(entry.path());
  }
  sync_folder(partial);
}

}  // namespace

void begin_checkpoint(const fs::path& folder) {
  require_creatable(without_slash(folder), false);
  const fs::path partial = partial_of(folder);
  std::error_code error;
  fs::remove_all(partial, error);
  if (!error) fs::create_directory(partial, error);
  if (error) throw Error(Kind::cannot_create, system_error(partial.string(), error.value()).what());
}

void complete_checkpoint(const fs::path& folder, int n_parts, const std::vector<CheckpointDocument>& documents,
                         const Json& provenance) {
  const fs::path partial = partial_of(folder);
  const CheckpointTable table = merge(partial, n_parts);
  check_coverage(folder, table);
  Hdf5Writer index(partial / checkpoint_index_name, false, checkpoint_index_version);
  table.write(index);
  std::string files;
  for (int part = 0; part < n_parts; ++part) files += (part == 0 ? "" : "\n") + checkpoint_part_name(part);
  index.write_text("files", files);
  write_views(index, table);
  for (const CheckpointDocument& document : documents) index.write_text("json/" + document.name, document.text);
  index.write_text("provenance", dump_json(provenance));
  index.finish();
  sync_others(partial);
  const fs::path whole = without_slash(folder);
  std::error_code error;
  fs::rename(partial, whole, error);
  if (error) throw system_error(whole.string(), error.value());
  sync_folder(whole.has_parent_path() ? whole.parent_path() : fs::path("."));
}

struct CheckpointPart::State {
  std::unique_ptr<Hdf5Writer> file;
  std::optional<BulkWriter> bulk;
  CheckpointTable table;
  std::set<std::string> names;
};

CheckpointPart::CheckpointPart(const fs::path& folder, int part) : state_(std::make_unique<State>()) {
  state_->file =
      std::make_unique<Hdf5Writer>(partial_of(folder) / checkpoint_part_name(part), true, checkpoint_part_version);
  state_->bulk.emplace(state_->file->raw());
}
CheckpointPart::~CheckpointPart() = default;

void CheckpointPart::add(const std::string& name, const Tensor& value) {
  add(name, value, 0, value.shape);
}

void CheckpointPart::add(const std::string& name, const Tensor& rows, std::int64_t first_row, const Shape& whole) {
  HEARTH_CHECK(!name.empty() && name.find('\n') == std::string::npos, "a tensor's name is empty or has a line break");
  HEARTH_CHECK(state_->names.insert(name).second, "tensor " + name + " was added twice");
  const std::vector<std::uint64_t> extents = checkpoint_extents(rows.shape);
  const std::span<const std::byte> bytes(rows.data, rows.bytes());
  const std::uint64_t offset = state_->file->reserve(checkpoint_dataset(name), rows.dtype, extents);
  state_->bulk->write_at(offset, bytes);
  CheckpointTable& table = state_->table;
  table.slabs.push_back({.tensor = table.tensors.size(),
                         .first_row = static_cast<std::uint64_t>(first_row),
                         .n_rows = extents[0],
                         .offset = offset,
                         .bytes = bytes.size(),
                         .checksum = hash64(bytes)});
  table.tensors.push_back({name, rows.dtype, whole, 0});
}

void CheckpointPart::finish() {
  state_->bulk.reset();
  state_->table.write(*state_->file);
  state_->file->finish();
}

struct CheckpointWriter::State {
  fs::path folder, partial;
  std::unique_ptr<CheckpointPart> part;
  std::vector<CheckpointDocument> documents;
  bool finished = false;

  ~State() {
    part.reset();
    std::error_code ignored;
    if (!finished && !partial.empty()) fs::remove_all(partial, ignored);
  }
};

CheckpointWriter::CheckpointWriter(fs::path folder) : state_(std::make_unique<State>()) {
  begin_checkpoint(folder);
  state_->folder = folder;
  state_->partial = partial_of(folder);
  state_->part = std::make_unique<CheckpointPart>(folder, 0);
}
CheckpointWriter::~CheckpointWriter() = default;

const fs::path& CheckpointWriter::partial_folder() const {
  return state_->partial;
}

void CheckpointWriter::add(const std::string& name, const Tensor& value) {
  state_->part->add(name, value);
}

void CheckpointWriter::add_json(const std::string& name, std::string_view text) {
  state_->documents.push_back({name, std::string(text)});
}

void CheckpointWriter::finish(const Json& provenance) {
  state_->part->finish();
  complete_checkpoint(state_->folder, 1, state_->documents, provenance);
  state_->finished = true;
}

}  // namespace hearth::formats
