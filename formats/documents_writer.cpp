// SPDX-License-Identifier: Apache-2.0
// Rows gather in a block; a full block is cut into chunks; when some chunks per thread wait they are compressed on the
// pool and appended in the order they came. So memory holds a few blocks, and the bytes do not depend on the number of
// threads.
#include <algorithm>
#include <utility>

#include "formats/documents_layout.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"

namespace hearth::formats {
namespace {

using documents::BlockColumns;
using documents::string_columns;

constexpr std::size_t waiting_chunks_per_thread = 2;
constexpr std::size_t max_rows_per_block = 1u << 16;

// Chunks on their way into the file, of both tables in one order.
class ChunkQueue {
 public:
  ChunkQueue(Hdf5Writer& file, ThreadPool& pool, const DocumentsWriter::Settings& settings)
      : file_(file), pool_(pool), settings_(settings) {}

  // text goes to the dataset as its next chunk, and the frame's checksum to the end of checksums.
  void add(const std::string& dataset, std::string text, std::vector<std::uint64_t>& checksums) {
    waiting_.push_back({&dataset, std::move(text), &checksums});
    if (waiting_.size() >= waiting_chunks_per_thread * static_cast<std::size_t>(pool_.n_threads())) write();
  }

  void write() {
    pool_.for_each(static_cast<std::int64_t>(waiting_.size()), [&](std::int64_t i, int) {
      std::string& bytes = waiting_[static_cast<std::size_t>(i)].bytes;
      bytes = compress_chunk(std::move(bytes), settings_.block_bytes, settings_.zstd_level);
    });
    for (const Chunk& chunk : waiting_) {
      file_.append_chunk(*chunk.dataset, chunk.bytes);
      chunk.checksums->push_back(hash64(std::as_bytes(std::span(chunk.bytes))));
    }
    waiting_.clear();
  }

 private:
  struct Chunk {
    const std::string* dataset;
    std::string bytes;  // text, then the frame
    std::vector<std::uint64_t>* checksums;
  };
  Hdf5Writer& file_;
  ThreadPool& pool_;
  const DocumentsWriter::Settings settings_;
  std::vector<Chunk> waiting_;
};

// One of the two tables of a documents file: rows in blocks of whole chunks.
class Table {
 public:
  Table(Hdf5Writer& file, ChunkQueue& queue, const fs::path& folder, bool rejected,
        const DocumentsWriter::Settings& settings)
      : file_(file),
        queue_(queue),
        group_(documents::group_of(rejected)),
        text_name_(group_ + "/text"),
        settings_(settings),
        ranges_(folder),
        splits_(folder) {
    for (std::size_t i = 0; i < documents::n_columns(rejected); ++i) columns_.push_back({Spool(folder), Spool(folder)});
    file_.create_chunked(text_name_, settings_.block_bytes, settings_.zstd_level);
    block_.strings.resize(columns_.size());
  }

  std::uint64_t n_rows() const { return n_rows_; }
  std::uint64_t text_bytes() const { return text_bytes_; }

  void add(RejectedDocument& row) {
    std::string& text = row.document.text;
    if (!block_.splits.empty() && block_text_.size() + text.size() > settings_.block_bytes) seal_block();
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const std::string& value = string_columns[i].of(row);
      block_.strings[i].bytes += value;
      block_.strings[i].ends.push_back(columns_[i].bytes.bytes() + block_.strings[i].bytes.size());
      block_metadata_bytes_ += value.size();
    }
    const std::uint64_t begin = n_chunks_ * settings_.block_bytes + block_text_.size();
    block_.text_ranges.push_back(begin);
    block_.text_ranges.push_back(begin + text.size());
    block_.splits.push_back(static_cast<std::uint8_t>(row.document.split));
    text_bytes_ += text.size();
    block_text_.empty() ? block_text_.swap(text) : void(block_text_ += text);
    ++n_rows_;
    if (block_text_.size() >= settings_.block_bytes || block_metadata_bytes_ >= settings_.block_bytes ||
        block_.splits.size() >= max_rows_per_block) {
      seal_block();
    }
  }

  // Ends the block under construction: its columns go to their spools, its text to the queue.
  void seal_block() {
    if (block_.splits.empty()) return;
    row_begins_.push_back(n_rows_ - block_.splits.size());
    chunk_begins_.push_back(n_chunks_);
    column_checksums_.push_back(block_.checksum());
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      columns_[i].ends.append(std::as_bytes(std::span(block_.strings[i].ends)));
      columns_[i].bytes.append(std::as_bytes(std::span(block_.strings[i].bytes)));
    }
    ranges_.append(std::as_bytes(std::span(block_.text_ranges)));
    splits_.append(std::as_bytes(std::span(block_.splits)));
    const std::string text = std::exchange(block_text_, {});
    std::size_t at = 0;
    do {  // a block without text has a chunk all the same
      queue_.add(text_name_, text.substr(at, settings_.block_bytes), chunk_checksums_);
      ++n_chunks_;
      at += settings_.block_bytes;
    } while (at < text.size());
    block_ = {};
    block_.strings.resize(columns_.size());
    block_metadata_bytes_ = 0;
  }

  // Writes all but the chunks. Comes after seal_block() and the queue's write().
  void finish() {
    const std::string prefix = group_ + "/";
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const std::string column = prefix + string_columns[i].name;
      const std::uint64_t extent = columns_[i].bytes.bytes();
      file_.write_spool(column + "_ends", DType::u64, std::span(&n_rows_, 1), columns_[i].ends);
      file_.write_spool(column, DType::u8, std::span(&extent, 1), columns_[i].bytes);
    }
    const std::uint64_t pairs[2] = {n_rows_, 2};
    file_.write_spool(prefix + "text_range", DType::u64, pairs, ranges_);
    file_.write_spool(prefix + "split", DType::u8, std::span(&n_rows_, 1), splits_);
    write_block_table(prefix + "blocks/");
  }

 private:
  void write_block_table(const std::string& prefix) {
    row_begins_.push_back(n_rows_);
    chunk_begins_.push_back(n_chunks_);
    std::vector<std::uint64_t> chunk_offsets, chunk_sizes;
    for (const ChunkPlace& place : file_.chunk_places(text_name_)) {
      chunk_offsets.push_back(place.offset);
      chunk_sizes.push_back(place.bytes);
    }
    file_.write(prefix + "first_row", row_begins_);
    file_.write(prefix + "first_chunk", chunk_begins_);
    file_.write(prefix + "columns_checksum", column_checksums_);
    file_.write(prefix + "chunk_offset", chunk_offsets);
    file_.write(prefix + "chunk_bytes", chunk_sizes);
    file_.write(prefix + "chunk_checksum", chunk_checksums_);
  }

  struct SpooledColumn {
    Spool ends, bytes;
  };
  Hdf5Writer& file_;
  ChunkQueue& queue_;
  const std::string group_, text_name_;
  const DocumentsWriter::Settings settings_;
  std::vector<SpooledColumn> columns_;
  Spool ranges_, splits_;
  std::uint64_t n_rows_ = 0, text_bytes_ = 0, n_chunks_ = 0;
  // The block under construction.
  BlockColumns block_;
  std::string block_text_;
  std::uint64_t block_metadata_bytes_ = 0;
  // The block table.
  std::vector<std::uint64_t> row_begins_, chunk_begins_, column_checksums_, chunk_checksums_;
};

// Identifies a document: the hash of the hashes of its fields.
Hash128 identity_of(RejectedDocument& row) {
  std::vector<Hash128> fields;
  for (std::size_t i = 0; i < documents::n_columns(false); ++i) fields.push_back(hash128(string_columns[i].of(row)));
  fields.push_back(hash128(row.document.text));
  fields.push_back({0, static_cast<std::uint64_t>(row.document.split)});
  return hash128(std::as_bytes(std::span(fields)));
}

fs::path folder_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

}  // namespace

struct DocumentsWriter::State {
  Hdf5Writer file;
  Settings settings;
  ChunkQueue queue;
  Table documents, rejected;
  Sha256 digest;
  std::array<std::uint64_t, n_splits> n_documents{};

  State(const fs::path& path, bool overwrite, ThreadPool& pool, Settings chosen)
      : file(path, overwrite, documents::version),
        settings(chosen),
        queue(file, pool, chosen),
        documents(file, queue, folder_of(path), false, chosen),
        rejected(file, queue, folder_of(path), true, chosen) {}
};

DocumentsWriter::DocumentsWriter(fs::path path, bool overwrite, ThreadPool& pool, Settings settings) {
  if (settings.block_bytes < 1024 || settings.block_bytes > (1u << 30)) {
    throw Error(Kind::config, path.string() + ": blocks of " + std::to_string(settings.block_bytes) +
                                  " bytes; they may have 1024 to 1073741824");
  }
  if (settings.zstd_level < 1 || settings.zstd_level > 22) {
    throw Error(Kind::config,
                path.string() + ": zstd level " + std::to_string(settings.zstd_level) + "; levels are 1 to 22");
  }
  state_ = std::make_unique<State>(path, overwrite, pool, settings);
}
DocumentsWriter::~DocumentsWriter() = default;

void DocumentsWriter::add(Document document) {
  RejectedDocument row{std::move(document), {}, {}};
  const Hash128 identity = identity_of(row);
  state_->digest.update(std::as_bytes(std::span(&identity, 1)));
  ++state_->n_documents[static_cast<std::size_t>(row.document.split)];
  state_->documents.add(row);
}

void DocumentsWriter::add(RejectedDocument rejected) {
  std::string& text = rejected.document.text;
  text.resize(std::min<std::uint64_t>(text.size(), state_->settings.rejected_text_bytes));
  state_->rejected.add(rejected);
}

void DocumentsWriter::finish(const Json& provenance, const Json& statistics) {
  State& state = *state_;
  state.documents.seal_block();
  state.rejected.seal_block();
  state.queue.write();
  state.documents.finish();
  state.rejected.finish();
  state.file.write_text("provenance", dump_json(provenance));
  state.file.write_text("statistics", dump_json(statistics));
  state.file.set("digest", state.digest.hex());
  state.file.set("block_bytes", state.settings.block_bytes);
  state.file.set("n_documents", state.documents.n_rows());
  for (int i = 0; i < n_splits; ++i) {
    state.file.set("n_" + std::string(name_of(static_cast<Split>(i))), state.n_documents[static_cast<std::size_t>(i)]);
  }
  state.file.set("n_rejected", state.rejected.n_rows());
  state.file.set("text_bytes", state.documents.text_bytes());
  state.file.finish();
}

}  // namespace hearth::formats
