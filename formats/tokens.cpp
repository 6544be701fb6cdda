// SPDX-License-Identifier: Apache-2.0
// Ids and document offsets are spooled per split while their number is unknown, then laid into contiguous, aligned
// datasets. Both have a checksum per block of checksum_block_bytes.
#include "formats/tokens.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "formats/hdf5_file.h"
#include "formats/parts.h"
#include "lib/base/digest.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"

namespace hearth::formats {
namespace {

constexpr FormatVersion version{"tokens", 1, 1, "hearth tokenize encode"};
constexpr std::size_t checksum_block_bytes = 4u << 20;
constexpr std::size_t page_bytes = 4096;

std::string prefix_of(Split split) {
  return std::string(name_of(split)) + "/";
}

// A spool that hashes each block of checksum_block_bytes on the way.
class HashedSpool {
 public:
  explicit HashedSpool(const fs::path& folder) : spool_(folder) {}

  template <class T>
  void append(std::span<const T> values) {
    std::span<const std::byte> bytes = std::as_bytes(values);
    while (!bytes.empty()) {
      const std::size_t taken = std::min(bytes.size(), checksum_block_bytes - block_.size());
      block_.insert(block_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(taken));
      bytes = bytes.subspan(taken);
      if (block_.size() == checksum_block_bytes) end_block();
    }
  }

  // The array as a dataset, and its checksums as NAME_checksums.
  void write_to(Hdf5Writer& file, const std::string& name, DType dtype) {
    if (!block_.empty()) end_block();
    const std::uint64_t extent = spool_.bytes() / size_of(dtype);
    file.write_spool(name, dtype, std::span(&extent, 1), spool_);
    file.write(name + "_checksums", checksums_);
  }
  const std::vector<std::uint64_t>& checksums() const { return checksums_; }

 private:
  void end_block() {
    checksums_.push_back(hash64(block_));
    spool_.append(block_);
    block_.clear();
  }

  Spool spool_;
  std::vector<std::byte> block_;
  std::vector<std::uint64_t> checksums_;
};

// What identifies a tokens file: its header and the checksums of its arrays.
class ContentDigest {
 public:
  explicit ContentDigest(const TokensHeader& header) {
    sha_.update(name_of(header.dtype));
    sha_.update(header.tokenizer_digest);
    add(std::span<const std::uint16_t>(header.token_bytes));
    add(std::span<const std::int64_t>(&header.end_of_text_id, 1));
  }
  template <class T>
  void add(std::span<const T> values) {
    const std::uint64_t size = values.size();
    sha_.update(std::as_bytes(std::span(&size, 1)));
    sha_.update(std::as_bytes(values));
  }
  std::string hex() { return sha_.hex(); }

 private:
  Sha256 sha_;
};

void check_header(const std::string& path, const TokensHeader& header) {
  if (header.dtype != DType::u16 && header.dtype != DType::u32) {
    throw Error(Kind::config, path + ": token ids are u16 or u32, not " + std::string(name_of(header.dtype)));
  }
  if (header.vocab_size == 0) throw Error(Kind::config, path + ": a vocabulary of no tokens");
  if (header.dtype == DType::u16 && header.vocab_size > 65536) {
    throw Error(Kind::config, path + ": a vocabulary of " + std::to_string(header.vocab_size) +
                                  " tokens does not fit u16 (65536 at most); use u32");
  }
  if (header.token_bytes.size() != header.vocab_size) {
    throw Error(Kind::config, path + ": token_bytes has " + std::to_string(header.token_bytes.size()) +
                                  " entries for a vocabulary of " + std::to_string(header.vocab_size));
  }
  if (header.end_of_text_id < -1 || header.end_of_text_id >= static_cast<std::int64_t>(header.vocab_size)) {
    throw Error(Kind::config, path + ": end-of-text id " + std::to_string(header.end_of_text_id) +
                                  " is outside the vocabulary of " + std::to_string(header.vocab_size));
  }
}

}  // namespace

struct TokensWriter::State {
  struct SplitData {
    explicit SplitData(const fs::path& folder) : ids(folder), document_offsets(folder), document_source(folder) {}
    HashedSpool ids, document_offsets, document_source;
    std::uint64_t n_tokens = 0, n_documents = 0, text_bytes = 0;
  };
  TokensHeader header;
  std::string path;
  Hdf5Writer file;
  std::array<SplitData, n_splits> splits;
  std::vector<std::string> sources;
  std::unordered_map<std::string, std::uint16_t> source_numbers;
  std::vector<std::uint16_t> narrow;  // reused

  std::uint16_t number_of(std::string_view source) {
    const auto found = source_numbers.find(std::string(source));
    if (found != source_numbers.end()) return found->second;
    if (sources.size() == 65536) throw Error(Kind::data, path + ": more than 65536 sources of documents");
    sources.emplace_back(source);
    return source_numbers[sources.back()] = static_cast<std::uint16_t>(sources.size() - 1);
  }

  State(const fs::path& where, bool overwrite, TokensHeader what, const fs::path& folder)
      : header(std::move(what)),
        path(where.string()),
        file(where, overwrite, version),
        splits{SplitData(folder), SplitData(folder), SplitData(folder)} {}
};

TokensWriter::TokensWriter(fs::path path, bool overwrite, TokensHeader header) {
  check_header(path.string(), header);
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  state_ = std::make_unique<State>(path, overwrite, std::move(header), folder);
}
TokensWriter::~TokensWriter() = default;

void TokensWriter::add(Split split, std::span<const std::uint32_t> ids, std::uint64_t text_bytes,
                       std::string_view source) {
  State::SplitData& data = state_->splits[static_cast<std::size_t>(split)];
  const std::uint32_t vocab_size = state_->header.vocab_size;
  const auto outside = std::find_if(ids.begin(), ids.end(), [&](std::uint32_t id) { return id >= vocab_size; });
  if (outside != ids.end()) {
    throw Error(Kind::data, state_->path + ": document " + std::to_string(data.n_documents) + " of " +
                                std::string(name_of(split)) + " has the id " + std::to_string(*outside) +
                                ", outside the vocabulary of " + std::to_string(vocab_size));
  }
  if (state_->header.dtype == DType::u16) {
    state_->narrow.assign(ids.begin(), ids.end());
    data.ids.append(std::span<const std::uint16_t>(state_->narrow));
  } else {
    data.ids.append(ids);
  }
  data.document_offsets.append(std::span<const std::uint64_t>(&data.n_tokens, 1));
  const std::uint16_t source_number = state_->number_of(source);
  data.document_source.append(std::span<const std::uint16_t>(&source_number, 1));
  data.n_tokens += ids.size();
  data.n_documents += 1;
  data.text_bytes += text_bytes;
}

void TokensWriter::finish(const Json& provenance) {
  Hdf5Writer& file = state_->file;
  const TokensHeader& header = state_->header;
  ContentDigest digest(header);
  const bool sources_told = state_->sources != std::vector<std::string>{""} && !state_->sources.empty();
  for (int i = 0; i < n_splits; ++i) {
    const std::string prefix = prefix_of(static_cast<Split>(i));
    State::SplitData& data = state_->splits[static_cast<std::size_t>(i)];
    data.document_offsets.append(std::span<const std::uint64_t>(&data.n_tokens, 1));
    data.ids.write_to(file, prefix + "ids", header.dtype);
    data.document_offsets.write_to(file, prefix + "document_offsets", DType::u64);
    file.write(prefix + "text_bytes", std::vector{data.text_bytes});
    digest.add(std::span<const std::uint64_t>(data.ids.checksums()));
    digest.add(std::span<const std::uint64_t>(data.document_offsets.checksums()));
    digest.add(std::span<const std::uint64_t>(&data.text_bytes, 1));
    if (!sources_told) continue;
    data.document_source.write_to(file, prefix + "document_source", DType::u16);
    digest.add(std::span<const std::uint64_t>(data.document_source.checksums()));
  }
  if (sources_told) file.write_text("sources", dump_json(Json(state_->sources)));
  file.write("token_bytes", header.token_bytes);
  file.write("end_of_text_id", std::vector{header.end_of_text_id});
  file.write_text("provenance", dump_json(provenance));
  file.set("vocab_size", header.vocab_size);
  file.set("tokenizer_digest", header.tokenizer_digest);
  file.set("checksum_block_bytes", checksum_block_bytes);
  file.set("digest", digest.hex());
  file.finish();
}

namespace {

// An array in the map, and the checksums of its blocks. HDF5 aligns arrays of a page or more; a shorter one that lies
// askew is held as a copy.
struct MappedArray {
  std::string name;
  std::span<const std::byte> bytes;
  std::vector<std::uint64_t> aligned_copy;
  std::vector<std::uint64_t> checksums;

  void verify_block(const std::string& path, std::uint64_t block) const {
    const std::uint64_t begin = block * checksum_block_bytes;
    const auto content = bytes.subspan(begin, std::min<std::uint64_t>(checksum_block_bytes, bytes.size() - begin));
    if (hash64(content) == checksums[block]) return;
    throw Error(Kind::data, path + ": " + name + " block " + std::to_string(block) + " (from byte " +
                                std::to_string(begin) +
                                ") does not match its checksum; the file is damaged: restore it from a copy or run " +
                                std::string(version.made_by) + " again");
  }
};

template <class T>
std::span<const T> view_of(const MappedArray& array) {
  return {reinterpret_cast<const T*>(array.bytes.data()), array.bytes.size() / sizeof(T)};
}

}  // namespace

struct TokensReader::State {
  std::string path;
  MappedFile map;
  TokensHeader header;
  std::array<MappedArray, n_splits> ids, document_offsets, document_source;
  std::array<TokensSplit, n_splits> splits;
  std::vector<std::string> sources;
  std::string digest, provenance;

  State(const fs::path& where, const Hdf5Reader& file) : path(where.string()), map(where) {
    read_header(file);
    if (file.has("sources")) {
      sources = parse_json(file.read_text("sources"), path + ": sources").get<std::vector<std::string>>();
    }
    for (int i = 0; i < n_splits; ++i) read_split(file, static_cast<Split>(i));
    digest = file.text("digest");
    provenance = file.read_text("provenance");
  }

  [[noreturn]] void contradiction(const std::string& what) const {
    throw Error(Kind::data, path + ": " + what + "; the file is damaged: restore it from a copy or run " +
                                std::string(version.made_by) + " again");
  }

  void read_header(const Hdf5Reader& file) {
    header.dtype = file.place("train/ids").dtype;
    header.vocab_size = static_cast<std::uint32_t>(file.number("vocab_size"));
    header.token_bytes = file.read<std::uint16_t>("token_bytes");
    const std::vector<std::int64_t> end_of_text_id = file.read<std::int64_t>("end_of_text_id");
    header.end_of_text_id = end_of_text_id.size() == 1 ? end_of_text_id[0] : -2;
    header.tokenizer_digest = file.text("tokenizer_digest");
    if (file.number("checksum_block_bytes") != checksum_block_bytes) contradiction("checksum blocks of another length");
    try {
      check_header(path, header);
    } catch (const Error& error) {
      throw Error(Kind::data, error.what());
    }
  }

  MappedArray map_array(const Hdf5Reader& file, const std::string& name, DType dtype) const {
    const ArrayPlace place = file.place(name, dtype, 1);
    MappedArray array{
        name, map.bytes().subspan(place.offset, place.bytes), {}, file.read<std::uint64_t>(name + "_checksums")};
    if (array.checksums.size() != (place.bytes + checksum_block_bytes - 1) / checksum_block_bytes) {
      contradiction(name + " has another number of checksums than blocks");
    }
    if (place.offset % size_of(dtype) == 0) return array;
    if (place.bytes >= page_bytes) contradiction(name + " is not aligned");
    array.aligned_copy.resize(place.bytes / sizeof(std::uint64_t) + 1);
    std::memcpy(array.aligned_copy.data(), array.bytes.data(), array.bytes.size());
    array.bytes = std::as_bytes(std::span(array.aligned_copy)).first(place.bytes);
    return array;
  }

  void read_split(const Hdf5Reader& file, Split which) {
    const auto i = static_cast<std::size_t>(which);
    const std::string prefix = prefix_of(which);
    TokensSplit& split = splits[i];
    ids[i] = map_array(file, prefix + "ids", header.dtype);
    document_offsets[i] = map_array(file, prefix + "document_offsets", DType::u64);
    for (std::uint64_t b = 0; b < document_offsets[i].checksums.size(); ++b) document_offsets[i].verify_block(path, b);
    if (header.dtype == DType::u16) split.ids16 = view_of<std::uint16_t>(ids[i]);
    if (header.dtype == DType::u32) split.ids32 = view_of<std::uint32_t>(ids[i]);
    split.document_offsets = view_of<std::uint64_t>(document_offsets[i]);
    const std::vector<std::uint64_t> text_bytes = file.read<std::uint64_t>(prefix + "text_bytes");
    const auto& offsets = split.document_offsets;
    if (offsets.empty() || offsets.front() != 0 || offsets.back() != ids[i].bytes.size() / size_of(header.dtype) ||
        !std::is_sorted(offsets.begin(), offsets.end()) || text_bytes.size() != 1) {
      contradiction(prefix + "document_offsets do not span the ids");
    }
    split.text_bytes = text_bytes[0];
    if (!sources.empty()) read_sources(file, which);
  }

  void read_sources(const Hdf5Reader& file, Split which) {
    const auto i = static_cast<std::size_t>(which);
    document_source[i] = map_array(file, prefix_of(which) + "document_source", DType::u16);
    for (std::uint64_t b = 0; b < document_source[i].checksums.size(); ++b) document_source[i].verify_block(path, b);
    splits[i].document_source = view_of<std::uint16_t>(document_source[i]);
    for (const std::uint16_t source : splits[i].document_source) {
      if (source >= sources.size()) contradiction(document_source[i].name + " names a source that is not there");
    }
    if (splits[i].document_source.size() != splits[i].n_documents()) {
      contradiction(document_source[i].name + " is not one for each document");
    }
  }

  void verify_ids(std::size_t i) const {
    for (std::uint64_t b = 0; b < ids[i].checksums.size(); ++b) ids[i].verify_block(path, b);
    const std::uint64_t n_tokens = splits[i].n_tokens();
    for (std::uint64_t at = 0; at < n_tokens; ++at) {
      if (splits[i].id(at) >= header.vocab_size) {
        contradiction(ids[i].name + " holds the id " + std::to_string(splits[i].id(at)) + " at " + std::to_string(at) +
                      ", outside the vocabulary of " + std::to_string(header.vocab_size));
      }
    }
  }
};

namespace {

Hdf5Reader open_file(const fs::path& path) {
  constexpr std::string_view known[] = {parts_feature};
  return {path, version, known};
}

}  // namespace

TokensReader::TokensReader(const fs::path& path) {
  const Hdf5Reader file = open_file(path);
  if (!parts_of(file, path).empty()) {
    throw Error(Kind::data, path.string() + ": stands for several files: name these here");
  }
  state_ = std::make_unique<State>(path, file);
}
TokensReader::~TokensReader() = default;
TokensReader::TokensReader(TokensReader&&) noexcept = default;

const std::string& TokensReader::path() const {
  return state_->path;
}
const TokensHeader& TokensReader::header() const {
  return state_->header;
}
const TokensSplit& TokensReader::split(Split split) const {
  return state_->splits[static_cast<std::size_t>(split)];
}
const std::vector<std::string>& TokensReader::sources() const {
  return state_->sources;
}
std::string TokensReader::digest() const {
  return state_->digest;
}
Json TokensReader::provenance() const {
  return parse_json(state_->provenance, state_->path + ": provenance");
}

void TokensReader::verify() const {
  for (std::size_t i = 0; i < n_splits; ++i) state_->verify_ids(i);
}

std::vector<Part> tokens_parts(const fs::path& path) {
  return parts_of(open_file(path), path);
}

std::vector<TokensReader> open_tokens(const fs::path& path) {
  const std::vector<Part> parts = tokens_parts(path);
  std::vector<TokensReader> readers;
  if (parts.empty()) readers.emplace_back(path);
  for (const Part& part : parts) {
    readers.emplace_back(part.path);
    check_part(path, part, readers.back().digest());
  }
  return readers;
}

void write_tokens_index(const fs::path& path, bool overwrite, const std::vector<fs::path>& paths,
                        const Json& provenance) {
  std::vector<Part> parts;
  std::string tokenizer;
  for (const fs::path& part : paths) {
    const TokensReader reader(part);
    if (parts.empty()) tokenizer = reader.header().tokenizer_digest;
    if (reader.header().tokenizer_digest != tokenizer) {
      throw Error(Kind::config, part.string() + ": was encoded with another tokenizer than " + paths.front().string());
    }
    parts.push_back({part, reader.digest()});
  }
  write_index(path, overwrite, version, parts, provenance);
}

}  // namespace hearth::formats
