// SPDX-License-Identifier: Apache-2.0
#include <hdf5.h>

#include <algorithm>
#include <array>

#include "formats/hdf5_file.h"
#include "formats/hdf5_internal.h"
#include "lib/base/digest.h"
#include "lib/base/file.h"
#include "lib/base/provenance.h"
#include "lib/base/text.h"

namespace hearth::formats {
using hdf5::Handle;
using hdf5::Lock;

namespace {

constexpr std::string_view hdf5_signature{"\x89HDF\r\n\x1a\n", 8};

struct KnownFile {
  std::string_view signature, name;
};
constexpr std::array<KnownFile, 8> known_files{{{"\x89PNG", "a PNG image"},
                                                {"\xff\xd8\xff", "a JPEG image"},
                                                {"%PDF", "a PDF document"},
                                                {"PK\x03\x04", "a zip archive"},
                                                {"\x1f\x8b", "gzip data"},
                                                {"\x28\xb5\x2f\xfd", "zstd data"},
                                                {"GGUF", "a GGUF model"},
                                                {"{", "JSON"}}};

// What a file that is not HDF5 looks like, " (it looks like ...)" or nothing.
std::string guess_of(std::string_view head) {
  for (const KnownFile& known : known_files) {
    if (head.starts_with(known.signature)) return " (it looks like " + std::string(known.name) + ")";
  }
  return "";
}

// The first bytes of the file, at most 8.
std::string head_of(const RawFile& file) {
  std::string head(std::min<std::uint64_t>(file.bytes(), hdf5_signature.size()), '\0');
  file.read_at(0, std::as_writable_bytes(std::span(head)));
  return head;
}

}  // namespace

struct Hdf5Reader::State {
  std::string path;
  std::string made_by;
  RawFile raw;
  Handle file;

  explicit State(const fs::path& where, std::string_view command)
      : path(where.string()), made_by(command), raw(where, RawFile::Mode::read) {}
  ~State() {
    const Lock lock;
    file.reset();
  }

  Error bad(const std::string& what) const { return {Kind::data, path + ": " + what}; }
  Error damaged(const std::string& what) const {
    return bad(what + ": the file is damaged; restore it from a copy or run " + made_by + " again");
  }

  // Opens what the signature says is HDF5.
  void open() {
    const Lock lock;
    const Handle access = hdf5::file_access();
    file = Handle(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access), H5Fclose);
    if (file >= 0) return;
    const hdf5::Failure failure = hdf5::last_failure();
    if (fs::path(path).extension() == ".partial") throw incomplete();
    throw bad("damaged or cut short (HDF5: " + failure.text + "); restore it from a copy or run " + made_by + " again");
  }
  Error incomplete() const {
    return bad("is incomplete: the program that wrote it was stopped; run it again (" + made_by + ")");
  }

  bool has_attribute(hdf5::Id object, const std::string& name) const { return H5Aexists(object, name.c_str()) > 0; }

  std::uint64_t number(hdf5::Id object, const std::string& name) const {
    std::uint64_t value = 0;
    const Handle attribute(H5Aopen(object, name.c_str(), H5P_DEFAULT), H5Aclose);
    const Handle type(attribute >= 0 ? H5Aget_type(attribute) : -1, H5Tclose);
    const Handle space(attribute >= 0 ? H5Aget_space(attribute) : -1, H5Sclose);
    if (attribute < 0 || H5Tget_class(type) != H5T_INTEGER || H5Sget_simple_extent_npoints(space) != 1 ||
        H5Aread(attribute, H5T_NATIVE_UINT64, &value) < 0) {
      throw damaged("the attribute '" + name + "' is not a readable number");
    }
    return value;
  }

  std::string text(hdf5::Id object, const std::string& name) const {
    const Handle attribute(H5Aopen(object, name.c_str(), H5P_DEFAULT), H5Aclose);
    const Handle type(attribute >= 0 ? H5Aget_type(attribute) : -1, H5Tclose);
    const Handle space(attribute >= 0 ? H5Aget_space(attribute) : -1, H5Sclose);
    const bool is_text = attribute >= 0 && H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0 &&
                         H5Sget_simple_extent_npoints(space) == 1;
    std::string value(is_text ? H5Tget_size(type) : 0, '\0');
    if (!is_text || H5Aread(attribute, type, value.data()) < 0) {
      throw damaged("the attribute '" + name + "' is not a readable text");
    }
    while (!value.empty() && value.back() == '\0') value.pop_back();
    return value;
  }

  void check_header(const FormatVersion& version, std::span<const std::string_view> known_features) const {
    const std::string expected = std::string(version.format) + " made by " + made_by;
    if (!has_attribute(file, "magic") || !has_attribute(file, "format") || text(file, "magic") != "hearth") {
      throw bad("an HDF5 file, but not one of hearth's; expected " + expected);
    }
    if (const std::string format = text(file, "format"); format != version.format) {
      throw bad("holds " + format + "; expected " + expected);
    }
    const std::uint64_t major = number(file, "major");
    if (major != version.major) {
      throw bad(std::string(version.format) + " of format version " + std::to_string(major) + "." +
                std::to_string(number(file, "minor")) + ", written by " + text(file, "producer") + "; " + producer() +
                " reads version " + std::to_string(version.major) +
                " only: " + (major > version.major ? "use a newer hearth" : "make it again with " + made_by));
    }
    if (!has_attribute(file, "complete") || number(file, "complete") != 1) throw incomplete();
    const std::string required = has_attribute(file, "required") ? text(file, "required") : "";
    for (const std::string& feature : split(required, ',')) {
      const bool known = std::find(known_features.begin(), known_features.end(), feature) != known_features.end();
      if (!feature.empty() && !known) {
        throw bad("requires '" + feature + "', which " + producer() + " does not know; use a newer hearth");
      }
    }
  }

  Handle open_dataset(const std::string& name) const {
    Handle dataset(H5Dopen2(file, name.c_str(), H5P_DEFAULT), H5Dclose);
    if (dataset < 0) throw damaged("'" + name + "' is missing or unreadable (HDF5: " + hdf5::last_failure().text + ")");
    return dataset;
  }

  // The place of a contiguous dataset whose elements have element_bytes each; within the file.
  ArrayPlace place_of(const std::string& name, hdf5::Id dataset, std::uint64_t element_bytes) const {
    ArrayPlace place;
    const Handle space(H5Dget_space(dataset), H5Sclose);
    const Handle properties(H5Dget_create_plist(dataset), H5Pclose);
    const int rank = H5Sget_simple_extent_ndims(space);
    std::array<hsize_t, H5S_MAX_RANK> extents{};
    if (rank < 0 || H5Pget_layout(properties) != H5D_CONTIGUOUS || H5Pget_external_count(properties) != 0 ||
        H5Sget_simple_extent_dims(space, extents.data(), nullptr) < 0) {
      throw damaged("'" + name + "' is not a contiguous array");
    }
    place.bytes = element_bytes;
    for (int axis = 0; axis < rank; ++axis) {
      place.shape.push_back(extents[static_cast<std::size_t>(axis)]);
      if (__builtin_mul_overflow(place.bytes, place.shape.back(), &place.bytes))
        throw damaged("'" + name + "' is too large");
    }
    const haddr_t offset = H5Dget_offset(dataset);
    if (place.bytes == 0) return place;
    const std::uint64_t file_bytes = raw.bytes();
    if (offset == HADDR_UNDEF || offset > file_bytes || place.bytes > file_bytes - offset) {
      throw damaged("'" + name + "' reaches beyond the file's end");
    }
    place.offset = offset;
    return place;
  }

  void verify(const std::string& name, std::uint64_t expected, std::span<const std::byte> bytes) const {
    if (hash64(bytes) != expected) throw damaged("'" + name + "' does not match its checksum");
  }
};

Hdf5Reader::Hdf5Reader(const fs::path& path, const FormatVersion& version,
                       std::span<const std::string_view> known_features)
    : state_(nullptr) {
  if (fs::is_directory(path))
    throw Error(Kind::data, path.string() + ": is a folder, not a " + std::string(version.format) + " file");
  state_ = std::make_unique<State>(path, version.made_by);
  const std::string head = head_of(state_->raw);
  if (head.empty())
    throw state_->bad("is empty; expected " + std::string(version.format) + " made by " + state_->made_by);
  if (!hdf5_signature.starts_with(head)) {
    throw state_->bad("not an HDF5 file" + guess_of(head) + "; expected " + std::string(version.format) + " made by " +
                      state_->made_by);
  }
  state_->open();
  const Lock lock;
  state_->check_header(version, known_features);
}

Hdf5Reader::~Hdf5Reader() = default;

std::uint64_t Hdf5Reader::number(const std::string& attribute) const {
  const Lock lock;
  return state_->number(state_->file, attribute);
}

std::string Hdf5Reader::text(const std::string& attribute) const {
  const Lock lock;
  return state_->text(state_->file, attribute);
}

bool Hdf5Reader::has(const std::string& name) const {
  const Lock lock;
  for (std::size_t at = name.find('/'); at != std::string::npos; at = name.find('/', at + 1)) {
    if (H5Lexists(state_->file, name.substr(0, at).c_str(), H5P_DEFAULT) <= 0) return false;
  }
  return H5Lexists(state_->file, name.c_str(), H5P_DEFAULT) > 0;
}

ArrayPlace Hdf5Reader::place(const std::string& name) const {
  const Lock lock;
  const Handle dataset = state_->open_dataset(name);
  const Handle type(H5Dget_type(dataset), H5Tclose);
  DType dtype = DType::u8;
  if (!hdf5::dtype_of_type(type, dtype)) throw state_->damaged("'" + name + "' has an unknown element type");
  ArrayPlace place = state_->place_of(name, dataset, size_of(dtype));
  place.dtype = dtype;
  return place;
}

ArrayPlace Hdf5Reader::place(const std::string& name, DType dtype, std::size_t rank) const {
  ArrayPlace found = place(name);
  if (found.dtype == dtype && found.shape.size() == rank) return found;
  throw state_->damaged("'" + name + "' holds " + std::string(name_of(found.dtype)) + " along " +
                        std::to_string(found.shape.size()) + " axes, not " + std::string(name_of(dtype)) + " along " +
                        std::to_string(rank));
}

std::vector<std::byte> Hdf5Reader::read_bytes(const std::string& name, DType dtype) const {
  const ArrayPlace found = place(name);
  if (found.dtype != dtype) throw state_->damaged("'" + name + "' holds " + std::string(name_of(found.dtype)));
  std::vector<std::byte> bytes(found.bytes);
  state_->raw.read_at(found.offset, bytes);
  std::uint64_t checksum = 0;
  {
    const Lock lock;
    checksum = state_->number(state_->open_dataset(name), hdf5::checksum_attribute);
  }
  state_->verify(name, checksum, bytes);
  return bytes;
}

std::string Hdf5Reader::read_text(const std::string& name) const {
  ArrayPlace found;
  std::uint64_t bytes = 0, checksum = 0;
  {
    const Lock lock;
    const Handle dataset = state_->open_dataset(name);
    const Handle type(H5Dget_type(dataset), H5Tclose);
    if (H5Tget_class(type) != H5T_STRING) throw state_->damaged("'" + name + "' is not a text");
    found = state_->place_of(name, dataset, H5Tget_size(type));
    bytes = state_->number(dataset, "bytes");
    checksum = state_->number(dataset, hdf5::checksum_attribute);
  }
  if (bytes > found.bytes) throw state_->damaged("'" + name + "' is shorter than it says");
  std::string text(bytes, '\0');
  state_->raw.read_at(found.offset, std::as_writable_bytes(std::span(text)));
  state_->verify(name, checksum, std::as_bytes(std::span(text)));
  return text;
}

}  // namespace hearth::formats
