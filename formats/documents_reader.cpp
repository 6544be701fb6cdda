// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "formats/documents_layout.h"
#include "formats/parts.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"

namespace hearth::formats {
namespace {

using documents::BlockColumns;
using documents::string_columns;

// Where one of the two tables lies; everything read later is read by these places.
struct TablePlaces {
  struct Column {
    ArrayPlace ends, bytes;
  };
  std::string group;
  std::uint64_t n_rows = 0, chunk_bytes = 0;
  std::vector<Column> columns;
  ArrayPlace text_range, split;
  std::vector<std::uint64_t> first_row, first_chunk, columns_checksum, chunk_offset, chunk_bytes_stored, chunk_checksum;

  std::uint64_t n_blocks() const { return columns_checksum.size(); }
};

bool ascends_to(const std::vector<std::uint64_t>& begins, std::uint64_t last) {
  return !begins.empty() && begins.front() == 0 && begins.back() == last &&
         std::is_sorted(begins.begin(), begins.end(), std::less_equal<>());
}

TablePlaces table_places(const Hdf5Reader& file, const std::string& path, bool rejected) {
  TablePlaces table;
  table.group = documents::group_of(rejected);
  const std::string prefix = table.group + "/";
  table.n_rows = file.number(rejected ? "n_rejected" : "n_documents");
  table.chunk_bytes = file.number("block_bytes");
  table.text_range = file.place(prefix + "text_range", DType::u64, 2);
  table.split = file.place(prefix + "split", DType::u8, 1);
  bool fits =
      table.text_range.shape == std::vector<std::uint64_t>{table.n_rows, 2} && table.split.bytes == table.n_rows;
  for (std::size_t i = 0; i < documents::n_columns(rejected); ++i) {
    const std::string name = prefix + string_columns[i].name;
    table.columns.push_back({file.place(name + "_ends", DType::u64, 1), file.place(name, DType::u8, 1)});
    fits = fits && table.columns.back().ends.shape[0] == table.n_rows;
  }
  const std::string blocks = prefix + "blocks/";
  table.first_row = file.read<std::uint64_t>(blocks + "first_row");
  table.first_chunk = file.read<std::uint64_t>(blocks + "first_chunk");
  table.columns_checksum = file.read<std::uint64_t>(blocks + "columns_checksum");
  table.chunk_offset = file.read<std::uint64_t>(blocks + "chunk_offset");
  table.chunk_bytes_stored = file.read<std::uint64_t>(blocks + "chunk_bytes");
  table.chunk_checksum = file.read<std::uint64_t>(blocks + "chunk_checksum");
  const std::uint64_t n_chunks = table.chunk_offset.size();
  fits = fits && table.first_row.size() == table.n_blocks() + 1 && table.first_chunk.size() == table.n_blocks() + 1 &&
         ascends_to(table.first_row, table.n_rows) && ascends_to(table.first_chunk, n_chunks) &&
         table.chunk_bytes_stored.size() == n_chunks && table.chunk_checksum.size() == n_chunks &&
         table.chunk_bytes > 0 && table.chunk_bytes <= (1u << 30);
  if (!fits) throw Error(Kind::data, path + ": the tables of " + table.group + " contradict each other; make it again");
  return table;
}

[[noreturn]] void damaged(const std::string& what) {
  throw Error(Kind::data, what + "; the file is damaged: restore it from a copy or make it again");
}

// Rows [first, first + count) of all columns but the text, checked against the block's checksum.
BlockColumns read_columns(const RawFile& file, const TablePlaces& table, std::uint64_t first, std::uint64_t count,
                          std::uint64_t checksum) {
  BlockColumns block;
  for (const TablePlaces::Column& column : table.columns) {
    BlockColumns::Strings& strings = block.strings.emplace_back();
    const std::uint64_t begin = first == 0 ? 0 : file.read_array<std::uint64_t>(column.ends.offset, first - 1, 1)[0];
    strings.ends = file.read_array<std::uint64_t>(column.ends.offset, first, count);
    const bool ascending = std::is_sorted(strings.ends.begin(), strings.ends.end()) && begin <= strings.ends.front() &&
                           strings.ends.back() <= column.bytes.bytes;
    if (!ascending) damaged("a column's row ends are out of order");
    strings.bytes.resize(strings.ends.back() - begin);
    file.read_at(column.bytes.offset + begin, std::as_writable_bytes(std::span(strings.bytes)));
  }
  block.text_ranges = file.read_array<std::uint64_t>(table.text_range.offset, 2 * first, 2 * count);
  block.splits = file.read_array<std::uint8_t>(table.split.offset, first, count);
  if (block.checksum() != checksum) damaged("the documents' columns do not match their checksum");
  return block;
}

// The decompressed chunks [first, end), one after the other.
std::string read_chunks(const RawFile& file, const TablePlaces& table, std::uint64_t first, std::uint64_t end) {
  std::string text((end - first) * table.chunk_bytes, '\0');
  const std::uint64_t file_bytes = file.bytes();
  for (std::uint64_t chunk = first; chunk < end; ++chunk) {
    if (table.chunk_bytes_stored[chunk] > file_bytes) damaged("a chunk is longer than the file");
    std::string frame(table.chunk_bytes_stored[chunk], '\0');
    file.read_at(table.chunk_offset[chunk], std::as_writable_bytes(std::span(frame)));
    if (hash64(std::as_bytes(std::span(frame))) != table.chunk_checksum[chunk])
      damaged("the text does not match its checksum");
    decompress_chunk(frame, std::span(text).subspan((chunk - first) * table.chunk_bytes, table.chunk_bytes));
  }
  return text;
}

std::vector<RejectedDocument> read_rows(const RawFile& file, const TablePlaces& table, std::uint64_t block) {
  const std::uint64_t first = table.first_row[block], count = table.first_row[block + 1] - first;
  const std::uint64_t first_chunk = table.first_chunk[block];
  BlockColumns columns = read_columns(file, table, first, count, table.columns_checksum[block]);
  const std::string text = read_chunks(file, table, first_chunk, table.first_chunk[block + 1]);
  const std::uint64_t text_begin = first_chunk * table.chunk_bytes;
  std::vector<RejectedDocument> rows(count);
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const BlockColumns::Strings& strings = columns.strings[i];
    std::uint64_t begin = strings.ends.back() - strings.bytes.size();
    const std::uint64_t column_begin = begin;
    for (std::uint64_t row = 0; row < count; ++row) {
      string_columns[i].of(rows[row]) = strings.bytes.substr(begin - column_begin, strings.ends[row] - begin);
      begin = strings.ends[row];
    }
  }
  for (std::uint64_t row = 0; row < count; ++row) {
    const std::uint64_t begin = columns.text_ranges[2 * row] - text_begin,
                        end = columns.text_ranges[2 * row + 1] - text_begin;
    if (begin > end || end > text.size() || columns.splits[row] >= n_splits) damaged("a row points outside its block");
    rows[row].document.text = text.substr(begin, end - begin);
    rows[row].document.split = static_cast<Split>(columns.splits[row]);
  }
  return rows;
}

// A file that holds documents itself.
struct WholeFile {
  std::string path;
  RawFile raw;
  TablePlaces documents, rejected;
  std::array<std::uint64_t, n_splits> n_documents{};
  std::uint64_t text_bytes = 0;

  WholeFile(const fs::path& where, const Hdf5Reader& file)
      : path(where.string()),
        raw(where, RawFile::Mode::read),
        documents(table_places(file, path, false)),
        rejected(table_places(file, path, true)),
        text_bytes(file.number("text_bytes")) {
    for (int i = 0; i < n_splits; ++i) {
      n_documents[static_cast<std::size_t>(i)] = file.number("n_" + std::string(name_of(static_cast<Split>(i))));
    }
  }

  const TablePlaces& table(bool of_rejected) const { return of_rejected ? rejected : documents; }
  std::vector<RejectedDocument> read(const TablePlaces& table, std::uint64_t block) const {
    return with_context(path + ": " + table.group + " block " + std::to_string(block),
                        [&] { return read_rows(raw, table, block); });
  }
};

Hdf5Reader open_file(const fs::path& path) {
  constexpr std::string_view known[] = {parts_feature};
  return {path, documents::version, known};
}

}  // namespace

struct DocumentsReader::State {
  std::string path;
  std::vector<WholeFile> files;  // the parts of an index, in order, or the file itself
  std::string digest, provenance, statistics;

  explicit State(const fs::path& where) : path(where.string()) {
    const Hdf5Reader file = open_file(where);
    digest = file.text("digest");
    provenance = file.read_text("provenance");
    statistics = file.read_text("statistics");
    const std::vector<Part> parts = parts_of(file, where);
    if (parts.empty()) files.emplace_back(where, file);
    for (const Part& part : parts) {
      const std::string part_digest = with_context(path + ": its part", [&] {
        const Hdf5Reader of_part(part.path, documents::version);
        files.emplace_back(part.path, of_part);
        return of_part.text("digest");
      });
      check_part(where, part, part_digest);
    }
  }

  template <class Of>
  std::uint64_t sum(const Of& of) const {
    std::uint64_t n = 0;
    for (const WholeFile& file : files) n += of(file);
    return n;
  }

  std::vector<RejectedDocument> read(bool rejected, std::uint64_t block) const {
    std::uint64_t in_file = block;
    for (const WholeFile& file : files) {
      const TablePlaces& table = file.table(rejected);
      if (in_file < table.n_blocks()) return file.read(table, in_file);
      in_file -= table.n_blocks();
    }
    HEARTH_CHECK(false, "block " + std::to_string(block) + " is behind the last");
  }
};

DocumentsReader::DocumentsReader(const fs::path& path) : state_(std::make_unique<State>(path)) {}
DocumentsReader::~DocumentsReader() = default;
DocumentsReader::DocumentsReader(DocumentsReader&&) noexcept = default;

std::uint64_t DocumentsReader::n_documents() const {
  return state_->sum([](const WholeFile& file) { return file.documents.n_rows; });
}
std::uint64_t DocumentsReader::n_documents(Split split) const {
  return state_->sum([&](const WholeFile& file) { return file.n_documents[static_cast<std::size_t>(split)]; });
}
std::uint64_t DocumentsReader::n_rejected() const {
  return state_->sum([](const WholeFile& file) { return file.rejected.n_rows; });
}
std::uint64_t DocumentsReader::text_bytes() const {
  return state_->sum([](const WholeFile& file) { return file.text_bytes; });
}
std::string DocumentsReader::digest() const { return state_->digest; }
Json DocumentsReader::provenance() const { return parse_json(state_->provenance, state_->path + ": provenance"); }
Json DocumentsReader::statistics() const { return parse_json(state_->statistics, state_->path + ": statistics"); }
std::uint64_t DocumentsReader::n_blocks() const {
  return state_->sum([](const WholeFile& file) { return file.documents.n_blocks(); });
}
std::uint64_t DocumentsReader::n_rejected_blocks() const {
  return state_->sum([](const WholeFile& file) { return file.rejected.n_blocks(); });
}

std::vector<Document> DocumentsReader::read_block(std::uint64_t block) const {
  std::vector<Document> documents;
  for (RejectedDocument& row : state_->read(false, block)) documents.push_back(std::move(row.document));
  return documents;
}

std::vector<RejectedDocument> DocumentsReader::read_rejected_block(std::uint64_t block) const {
  return state_->read(true, block);
}

std::vector<Part> documents_parts(const fs::path& path) {
  return parts_of(open_file(path), path);
}

void write_documents_index(const fs::path& path, bool overwrite, const std::vector<fs::path>& paths,
                           const Json& provenance, const Json& statistics) {
  std::vector<Part> parts;
  for (const fs::path& part : paths) parts.push_back({part, DocumentsReader(part).digest()});
  write_index(path, overwrite, documents::version, parts, provenance, {{"statistics", dump_json(statistics)}});
}

}  // namespace hearth::formats
