// SPDX-License-Identifier: Apache-2.0
// Tokenizers that are not a tokenizer.json: their ids against tiktoken and Hugging Face's `tokenizers`
// (tests/golden/tokenizer/kinds, written by tests/golden/make/tokenizer_kinds.py), what becomes of them as one, and
// what is refused. Trusts the rest of the tokenizer (test_tokenizer).
#include <unistd.h>

#include <algorithm>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/text/tokenizer/known_ranks.h"
#include "lib/text/tokenizer/rank_merges.h"
#include "lib/text/tokenizer/tokenizer.h"
#include "tests/support/catch.h"

using namespace hearth;
using namespace hearth::text;

namespace {

const fs::path kinds = fs::path(HEARTH_SOURCE_DIR) / "tests/golden/tokenizer/kinds";
using Ids = std::vector<std::uint32_t>;

struct TemporaryFolder {
  fs::path path = fs::temp_directory_path() / ("hearth-tokenizer-kinds-" + std::to_string(::getpid()));
  TemporaryFolder() { fs::create_directories(path); }
  ~TemporaryFolder() { fs::remove_all(path); }
  fs::path operator/(const std::string& name) const { return path / name; }
};

Tokenizer load_kind(const std::string& name) {
  if (name == "ranks") return Tokenizer::load(kinds / "ranks", "llama3");
  return Tokenizer::load(name == "tekken" ? kinds / "tekken.json" : kinds / name);
}

std::string refusal(const fs::path& path, std::string_view pretokenizer = {}) {
  try {
    Tokenizer::load(path, pretokenizer);
  } catch (const Error& error) {
    return error.what();
  }
  FAIL("nothing was thrown");
  return {};
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("ids are those of the libraries the files are made for, also when written as tokenizer.json") {
  const Json expected = read_json(kinds / "expected.json");
  for (const auto& [name, entries] : expected["kinds"].items()) {
    const Tokenizer direct = load_kind(name);
    const TemporaryFolder folder;
    direct.write_folder(folder.path);
    const Tokenizer written = Tokenizer::load(folder.path);
    CHECK(written.digest() == direct.digest());
    CHECK(written.vocab_size() == direct.vocab_size());
    CHECK(written.special_ids() == direct.special_ids());
    CHECK(written.end_of_text() == direct.end_of_text());
    CHECK(written.bos() == direct.bos());
    for (const Json& entry : entries) {
      const std::string text = entry["text"];
      INFO(name << ": " << text);
      for (const Tokenizer* const tokenizer : {&direct, &written}) {
        CHECK(tokenizer->encode(text) == entry["as_text"].get<Ids>());
        CHECK(tokenizer->decode(tokenizer->encode(text)) == text);
        if (entry.contains("parsed")) {
          CHECK(tokenizer->encode(text, SpecialTokens::parse) == entry["parsed"].get<Ids>());
        }
      }
    }
  }
}

TEST_CASE("special tokens keep their ids and what they are for") {
  const Tokenizer ranks = load_kind("ranks");
  const std::uint32_t n = ranks.vocab_size();
  CHECK(ranks.bos() == n - 4);  // two ids between the two special tokens stay without a token
  CHECK(ranks.end_of_text() == n - 1);
  CHECK(ranks.bytes(n - 2).empty());
  const Tokenizer tekken = load_kind("tekken");
  CHECK(tekken.special_ids().size() == 24);
  CHECK(tekken.id_of("</s>") == 2);
  CHECK(tekken.id_of("<SPECIAL_23>") == 23);
  CHECK(tekken.bytes(24) == std::string(1, '\0'));
  CHECK(load_kind("pair").end_of_text() == 0);
}

TEST_CASE("the published ranks have their special tokens") {
  const auto ids = [](const char* sha256) { return known_ranks(sha256)->special(); };
  const auto has = [](const SpecialIds& list, std::uint32_t id, const std::string& name) {
    return std::find(list.begin(), list.end(), std::pair(id, name)) != list.end();
  };
  const SpecialIds llama3 = ids("82e9d31979e92ab929cd544440f129d9ecd797b69e327f80f17e1c50d5551b55");
  CHECK(llama3.size() == 256);
  CHECK(has(llama3, 128009, "<|eot_id|>"));
  CHECK(has(llama3, 128255, "<|reserved_special_token_245|>"));
  const SpecialIds llama4 = ids("d0bdbaf59b0762c8c807617e2d8ea51420eb1b1de266df2495be755c8e0ed6ed");
  CHECK(llama4.size() == 2048);
  CHECK(has(llama4, 200080, "<|image_start|>"));
  CHECK(has(llama4, 201133, "<|vision_reserved_special_token_1047|>"));
  CHECK(has(llama4, 201143, "<|reasoning_thinking_end|>"));
  const SpecialIds harmony = ids("446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d");
  CHECK(has(harmony, 200012, "<|call|>"));
  CHECK(has(harmony, 200018, "<|endofprompt|>"));
  CHECK(harmony.back() == std::pair(201087u, std::string("<|reserved_201087|>")));
  CHECK(has(ids("b2b1b8dfb5cc5f024bafc373121c6aba3f66f9a5a0269e243470a1de16a33186"), 151850, "<|extra_204|>"));
  CHECK(known_ranks("00") == nullptr);
}

TEST_CASE("a file of another kind that cannot be done exactly is refused by name") {
  CHECK(contains(refusal(kinds / "ranks"), "--pretokenizer NAME"));
  CHECK(contains(refusal(kinds / "tekken.json", "gpt2"), "leave --pretokenizer out"));
  const TemporaryFolder folder;
  write_file(folder / "model", std::string("\n\x0c\n\x05<unk>\x15\0\0\0\0", 14));
  CHECK(contains(refusal(folder / "model"), "of type Unigram"));

  std::string ranks = read_file(kinds / "ranks/small.tiktoken");
  write_file(folder / "a.tiktoken", ranks + "cXo= 9000\n");
  CHECK(contains(refusal(folder / "a.tiktoken", "llama3"), "no token has the rank"));
  write_file(folder / "a.tiktoken", ranks + "c?o= 401\n");
  CHECK(contains(refusal(folder / "a.tiktoken", "llama3"), "line"));
  write_file(folder / "a.tiktoken", ranks.substr(ranks.find('\n') + 1));
  CHECK(contains(refusal(folder / "a.tiktoken", "llama3"), "no token has the rank 0"));

  Json tekken = read_json(kinds / "tekken.json");
  tekken["config"]["pattern"] = "\\p{L}+|.";
  write_file(folder / "tekken.json", dump_json(tekken));
  CHECK(contains(refusal(folder / "tekken.json"), "\\p{L}+|."));
  tekken = read_json(kinds / "tekken.json");
  tekken["config"]["version"] = "v13";
  write_file(folder / "tekken.json", dump_json(tekken));
  CHECK(contains(refusal(folder / "tekken.json"), "v13"));

  fs::create_directories(folder / "pair");
  fs::copy_file(kinds / "pair/vocab.json", folder / "pair/vocab.json");
  fs::copy_file(kinds / "pair/merges.txt", folder / "pair/merges.txt");
  write_file(folder / "pair/tokenizer_config.json", "{\"tokenizer_class\": \"OtherTokenizer\"}");
  CHECK(contains(refusal(folder / "pair"), "OtherTokenizer"));
  CHECK(Tokenizer::load(folder / "pair", "gpt2").encode("so") == load_kind("pair").encode("so"));
}

TEST_CASE("base64 as the files have it, and nothing else") {
  CHECK(strict_base64("", "x").empty());
  CHECK(strict_base64("Zg==", "x") == "f");
  CHECK(strict_base64("Zm8=", "x") == "fo");
  CHECK(strict_base64("/+8A", "x") == std::string("\xff\xef\0", 3));
  for (const char* text : {"Zg=", "Zg", "Z===", "Zm9\n", "Z-8A"}) CHECK_THROWS_AS(strict_base64(text, "x"), Error);
}
