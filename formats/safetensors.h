// SPDX-License-Identifier: Apache-2.0
// safetensors files: a JSON header and raw tensors after one another. Specification: formats/safetensors.md.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/dtype.h"
#include "lib/base/file.h"

namespace hearth::formats {

struct SafetensorsEntry {
  std::string name;
  std::string dtype;  // as the format spells it: "F32", "BF16", "F8_E4M3"
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0, end = 0;  // bytes, from the start of the data
  std::uint64_t bytes() const { return end - begin; }
};

// hearth's type for the format's name, and back. A type hearth does not compute with: none.
std::optional<DType> dtype_from_safetensors(std::string_view name);
std::string_view safetensors_name(DType dtype);

// A file mapped for reading; opening reads the header only.
class SafetensorsFile {
 public:
  // Throws Error{missing}; Error{data} "PATH: ..." for a file that is truncated, whose header is no header, or whose
  // tensors overlap, leave holes, or do not fill the file.
  explicit SafetensorsFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  const std::vector<SafetensorsEntry>& entries() const { return entries_; }  // in order of their place in the file
  const SafetensorsEntry* find(std::string_view name) const;                 // nullptr: there is none
  // Row-major, little-endian, at any alignment; lives as long as this.
  std::span<const std::byte> bytes(const SafetensorsEntry& entry) const;
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  std::filesystem::path path_;
  MappedFile file_;
  std::uint64_t data_start_ = 0;
  std::vector<SafetensorsEntry> entries_;
  std::map<std::string, std::size_t, std::less<>> index_;
  std::map<std::string, std::string> metadata_;
};

struct SafetensorsTensor {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
};

// Writes a file front to back; nothing appears under path before finish(). Errors as AtomicFile.
class SafetensorsWriter {
 public:
  SafetensorsWriter(const std::filesystem::path& path, bool overwrite, const std::vector<SafetensorsTensor>& tensors,
                    const std::map<std::string, std::string>& metadata = {{"format", "pt"}});
  void write(std::span<const std::byte> bytes);  // of the tensors in the order given, in pieces of any size
  void finish();                                 // Error{internal} unless every byte was written

 private:
  AtomicFile file_;
  std::uint64_t bytes_left_ = 0;
};

}  // namespace hearth::formats
