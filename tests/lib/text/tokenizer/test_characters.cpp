// SPDX-License-Identifier: Apache-2.0
// SentencePiece-style BPE against `tokenizers` and `sentencepiece` (tests/golden/tokenizer/characters, written by
// tests/golden/make/tokenizer_characters.py), and what of it is refused. Trusts the merging (test_bpe).
#include <unistd.h>

#include <filesystem>
#include <random>

#include "lib/base/digest.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/text/tokenizer/tokenizer.h"
#include "tests/support/catch.h"

using namespace hearth;
using namespace hearth::text;

namespace {

const fs::path golden = fs::path(HEARTH_SOURCE_DIR) / "tests/golden/tokenizer/characters";
using Ids = std::vector<std::uint32_t>;

const Json& expected() {
  static const Json all = read_json(golden / "expected.json");
  return all;
}

std::string sha256_of(const Ids& ids) {
  return sha256_hex({reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof ids[0]});
}

void append_utf8(std::string& text, std::uint32_t c) {
  const auto put = [&](std::uint32_t byte) { text += static_cast<char>(byte); };
  if (c < 0x80) return put(c);
  if (c < 0x800) return put(0xC0 | c >> 6), put(0x80 | (c & 0x3F));
  if (c < 0x10000) return put(0xE0 | c >> 12), put(0x80 | (c >> 6 & 0x3F)), put(0x80 | (c & 0x3F));
  put(0xF0 | c >> 18), put(0x80 | (c >> 12 & 0x3F)), put(0x80 | (c >> 6 & 0x3F)), put(0x80 | (c & 0x3F));
}

// All characters up to U+2FFFF but NUL.
std::string every_character() {
  std::string text;
  for (std::uint32_t c = 1; c < 0x30000; ++c) {
    if (c < 0xD800 || c >= 0xE000) append_utf8(text, c);
  }
  return text;
}

std::string refusal(const std::string& bytes) {
  const fs::path path = fs::temp_directory_path() / ("hearth-characters-" + std::to_string(::getpid()));
  write_file(path, bytes);
  std::string message;
  try {
    Tokenizer::load(path);
  } catch (const Error& error) {
    CHECK(error.kind() == Kind::data);
    message = error.what();
  }
  fs::remove(path);
  return message;
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("ids and texts of characters are those of the tokenizers library") {
  for (const auto& [name, expectation] : expected()["tokenizers"].items()) {
    const Tokenizer tokenizer = Tokenizer::load(golden / (name + ".json"));
    CHECK(tokenizer.pretokenizer() == "sentencepiece");
    for (const Json& entry : expectation["texts"]) {
      const std::string text = entry["text"];
      INFO(name << ": " << text);
      const Ids ids = tokenizer.encode(text);
      CHECK(ids == entry["as_text"].get<Ids>());
      CHECK(tokenizer.encode(text, SpecialTokens::parse) == entry["parsed"].get<Ids>());
      CHECK(tokenizer.decode(ids) == entry["decoded"].get<std::string>());
    }
    INFO(name);
    CHECK(sha256_of(tokenizer.encode(every_character())) == expectation["everything"].get<std::string>());
  }
}

TEST_CASE("ids of .model files are those of sentencepiece, also when written as tokenizer.json") {
  for (const auto& [name, expectation] : expected()["models"].items()) {
    const Tokenizer direct = Tokenizer::load(golden / (name + ".model"));
    const Tokenizer written = Tokenizer::from_json(direct.json(), "written");
    CHECK(direct.bytes(*direct.end_of_text()) == "</s>");
    CHECK(written.digest() == direct.digest());
    for (const Json& entry : expectation["texts"]) {
      const std::string text = entry["text"];
      INFO(name << ": " << text);
      CHECK(direct.encode(text) == entry["as_text"].get<Ids>());
      CHECK(written.encode(text) == direct.encode(text));
    }
    INFO(name);
    CHECK(sha256_of(direct.encode(every_character())) == expectation["everything"].get<std::string>());
  }
}

TEST_CASE("any bytes come back where every byte has a token") {
  std::mt19937 random(3);
  for (const char* name : {"llama.model", "gemma.model", "llama.json"}) {
    const Tokenizer tokenizer = Tokenizer::load(golden / name);
    for (int round = 0; round < 200; ++round) {
      std::string bytes(random() % 200, ' ');
      for (char& c : bytes) c = static_cast<char>(random() % (round % 2 == 0 ? 256 : 130));
      if (std::string(name) == "llama.json" && contains(bytes, "<")) continue;  // its added tokens take spaces away
      REQUIRE(tokenizer.decode(tokenizer.encode(bytes)) == bytes);
    }
  }
}

TEST_CASE("a SentencePiece model that cannot be done exactly is refused by name") {
  const std::string model = read_file(golden / "llama.model");
  CHECK(contains(refusal(read_file(golden / "unigram.model")), "of type Unigram"));
  // Fields that follow count over those before: normalizer_spec of one kind or another, trainer_spec.
  CHECK(contains(refusal(model + std::string("\x1a\x08\x0a\x03nfk\x12\x01x", 10)), "normalization 'nfk'"));
  CHECK(contains(refusal(model + "\x1a\x02\x20\x01"), "remove_extra_whitespaces"));
  CHECK(contains(refusal(model + std::string("\x1a\x02\x28\x00", 4)), "escape_whitespaces"));
  CHECK(contains(refusal(model + std::string("\x12\x03\xc0\x01\x01", 5)), "treat_whitespace_as_suffix"));
  CHECK(contains(refusal(model + std::string("\x0a\x05\x0a\x01Q\x18\x05", 7)), "unused pieces ('Q')"));
  CHECK(contains(refusal(model + std::string("\x0a\x05\x0a\x01Q\x18\x04", 7)), "of the user's own ('Q')"));
  CHECK(contains(refusal(model + std::string("\x0a\x05\x0a\x03<s>", 7)), "stands there twice"));
  CHECK(contains(refusal(model.substr(0, model.size() / 2)), "damaged or cut"));
}

TEST_CASE("steps of a tokenizer.json that cannot be done exactly are refused by name") {
  const auto changed = [](const std::string& pointer, const Json& value) {
    Json layout = read_json(golden / "llama.json");
    layout[Json::json_pointer(pointer)] = value;
    return refusal(dump_json(layout));
  };
  CHECK(contains(changed("/normalizer", nullptr), "this pre_tokenizer"));
  CHECK(contains(changed("/normalizer", {{"type", "Prepend"}, {"prepend", "\u2581"}}), "this normalizer"));
  CHECK(contains(changed("/decoder/decoders/1", {{"type", "Metaspace"}}), "this decoder"));
  CHECK(contains(changed("/decoder/decoders/3/stop", 1), "this decoder"));
  CHECK(contains(changed("/pre_tokenizer", {{"type", "Metaspace"}, {"replacement", "\u2581"}}), "this pre_tokenizer"));
  CHECK(contains(changed("/model/unk_token", "<none>"), "<none>"));
}
