// SPDX-License-Identifier: Apache-2.0
#include "formats/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <utility>

#include "lib/base/json_value.h"

namespace hearth::formats {
namespace {

static_assert(std::endian::native == std::endian::little, "the file's numbers are little-endian and are not swapped");

constexpr std::uint64_t length_bytes = 8, most_header_bytes = 100'000'000, alignment = 8;
constexpr const char* metadata_key = "__metadata__";

struct TypeRow {
  std::string_view name;
  std::uint64_t bits;
  std::optional<DType> dtype;
};

constexpr std::array types = std::to_array<TypeRow>({
    {"F32", 32, DType::f32}, {"BF16", 16, DType::bf16}, {"F16", 16, DType::f16},
    {"F64", 64, DType::f64}, {"I8", 8, DType::i8},      {"U8", 8, DType::u8},
    {"U16", 16, DType::u16}, {"I32", 32, DType::i32},   {"U32", 32, DType::u32},
    {"I64", 64, DType::i64}, {"U64", 64, DType::u64},   {"BOOL", 8, {}},
    {"I16", 16, {}},         {"F8_E4M3", 8, {}},        {"F8_E5M2", 8, {}},
    {"F8_E8M0", 8, {}},      {"C64", 64, {}},           {"F4", 4, {}},
    {"F6_E2M3", 6, {}},      {"F6_E3M2", 6, {}},
});

const TypeRow* type_named(std::string_view name) {
  const auto* row = std::find_if(types.begin(), types.end(), [&](const TypeRow& type) { return type.name == name; });
  return row == types.end() ? nullptr : row;
}

Error damaged(const std::filesystem::path& path, const std::string& what) {
  return {Kind::data, path.string() + ": " + what + "; the file is damaged or was not copied whole: get it again"};
}

// Product of the shape's extents times bits, in bytes; none when it overflows or is no whole number of bytes.
std::optional<std::uint64_t> bytes_of(const std::vector<std::int64_t>& shape, std::uint64_t bits) {
  std::uint64_t total = bits;
  for (const std::int64_t extent : shape) {
    if (extent < 0) return std::nullopt;
    if (__builtin_mul_overflow(total, static_cast<std::uint64_t>(extent), &total)) return std::nullopt;
  }
  if (total % 8 != 0) return std::nullopt;
  return total / 8;
}

std::string_view header_of(const std::filesystem::path& path, std::span<const std::byte> file) {
  if (file.size() < length_bytes) throw damaged(path, "is only " + std::to_string(file.size()) + " bytes long");
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), length_bytes);
  if (length > most_header_bytes) {
    throw Error(Kind::data, path.string() + ": is no safetensors file (its header would be " + std::to_string(length) +
                                " bytes long)");
  }
  if (length > file.size() - length_bytes) throw damaged(path, "is cut short within its header");
  const std::string_view text(reinterpret_cast<const char*>(file.data()) + length_bytes, length);
  if (!text.starts_with('{'))
    throw Error(Kind::data, path.string() + ": is no safetensors file (its header does not start with '{')");
  return text;
}

SafetensorsEntry read_entry(const std::string& name, const Json& value, const std::string& path) {
  const std::string where = path + ": header: tensor '" + name + "'";
  SafetensorsEntry entry;
  entry.name = name;
  entry.dtype = json_get<std::string>(value, "dtype", where);
  entry.shape = json_get<std::vector<std::int64_t>>(value, "shape", where);
  const auto offsets = json_get<std::vector<std::uint64_t>>(value, "data_offsets", where);
  const TypeRow* type = type_named(entry.dtype);
  if (type == nullptr) throw Error(Kind::data, where + ": has the unknown type '" + entry.dtype + "'");
  if (offsets.size() != 2 || offsets[1] < offsets[0])
    throw Error(Kind::data, where + ": 'data_offsets' is no pair of begin and end");
  entry.begin = offsets[0];
  entry.end = offsets[1];
  if (bytes_of(entry.shape, type->bits) != entry.bytes()) {
    throw Error(Kind::data, where + ": its shape and type do not fit its " + std::to_string(entry.bytes()) + " bytes");
  }
  return entry;
}

}  // namespace

std::optional<DType> dtype_from_safetensors(std::string_view name) {
  const TypeRow* row = type_named(name);
  return row == nullptr ? std::nullopt : row->dtype;
}

std::string_view safetensors_name(DType dtype) {
  for (const TypeRow& row : types) {
    if (row.dtype == dtype) return row.name;
  }
  throw Error(Kind::internal, "no safetensors type for " + std::string(name_of(dtype)));
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : path_(path), file_(path) {
  const std::span<const std::byte> file = file_.bytes();
  const std::string_view text = header_of(path, file);
  data_start_ = length_bytes + text.size();
  const Json header = parse_json(text, path.string() + ": header");
  for (const auto& [name, value] : header.items()) {
    if (name == metadata_key) {
      metadata_ = json_get<std::map<std::string, std::string>>(header, metadata_key, path.string() + ": header");
    } else {
      entries_.push_back(read_entry(name, value, path.string()));
    }
  }
  std::sort(entries_.begin(), entries_.end(), [](const SafetensorsEntry& a, const SafetensorsEntry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::uint64_t end = 0;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const SafetensorsEntry& entry = entries_[i];
    if (entry.begin != end) throw damaged(path, "tensor '" + entry.name + "' overlaps another or leaves a hole");
    end = entry.end;
    index_.emplace(entry.name, i);
  }
  if (end > file.size() - data_start_) {
    throw damaged(path, "is cut short: " + std::to_string(file.size()) + " bytes, its header speaks of " +
                            std::to_string(data_start_ + end));
  }
  if (end < file.size() - data_start_)
    throw damaged(path, "has " + std::to_string(file.size() - data_start_ - end) + " bytes that no tensor owns");
}

const SafetensorsEntry* SafetensorsFile::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &entries_[found->second];
}

std::span<const std::byte> SafetensorsFile::bytes(const SafetensorsEntry& entry) const {
  return file_.bytes().subspan(data_start_ + entry.begin, entry.bytes());
}

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path, bool overwrite,
                                     const std::vector<SafetensorsTensor>& tensors,
                                     const std::map<std::string, std::string>& metadata)
    : file_(path, overwrite) {
  Json header = Json::object();
  if (!metadata.empty()) header[metadata_key] = metadata;
  for (const SafetensorsTensor& tensor : tensors) {
    const std::optional<std::uint64_t> bytes = bytes_of(tensor.shape, 8 * size_of(tensor.dtype));
    HEARTH_CHECK(bytes && !header.contains(tensor.name),
                 "tensor " + tensor.name + " has an impossible shape or stands twice");
    header[tensor.name] = {{"dtype", safetensors_name(tensor.dtype)},
                           {"shape", tensor.shape},
                           {"data_offsets", {bytes_left_, bytes_left_ + *bytes}}};
    bytes_left_ += *bytes;
  }
  std::string text = dump_json(header);
  text.resize((text.size() + alignment - 1) / alignment * alignment, ' ');
  const std::uint64_t length = text.size();
  file_.write(std::as_bytes(std::span(&length, 1)));
  file_.write(text);
}

void SafetensorsWriter::write(std::span<const std::byte> bytes) {
  HEARTH_CHECK(bytes.size() <= bytes_left_, "more bytes than the header promises");
  file_.write(bytes);
  bytes_left_ -= bytes.size();
}

void SafetensorsWriter::finish() {
  HEARTH_CHECK(bytes_left_ == 0, std::to_string(bytes_left_) + " bytes of the tensors were not written");
  file_.commit();
}

}  // namespace hearth::formats
