// SPDX-License-Identifier: Apache-2.0
// The documents file (corpus.h5): texts with where they came from. Specification: formats/documents.md.
// Texts lie in zstd blocks of some megabytes that are read and written independently, so both directions use all cores.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/json.h"
#include "lib/base/thread_pool.h"

namespace hearth::formats {

struct Part;  // formats/parts.h

enum class Split : std::uint8_t { train, validation, test };
constexpr int n_splits = 3;
std::string_view name_of(Split split);  // "train", "validation", "test"

struct Document {
  std::string id;                 // stable: the same source path and text give the same id on every machine
  std::string source;             // path, or path#line for a record of a JSONL file
  std::string type;               // "text", "markdown", "html", "code", "jsonl"
  std::string language;           // of code: "c++", "python", ...; otherwise empty
  std::string license;            // SPDX id where known, otherwise empty
  std::string text;               // valid UTF-8, NFC
  std::string attributes = "{}";  // a JSON object: what stages say of the document
  Split split = Split::train;
};

// A document that is not used, and why. Its text is what was read (bytes; cut to rejected_text_bytes when longer).
struct RejectedDocument {
  Document document;
  std::string reason;  // "duplicate-exact", "too-short", "not-text", ...: one word per rule
  std::string detail;  // "of ID", "3 characters, at least 50 wanted"
};

class DocumentsWriter {
 public:
  struct Settings {
    int zstd_level = 3;
    std::uint64_t block_bytes = 4u << 20;
    std::uint64_t rejected_text_bytes = 64u << 10;
  };
  // Refuses an existing path without overwrite. Nothing appears under path before finish().
  DocumentsWriter(std::filesystem::path path, bool overwrite, ThreadPool& pool, Settings settings);
  ~DocumentsWriter();
  void add(Document document);
  void add(RejectedDocument rejected);
  // Completes the file. statistics is shown by `shard cat --stats`.
  void finish(const Json& provenance, const Json& statistics);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

class DocumentsReader {
 public:
  // Throws Error{missing} when absent, Error{data} when foreign, incomplete, of a later major version or damaged: with
  // path, and what to do. An index (formats/parts.h) is read as the one file that its parts are together; Error{data}
  // when a part is another than the index was made with.
  explicit DocumentsReader(const std::filesystem::path& path);
  ~DocumentsReader();
  DocumentsReader(DocumentsReader&&) noexcept;

  std::uint64_t n_documents() const;
  std::uint64_t n_documents(Split split) const;
  std::uint64_t n_rejected() const;
  std::uint64_t text_bytes() const;  // of all documents, decompressed
  std::string digest() const;        // identifies the content: equal for equal documents in equal order
  Json provenance() const;
  Json statistics() const;

  // Documents come in blocks; a block is the unit of reading. Thread-safe.
  std::uint64_t n_blocks() const;
  std::vector<Document> read_block(std::uint64_t block) const;  // verifies checksums; Error{data} names path and block
  std::uint64_t n_rejected_blocks() const;
  std::vector<RejectedDocument> read_rejected_block(std::uint64_t block) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The files that the index at path names; none when it is a whole file. Errors as DocumentsReader, but that the parts
// are not looked at.
std::vector<Part> documents_parts(const std::filesystem::path& path);

// Makes path stand for these files, one after the other.
void write_documents_index(const std::filesystem::path& path, bool overwrite,
                           const std::vector<std::filesystem::path>& parts, const Json& provenance,
                           const Json& statistics);

}  // namespace hearth::formats
