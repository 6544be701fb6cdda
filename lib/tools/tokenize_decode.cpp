// SPDX-License-Identifier: Apache-2.0
// tokenize decode and cat: from ids to text, from a tokens file to lines of JSON.
#include <charconv>
#include <cstdio>
#include <cstring>
#include <optional>

#include "formats/tokens.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/text/tokenizer/tokenizer.h"
#include "lib/tools/tokenize.h"

namespace hearth::tools {
namespace {

using formats::Split;
using formats::TokensReader;
using formats::TokensSplit;
using text::Tokenizer;

void put(std::string_view bytes) {
  std::fwrite(bytes.data(), 1, bytes.size(), stdout);
}

std::vector<std::uint32_t> document_ids(const TokensSplit& split, std::uint64_t document) {
  std::vector<std::uint32_t> ids;
  for (std::uint64_t i = split.document_offsets[document]; i < split.document_offsets[document + 1]; ++i)
    ids.push_back(split.id(i));
  return ids;
}

// Calls body(split, document in it, document in all) for those that first and limit (0: all) choose of all files'.
template <class Body>
void for_chosen(const std::vector<TokensReader>& readers, Split name, std::uint64_t first, std::uint64_t limit,
                Body body) {
  std::uint64_t begin = 0;  // of the file's documents among all
  for (const TokensReader& reader : readers) {
    const TokensSplit& split = reader.split(name);
    const std::uint64_t end = begin + split.n_documents();
    const std::uint64_t last = limit == 0 || end - std::min(first, end) < limit ? end : first + limit;
    for (std::uint64_t document = std::max(first, begin); document < last; ++document) {
      tokenize_detail::throw_if_stopped();
      body(split, document - begin, document);
    }
    begin = end;
  }
}

// Numbers with white space, commas or brackets between them, as a program might print a list.
std::vector<std::uint32_t> ids_in(std::string_view text, const std::string& where) {
  constexpr std::string_view between = " \t\r\n,[]";
  std::vector<std::uint32_t> ids;
  for (std::size_t i = 0; (i = text.find_first_not_of(between, i)) != std::string_view::npos;) {
    const std::size_t end = std::min(text.find_first_of(between, i), text.size());
    std::uint32_t id = 0;
    const auto [stop, error] = std::from_chars(text.data() + i, text.data() + end, id);
    if (error != std::errc{} || stop != text.data() + end) {
      throw Error(Kind::data, where + ": byte " + std::to_string(i) + ": '" +
                                  std::string(text.substr(i, std::min<std::size_t>(end - i, 40))) +
                                  "' is not a token id");
    }
    ids.push_back(id);
    i = end;
  }
  return ids;
}

bool is_hdf5(const std::string& path) {
  char magic[8] = {};
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) return false;
  const std::size_t n = std::fread(magic, 1, sizeof magic, file);
  std::fclose(file);
  return n == sizeof magic && std::memcmp(magic, "\x89HDF\r\n\x1a\n", sizeof magic) == 0;
}

Split split_named(const std::string& name) {
  return tokenize_detail::splits_named({name}).front();
}

}  // namespace

int run(const TokenizeDecodeOptions& options, Context&) {
  const Tokenizer tokenizer = Tokenizer::load(options.tokenizer);
  if (options.input == "-") {
    put(tokenizer.decode(ids_in(tokenize_detail::read_stdin(), "stdin"), options.skip_special));
    return 0;
  }
  require_readable(options.input);
  if (!is_hdf5(options.input)) {
    put(tokenizer.decode(ids_in(read_file(options.input), options.input), options.skip_special));
    return 0;
  }
  const std::vector<TokensReader> readers = formats::open_tokens(options.input);
  tokenize_detail::require_same_tokenizer(options.input, readers.front().header().tokenizer_digest, tokenizer,
                                          options.tokenizer);
  for_chosen(readers, split_named(options.split), options.first, options.limit,
             [&](const TokensSplit& split, std::uint64_t document, std::uint64_t) {
               put(tokenizer.decode(document_ids(split, document), options.skip_special));
             });
  return 0;
}

int run(const TokenizeCatOptions& options, Context&) {
  std::optional<Tokenizer> tokenizer;
  if (!options.tokenizer.empty()) tokenizer = Tokenizer::load(options.tokenizer);
  const std::vector<TokensReader> readers = formats::open_tokens(options.input);
  if (tokenizer)
    tokenize_detail::require_same_tokenizer(options.input, readers.front().header().tokenizer_digest, *tokenizer,
                                            options.tokenizer);
  for (const Split name : tokenize_detail::splits_named(options.splits)) {
    for_chosen(readers, name, options.first, options.limit,
               [&](const TokensSplit& split, std::uint64_t document, std::uint64_t number) {
                 const std::vector<std::uint32_t> ids = document_ids(split, document);
                 Json line{{"split", name_of(name)}, {"document", number}, {"ids", ids}};
                 if (tokenizer) line["text"] = tokenizer->decode(ids, true);
                 put(dump_json(line) + "\n");
               });
  }
  return 0;
}

}  // namespace hearth::tools
