// SPDX-License-Identifier: Apache-2.0
#include <hdf5.h>

#include <limits>
#include <map>
#include <set>

#include "formats/hdf5_file.h"
#include "formats/hdf5_internal.h"
#include "lib/base/digest.h"
#include "lib/base/file.h"
#include "lib/base/provenance.h"
#include "lib/base/text.h"

namespace hearth::formats {
using hdf5::Handle;
using hdf5::Lock;

struct Hdf5Writer::State {
  AtomicFile output;
  Handle file;
  std::unique_ptr<RawFile> raw;
  struct Chunked {
    Handle dataset;
    std::uint64_t chunk_bytes = 0, n_chunks = 0;
  };
  std::map<std::string, Chunked> chunked;
  std::set<std::string> groups;

  State(const fs::path& path, bool overwrite) : output(path, overwrite) {}
  ~State() {
    const Lock lock;
    chunked.clear();
    file.reset();
  }

  // Throws what the library says of a call that failed; passes other results on. Under the lock.
  template <class Result>
  Result checked(Result result) const {
    if (result >= 0) return result;
    const hdf5::Failure failure = hdf5::last_failure();
    const std::string where = output.partial_path().string();
    if (failure.error_number != 0) throw Error(Kind::io, system_error(where, failure.error_number).what());
    throw Error(Kind::io, where + ": cannot be written (HDF5: " + failure.text + ")");
  }

  void set_attribute(hdf5::Id object, const std::string& name, hdf5::Id type, const void* value) {
    const Handle space(checked(H5Screate(H5S_SCALAR)), H5Sclose);
    const Handle attribute(checked(H5Acreate2(object, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT)), H5Aclose);
    checked(H5Awrite(attribute, type, value));
  }
  void set_number(hdf5::Id object, const std::string& name, std::uint64_t value) {
    set_attribute(object, name, H5T_STD_U64LE, &value);
  }

  // Creates a dataset, and the groups of its name (by hand: those that HDF5 creates itself carry the time).
  Handle create(const std::string& name, hdf5::Id type, hdf5::Id space, hdf5::Id properties) {
    for (std::size_t at = name.find('/'); at != std::string::npos; at = name.find('/', at + 1)) {
      if (!groups.insert(name.substr(0, at)).second) continue;
      const Handle group_properties = hdf5::untimed(H5P_GROUP_CREATE);
      Handle(checked(H5Gcreate2(file, name.substr(0, at).c_str(), H5P_DEFAULT, group_properties, H5P_DEFAULT)),
             H5Gclose);
    }
    return {checked(H5Dcreate2(file, name.c_str(), type, space, H5P_DEFAULT, properties, H5P_DEFAULT)), H5Dclose};
  }

  Handle create_contiguous(const std::string& name, hdf5::Id type, std::span<const std::uint64_t> shape) {
    const std::vector<hsize_t> extents(shape.begin(), shape.end());
    const Handle space(
        checked(extents.empty() ? H5Screate(H5S_SCALAR)
                                : H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr)),
        H5Sclose);
    const Handle properties = hdf5::untimed(H5P_DATASET_CREATE);
    H5Pset_alloc_time(properties, H5D_ALLOC_TIME_EARLY);
    H5Pset_fill_time(properties, H5D_FILL_TIME_NEVER);
    return create(name, type, space, properties);
  }
};

namespace {
std::uint64_t offset_of(hdf5::Id dataset) {
  const haddr_t offset = H5Dget_offset(dataset);
  return offset == HADDR_UNDEF ? 0 : offset;
}
}  // namespace

Hdf5Writer::Hdf5Writer(const fs::path& path, bool overwrite, const FormatVersion& version)
    : state_(std::make_unique<State>(path, overwrite)) {
  const Lock lock;
  const Handle access = hdf5::file_access();
  const Handle creation = hdf5::untimed(H5P_FILE_CREATE);
  const std::string partial = state_->output.partial_path().string();
  state_->file = Handle(state_->checked(H5Fcreate(partial.c_str(), H5F_ACC_TRUNC, creation, access)), H5Fclose);
  state_->raw = std::make_unique<RawFile>(partial, RawFile::Mode::write);
  const auto set_text = [&](const char* name, std::string_view value) {
    std::string padded(value);
    padded.resize(std::max<std::size_t>(padded.size(), 1));
    state_->set_attribute(state_->file, name, hdf5::text_type(padded.size()), padded.data());
  };
  set_text("magic", "hearth");
  set_text("format", version.format);
  set_text("producer", producer());
  state_->set_number(state_->file, "major", version.major);
  state_->set_number(state_->file, "minor", version.minor);
}

Hdf5Writer::~Hdf5Writer() = default;

void Hdf5Writer::set(const std::string& attribute, std::uint64_t value) {
  const Lock lock;
  state_->set_number(state_->file, attribute, value);
}

void Hdf5Writer::set(const std::string& attribute, const std::string& value) {
  std::string padded = value;
  padded.resize(std::max<std::size_t>(padded.size(), 1));
  const Lock lock;
  state_->set_attribute(state_->file, attribute, hdf5::text_type(padded.size()), padded.data());
}

void Hdf5Writer::set_required(const std::vector<std::string>& features) { set("required", join(features, ",")); }

std::uint64_t Hdf5Writer::reserve(const std::string& name, DType dtype, std::span<const std::uint64_t> shape) {
  const Lock lock;
  return offset_of(state_->create_contiguous(name, hdf5::type_of(dtype), shape));
}

const RawFile& Hdf5Writer::raw() const { return *state_->raw; }

void Hdf5Writer::write(const std::string& name, DType dtype, std::span<const std::uint64_t> shape,
                       std::span<const std::byte> bytes) {
  std::uint64_t offset = 0;
  {
    const Lock lock;
    const Handle dataset = state_->create_contiguous(name, hdf5::type_of(dtype), shape);
    state_->set_number(dataset, hdf5::checksum_attribute, hash64(bytes));
    offset = offset_of(dataset);
  }
  state_->raw->write_at(offset, bytes);
}

void Hdf5Writer::write_text(const std::string& name, std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
  std::uint64_t offset = 0;
  {
    const Lock lock;
    const Handle dataset = state_->create_contiguous(name, hdf5::text_type(text.size()), {});
    state_->set_number(dataset, "bytes", text.size());
    state_->set_number(dataset, hdf5::checksum_attribute, hash64(bytes));
    offset = offset_of(dataset);
  }
  state_->raw->write_at(offset, bytes);
}

void Hdf5Writer::write_spool(const std::string& name, DType dtype, std::span<const std::uint64_t> shape, Spool& spool) {
  const std::uint64_t offset = reserve(name, dtype, shape);
  spool.copy_to(*state_->raw, offset);
}

void Hdf5Writer::create_chunked(const std::string& name, std::uint64_t chunk_bytes, int zstd_level) {
  const Lock lock;
  const hsize_t none = 0, unlimited = H5S_UNLIMITED, chunk = chunk_bytes;
  const Handle space(state_->checked(H5Screate_simple(1, &none, &unlimited)), H5Sclose);
  const Handle properties = hdf5::untimed(H5P_DATASET_CREATE);
  const unsigned level = static_cast<unsigned>(zstd_level);
  state_->checked(H5Pset_chunk(properties, 1, &chunk));
  state_->checked(H5Pset_filter(properties, hdf5::filter_zstd, H5Z_FLAG_MANDATORY, 1, &level));
  H5Pset_fill_time(properties, H5D_FILL_TIME_NEVER);
  Handle dataset = state_->create(name, H5T_STD_U8LE, space, properties);
  state_->chunked[name] = {std::move(dataset), chunk_bytes, 0};
}

void Hdf5Writer::append_chunk(const std::string& name, std::string_view frame) {
  const Lock lock;
  State::Chunked& chunked = state_->chunked.at(name);
  const hsize_t begin = chunked.n_chunks * chunked.chunk_bytes, end = begin + chunked.chunk_bytes;
  state_->checked(H5Dset_extent(chunked.dataset, &end));
  state_->checked(H5Dwrite_chunk(chunked.dataset, H5P_DEFAULT, 0, &begin, frame.size(), frame.data()));
  ++chunked.n_chunks;
}

std::vector<ChunkPlace> Hdf5Writer::chunk_places(const std::string& name) {
  const Lock lock;
  const State::Chunked& chunked = state_->chunked.at(name);
  std::vector<ChunkPlace> places;
  for (std::uint64_t i = 0; i < chunked.n_chunks; ++i) {
    const hsize_t begin = i * chunked.chunk_bytes;
    unsigned filter_mask = 0;
    haddr_t offset = 0;
    hsize_t bytes = 0;
    state_->checked(H5Dget_chunk_info_by_coord(chunked.dataset, &begin, &filter_mask, &offset, &bytes));
    places.push_back({offset, bytes});
  }
  return places;
}

void Hdf5Writer::write_virtual(const std::string& name, DType dtype, std::span<const std::uint64_t> shape,
                               std::span<const VirtualPiece> pieces) {
  const Lock lock;
  const std::vector<hsize_t> extents(shape.begin(), shape.end());
  const int rank = static_cast<int>(extents.size());
  const Handle type = hdf5::type_of(dtype);
  const Handle space(state_->checked(H5Screate_simple(rank, extents.data(), nullptr)), H5Sclose);
  const Handle properties = hdf5::untimed(H5P_DATASET_CREATE);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  if (H5Tget_class(type) == H5T_FLOAT) state_->checked(H5Pset_fill_value(properties, H5T_NATIVE_DOUBLE, &nan));
  for (const VirtualPiece& piece : pieces) {
    std::vector<hsize_t> start(extents.size()), count = extents;
    start[0] = piece.first_row;
    count[0] = piece.n_rows;
    state_->checked(H5Sselect_hyperslab(space, H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr));
    const Handle source(state_->checked(H5Screate_simple(rank, count.data(), nullptr)), H5Sclose);
    state_->checked(H5Pset_virtual(properties, space, piece.file.c_str(), piece.dataset.c_str(), source));
  }
  state_->checked(H5Sselect_all(space));
  state_->create(name, type, space, properties);
}

void Hdf5Writer::finish() {
  {
    const Lock lock;
    state_->chunked.clear();
    state_->checked(H5Fflush(state_->file, H5F_SCOPE_GLOBAL));
    state_->set_number(state_->file, "complete", 1);
    state_->checked(state_->file.close());
  }
  state_->output.commit();
}

}  // namespace hearth::formats
