// SPDX-License-Identifier: Apache-2.0
// The tokens file (tokens.h5): token ids of a corpus, per split, memory-mapped for training. Specification:
// formats/tokens.md. Ids are contiguous, aligned, unfiltered u16 or u32; documents follow each other without separator
// tokens other than what the tokenizer put there (an end-of-text id at each document's end).
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/documents.h"
#include "lib/base/dtype.h"
#include "lib/base/json.h"

namespace hearth::formats {

struct TokensHeader {
  DType dtype = DType::u16;  // u16 when vocab_size <= 65536, else u32
  std::uint32_t vocab_size = 0;
  std::int64_t end_of_text_id = -1;        // -1: none
  std::string tokenizer_digest;            // sha256 of tokenizer.json: readers refuse another one
  std::vector<std::uint16_t> token_bytes;  // [vocab_size] bytes of text each id stands for; 0 for special tokens
};

class TokensWriter {
 public:
  // Throws Error{config} when vocab_size does not fit dtype.
  TokensWriter(std::filesystem::path path, bool overwrite, TokensHeader header);
  ~TokensWriter();
  // One document; text_bytes is the length of its text, source where it is from, by which training may weigh it (few
  // names; at most 65536). Splits may be interleaved. Error{data} for an id >= vocab_size.
  void add(Split split, std::span<const std::uint32_t> ids, std::uint64_t text_bytes, std::string_view source = {});
  void finish(const Json& provenance);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The tokens of one split.
struct TokensSplit {
  std::span<const std::uint16_t> ids16;  // the one that header().dtype names is filled
  std::span<const std::uint32_t> ids32;
  std::span<const std::uint64_t> document_offsets;  // [n_documents + 1], in tokens
  std::span<const std::uint16_t> document_source;   // [n_documents] which of sources(); empty: not told
  std::uint64_t text_bytes = 0;

  std::uint64_t n_tokens() const { return document_offsets.empty() ? 0 : document_offsets.back(); }
  std::uint64_t n_documents() const { return document_offsets.empty() ? 0 : document_offsets.size() - 1; }
  std::uint32_t id(std::uint64_t position) const { return ids16.empty() ? ids32[position] : ids16[position]; }
};

class TokensReader {
 public:
  // Maps; does not read the ids. Errors as DocumentsReader; Error{data} for an index (open_tokens).
  explicit TokensReader(const std::filesystem::path& path);
  ~TokensReader();
  TokensReader(TokensReader&&) noexcept;

  const std::string& path() const;
  const TokensHeader& header() const;
  const TokensSplit& split(Split split) const;
  const std::vector<std::string>& sources() const;  // names of where documents are from; empty: not told
  std::string digest() const;                       // identifies the content
  Json provenance() const;
  void verify() const;  // checks every block's checksum and every id; Error{data} names the block

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// A tokens file, or all the parts that an index stands for (formats/parts.h), in order. Errors as TokensReader;
// Error{data} when a part is another file than the index was made with, or has another tokenizer.
std::vector<TokensReader> open_tokens(const std::filesystem::path& path);

// As documents_parts (formats/documents.h).
std::vector<Part> tokens_parts(const std::filesystem::path& path);

// Makes path stand for these files, which have one tokenizer. Throws Error{config} when they have not.
void write_tokens_index(const std::filesystem::path& path, bool overwrite,
                        const std::vector<std::filesystem::path>& parts, const Json& provenance);

}  // namespace hearth::formats
