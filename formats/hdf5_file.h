// SPDX-License-Identifier: Apache-2.0
// What all of hearth's HDF5 files share (formats/README.md): a header of root attributes, arrays that are contiguous
// and so can be read at their file offset without HDF5, texts, and one dataset of zstd chunks (filter 32015).
// HDF5 keeps the metadata (checksummed: the 1.8 layout); bulk data passes by it. Every HDF5 call of the process passes
// one lock.
#pragma once
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "formats/raw_file.h"
#include "lib/base/dtype.h"

namespace hearth::formats {

// Which format a file holds. A reader takes files of its own major version, whatever their minor.
struct FormatVersion {
  std::string_view format;  // "documents"
  std::uint32_t major = 1;
  std::uint32_t minor = 0;
  std::string_view made_by;  // the command that makes such files, named in messages: "hearth shard"
};

// Where an array lies in its file.
struct ArrayPlace {
  DType dtype = DType::u8;
  std::vector<std::uint64_t> shape;
  std::uint64_t offset = 0;  // of its first byte in the file; 0 when it is empty
  std::uint64_t bytes = 0;
};

// Where a stored piece lies: a zstd frame.
struct ChunkPlace {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

// One piece of a dataset that lies in another file: rows [first_row, first_row + n_rows) of the whole.
struct VirtualPiece {
  std::string file;     // relative to the folder of the file that refers to it
  std::string dataset;  // its name there, with the shape of the rows
  std::uint64_t first_row = 0;
  std::uint64_t n_rows = 0;
};

// Writes under NAME.partial; finish() sets the completeness marker, syncs and renames. Not thread-safe but for raw().
// Errors: cannot_create as AtomicFile; io naming the path for whatever fails later (a full disk). A writer that is
// destroyed unfinished leaves nothing behind.
class Hdf5Writer {
 public:
  // Arrays of 4096 bytes or more are aligned to 4096.
  Hdf5Writer(const std::filesystem::path& path, bool overwrite, const FormatVersion& version);
  ~Hdf5Writer();

  void set(const std::string& attribute, std::uint64_t value);
  void set(const std::string& attribute, const std::string& value);
  void set_required(const std::vector<std::string>& features);  // readers that do not know one refuse the file

  // A contiguous dataset whose bytes the caller writes through raw(), at the offset given back.
  std::uint64_t reserve(const std::string& name, DType dtype, std::span<const std::uint64_t> shape);
  const RawFile& raw() const;
  // A dataset with a checksum that readers verify.
  void write(const std::string& name, DType dtype, std::span<const std::uint64_t> shape,
             std::span<const std::byte> bytes);
  template <class T>
  void write(const std::string& name, const std::vector<T>& values) {
    const std::uint64_t extent = values.size();
    write(name, dtype_of<T>(), std::span(&extent, 1), std::as_bytes(std::span(values)));
  }
  void write_text(const std::string& name, std::string_view text);  // UTF-8 in one string, with a checksum
  void write_spool(const std::string& name, DType dtype, std::span<const std::uint64_t> shape, Spool& spool);

  // A growing dataset of bytes in zstd chunks of chunk_bytes each; frames come from compress_chunk, in order.
  void create_chunked(const std::string& name, std::uint64_t chunk_bytes, int zstd_level);
  void append_chunk(const std::string& name, std::string_view frame);
  std::vector<ChunkPlace> chunk_places(const std::string& name);

  // Shows pieces of other files as one dataset, to h5ls and h5py; what no piece covers reads as NaN (0 for integers).
  void write_virtual(const std::string& name, DType dtype, std::span<const std::uint64_t> shape,
                     std::span<const VirtualPiece> pieces);

  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Opens a file for reading its header and the places of its arrays; the data is then read through a RawFile.
class Hdf5Reader {
 public:
  // Error{missing} when absent; Error{data} naming path, what is wrong and what to do when it is empty, not HDF5, not
  // hearth's, of another format or major version, requires a feature that is not in known_features, is incomplete,
  // damaged or cut short.
  Hdf5Reader(const std::filesystem::path& path, const FormatVersion& version,
             std::span<const std::string_view> known_features = {});
  ~Hdf5Reader();

  std::uint64_t number(const std::string& attribute) const;  // Error{data} when absent, as all below
  std::string text(const std::string& attribute) const;
  bool has(const std::string& name) const;
  ArrayPlace place(const std::string& name) const;
  ArrayPlace place(const std::string& name, DType dtype, std::size_t rank) const;  // Error{data} when it is another
  // The whole array, its checksum verified.
  template <class T>
  std::vector<T> read(const std::string& name) const {
    const std::vector<std::byte> bytes = read_bytes(name, dtype_of<T>());
    std::vector<T> out(bytes.size() / sizeof(T));
    if (!bytes.empty()) std::memcpy(out.data(), bytes.data(), bytes.size());
    return out;
  }
  std::string read_text(const std::string& name) const;

 private:
  std::vector<std::byte> read_bytes(const std::string& name, DType dtype) const;

  struct State;
  std::unique_ptr<State> state_;
};

// One zstd frame with its content size, as filter 32015 wants it. text is padded with zeros to chunk_bytes.
std::string compress_chunk(std::string text, std::uint64_t chunk_bytes, int zstd_level);
// Error{data} unless frame holds exactly out.size() bytes.
void decompress_chunk(std::string_view frame, std::span<char> out);

}  // namespace hearth::formats
