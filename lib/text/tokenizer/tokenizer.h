// SPDX-License-Identifier: Apache-2.0
// A BPE tokenizer, read from and written as Hugging Face's tokenizer.json: text to token ids and back. Byte-level, or
// of characters as SentencePiece's (characters.h). On valid UTF-8 the ids are those of the `tokenizers` library without
// its post-processor (no bos or eos is added). Any bytes are taken: a byte that is not part of valid UTF-8 counts as a
// symbol of its own (neither letter, digit nor space), and decode(encode(x)) == x for all x unless the file asks for
// NFC, which is applied to the valid stretches, or is of characters and lacks bytes or x holds U+2581.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::text {

// What encode makes of the text of a special token ("<|im_end|>") that stands in its input. Added tokens that the file
// does not call special are vocabulary and always found, as in the `tokenizers` library.
enum class SpecialTokens {
  as_text,  // plain text, the only safe way for corpora and for what users write
  parse,    // the token, for text that a chat template made
};

class Tokenizer {
 public:
  // path: a tokenizer.json, tekken.json, vocab.json with merges.txt, a file of tiktoken's ranks, a SentencePiece model,
  // or a folder with one of them (open_tokenizer.h). What is not a tokenizer.json is turned into one, the same for the
  // same file. Side files beside it (tokenizer_config.json, special_tokens_map.json, chat_template.jinja) are read too
  // where they exist; without a config they are made up as for a new tokenizer. pretokenizer: for files that do not say
  // how text is cut into pieces. Throws Error{missing}; Error{data} for what is none of these, or asks for something
  // that cannot be done exactly here (another model than BPE, an unknown regular expression): named in the message.
  static Tokenizer load(const std::filesystem::path& path, std::string_view pretokenizer = {});
  // The same from the text of a tokenizer.json; side files are made up as for a new one, with end_of_text as its eos
  // token when the usual names are not there. where stands in messages.
  static Tokenizer from_json(std::string json_text, std::string_view where, std::string_view end_of_text = {});
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  // Appends the ids of text to ids. Thread-safe. O(n log n) in the length of text whatever it holds.
  void encode(std::string_view text, std::vector<std::uint32_t>& ids,
              SpecialTokens special = SpecialTokens::as_text) const;
  std::vector<std::uint32_t> encode(std::string_view text, SpecialTokens special = SpecialTokens::as_text) const;
  // The bytes ids stand for; special tokens appear as their name, or not at all. Throws Error{data} for an id >=
  // vocab_size().
  std::string decode(std::span<const std::uint32_t> ids, bool skip_special = false) const;

  std::uint32_t vocab_size() const;                // ids are 0 .. vocab_size() - 1, special tokens included
  std::string_view bytes(std::uint32_t id) const;  // what decode gives for the id; empty for an id no token has
  bool is_special(std::uint32_t id) const;
  std::vector<std::uint16_t> token_bytes() const;  // [vocab_size] bytes of text per id, 0 for special tokens
  std::vector<std::uint32_t> special_ids() const;  // ascending
  std::optional<std::uint32_t> id_of(std::string_view special_token) const;  // by its name, "<|im_end|>"

  // By role. end_of_text ends each document of a corpus: "<|endoftext|>" or its like by name, else the eos token.
  std::optional<std::uint32_t> end_of_text() const;
  std::optional<std::uint32_t> bos() const, eos() const, pad() const;  // as tokenizer_config.json says

  std::string_view pretokenizer() const;  // "qwen2", "llama3", ...: pretokenizer.h lists them
  std::string_view gguf_name() const;     // the name llama.cpp knows it by (tokenizer.ggml.pre); empty: none
  std::size_t n_merges() const;
  // Merge rules in order of rank, as ids. For exporters.
  std::vector<std::pair<std::uint32_t, std::uint32_t>> merges() const;

  const std::string& json() const;           // the text of tokenizer.json, byte for byte as read
  const std::string& digest() const;         // its SHA-256: names the tokenizer in tokens files
  const std::string& chat_template() const;  // Jinja; empty: none

  // Writes tokenizer.json, tokenizer_config.json, special_tokens_map.json and chat_template.jinja into an existing
  // folder, replacing what is there: AutoTokenizer.from_pretrained(folder) loads them.
  void write_folder(const std::filesystem::path& folder) const;
  // The same with another name for tokenizer.json; the side files stand beside it.
  void write(const std::filesystem::path& json_path) const;

 private:
  struct State;
  explicit Tokenizer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hearth::text
