// SPDX-License-Identifier: Apache-2.0
// Encoding against Hugging Face's `tokenizers` (tests/golden/tokenizer, written by tests/golden/make/tokenizer.py),
// decoding, what is refused, and what is written. Trusts the scanners (test_scanners).
#include <unistd.h>

#include <filesystem>
#include <random>

#include "lib/base/digest.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/text/tokenizer/patterns.h"
#include "lib/text/tokenizer/side_files.h"
#include "lib/text/tokenizer/tokenizer.h"
#include "lib/text/tokenizer/trainer.h"
#include "tests/support/catch.h"

using namespace hearth;
using namespace hearth::text;

namespace {

const fs::path golden = fs::path(HEARTH_SOURCE_DIR) / "tests/golden/tokenizer";
using Ids = std::vector<std::uint32_t>;

const Json& expected() {
  static const Json all = read_json(golden / "expected.json");
  return all["tokenizers"];
}

std::string sha256_of(const Ids& ids) {
  return sha256_hex({reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof ids[0]});
}

std::string repeated(const std::string& unit, std::size_t times) {
  std::string text;
  for (std::size_t i = 0; i < times; ++i) text += unit;
  return text;
}

// The message of the Error body throws, which must be of kind data.
template <class Body>
std::string refusal(Body body) {
  try {
    body();
  } catch (const Error& error) {
    REQUIRE(error.kind() == Kind::data);
    return error.what();
  }
  FAIL("nothing was thrown");
  return {};
}

// The golden tokenizer with one member changed.
std::string changed(const std::string& pointer, const Json& value) {
  Json layout = read_json(golden / "qwen2.json");
  layout[Json::json_pointer(pointer)] = value;
  return dump_json(layout);
}

}  // namespace

TEST_CASE("ids and pieces are those of the tokenizers library") {
  for (const auto& [name, expectation] : expected().items()) {
    const Tokenizer tokenizer = Tokenizer::load(golden / (name + ".json"));
    const Pattern pattern = pattern_by_name(tokenizer.pretokenizer())->pattern;
    for (const Json& entry : expectation["texts"]) {
      const std::string text = entry["text"];
      INFO(name << ": " << text);
      CHECK(tokenizer.encode(text) == entry["as_text"].get<Ids>());
      CHECK(tokenizer.encode(text, SpecialTokens::parse) == entry["parsed"].get<Ids>());
      if (name == "qwen2-nfc") continue;  // its pieces are of the normalised text
      std::vector<std::string> pieces;
      for (std::size_t begin = 0; begin < text.size(); begin += pieces.back().size()) {
        pieces.push_back(text.substr(begin, piece_end(pattern, text, begin) - begin));
      }
      CHECK(pieces == entry["pieces"].get<std::vector<std::string>>());
      CHECK(tokenizer.decode(tokenizer.encode(text)) == text);
    }
  }
}

TEST_CASE("long runs of one thing are encoded as the library does") {
  for (const auto& [name, expectation] : expected().items()) {
    const Tokenizer tokenizer = Tokenizer::load(golden / (name + ".json"));
    for (const Json& entry : expectation["repeats"]) {
      INFO(name << ": " << entry["times"] << " times '" << entry["unit"] << "'");
      const Ids ids = tokenizer.encode(repeated(entry["unit"], entry["times"]));
      CHECK(ids.size() == entry["n_ids"].get<std::size_t>());
      CHECK(sha256_of(ids) == entry["sha256"].get<std::string>());
    }
  }
}

TEST_CASE("the merges learned are those of the library's trainer") {
  ThreadPool pool(2);
  for (const auto& [name, expectation] : expected().items()) {
    if (name == "qwen2-nfc" || name == "llama3-ignore-merges") continue;
    const Json golden_layout = read_json(golden / (name + ".json"));
    const Tokenizer theirs = Tokenizer::load(golden / (name + ".json"));
    const Pattern pattern = pattern_by_name(theirs.pretokenizer())->pattern;
    WordCounter counter(pattern, 2);
    const std::string text = read_file(golden / (name == "ties" ? "ties.txt" : "corpus.txt"));
    counter.add(text, 0);
    // Once more, on the other thread: twice the counts, the same merges.
    counter.add(text, 1);
    const TrainedVocabulary vocabulary = train_bpe(counter.join(pool), {name == "ties" ? 2000u : 500u, 1});
    const TokenizerFile file = make_tokenizer_file(pattern, vocabulary, {"<|endoftext|>"});
    const Json ours = parse_json(write_tokenizer_json(file), "ours");
    INFO(name);
    CHECK(ours["model"]["merges"] == golden_layout["model"]["merges"]);
    CHECK(ours["model"]["vocab"] == golden_layout["model"]["vocab"]);
    CHECK(ours["pre_tokenizer"] == golden_layout["pre_tokenizer"]);
  }
}

TEST_CASE("training stops at min_frequency and keeps counts beyond 32 bits") {
  WordTable words;
  words.add("ab", 1, 5'000'000'000);
  words.add("bc", 2, 4'999'999'999);
  words.add("cd", 3, 2);
  const auto merges_with = [&](std::uint64_t min_frequency) {
    return train_bpe({words}, {300, min_frequency}).merges.size();
  };
  CHECK(merges_with(1) == 3);
  CHECK(merges_with(3) == 2);
  CHECK(merges_with(5'000'000'000) == 1);
  CHECK(train_bpe({words}, {256 + 2, 1}).tokens.back() == "bc");
}

TEST_CASE("counts that were saved and put back teach the same, long pieces too where they are kept") {
  ThreadPool pool(2);
  const std::string text = read_file(golden / "corpus.txt") + repeated("ab", 5000) + " " + repeated("ab", 100);
  WordCounter whole(Pattern::qwen2, 1), first(Pattern::qwen2, 2), second(Pattern::qwen2, 1);
  whole.add(text, 0);
  whole.add(text, 0);
  first.add(text, 1);
  first.save([&](std::string_view record) { second.restore(record); });
  second.add(text, 0);
  const TrainSettings settings{600, 1};
  const TrainedVocabulary expected_vocabulary = train_bpe(whole.join(pool), settings);
  CHECK(train_bpe(second.join(pool), settings).tokens == expected_vocabulary.tokens);
  CHECK(whole.n_left_out() == 0);

  WordCounter leaving(Pattern::qwen2, 1, false);
  leaving.add(text, 0);
  leaving.add(text, 0);
  CHECK(leaving.n_left_out() == 2);
  CHECK(train_bpe(leaving.join(pool), settings).tokens != expected_vocabulary.tokens);
  CHECK_THROWS_AS(second.restore("cut"), Error);
}

TEST_CASE("any bytes come back, whatever the tokenizer") {
  std::mt19937 random(3);
  for (const auto& [name, expectation] : expected().items()) {
    if (name == "qwen2-nfc") continue;
    const Tokenizer tokenizer = Tokenizer::load(golden / (name + ".json"));
    for (int round = 0; round < 200; ++round) {
      std::string bytes(random() % 200, ' ');
      for (char& c : bytes) c = static_cast<char>(random() % (round % 2 == 0 ? 256 : 130));
      REQUIRE(tokenizer.decode(tokenizer.encode(bytes)) == bytes);
    }
  }
}

TEST_CASE("NFC is applied between invalid bytes, which stay") {
  const Tokenizer tokenizer = Tokenizer::load(golden / "qwen2-nfc.json");
  CHECK(tokenizer.decode(tokenizer.encode("e\u0301\xff"
                                          "e\u0301")) == "é\xffé");
  CHECK(tokenizer.decode(tokenizer.encode("\xc3")) == "\xc3");
}

TEST_CASE("the names of special tokens in a text are text unless asked") {
  const Tokenizer tokenizer = Tokenizer::load(golden / "qwen2-nfc.json");
  const std::uint32_t end = *tokenizer.end_of_text();
  CHECK(tokenizer.bytes(end) == "<|endoftext|>");
  for (const std::uint32_t id : tokenizer.encode("a<|endoftext|>b")) CHECK(id != end);
  const Ids parsed = tokenizer.encode("a<|endoftext|>b", SpecialTokens::parse);
  CHECK(std::count(parsed.begin(), parsed.end(), end) == 1);
  CHECK(tokenizer.decode(parsed) == "a<|endoftext|>b");
  CHECK(tokenizer.decode(parsed, true) == "ab");
  CHECK(tokenizer.token_bytes()[end] == 0);
}

TEST_CASE("what is written is read again, with its side files") {
  const fs::path folder = fs::temp_directory_path() / ("hearth-tokenizer-" + std::to_string(::getpid()));
  fs::create_directories(folder);
  const TokenizerFile file = make_tokenizer_file(Pattern::none, byte_vocabulary(), default_special_tokens());
  const Tokenizer made = Tokenizer::from_json(write_tokenizer_json(file), "made");
  made.write_folder(folder);
  const Tokenizer read = Tokenizer::load(folder);
  CHECK(read.digest() == made.digest());
  CHECK(read.digest() == sha256_of_file(folder / "tokenizer.json"));
  CHECK(read.vocab_size() == 256 + default_special_tokens().size());
  CHECK(read.encode("A\xff") == Ids{0x41, 0xff});
  CHECK(read.chat_template() == chatml_template);
  CHECK(read.bytes(*read.end_of_text()) == "<|endoftext|>");
  CHECK(read.eos() == read.end_of_text());
  CHECK(read.bytes(*read.pad()) == "<|pad|>");
  CHECK_FALSE(read.bos().has_value());
  fs::remove_all(folder);
}

TEST_CASE("an id beyond the vocabulary is refused") {
  const Tokenizer tokenizer = Tokenizer::load(golden / "gpt2.json");
  const Ids ids{1, tokenizer.vocab_size()};
  CHECK(refusal([&] { tokenizer.decode(ids); }) ==
        "token id 500 is not in the vocabulary of 500: the ids come from another tokenizer");
}

TEST_CASE("what cannot be done exactly is refused by name") {
  const auto message = [](const std::string& text) { return refusal([&] { Tokenizer::from_json(text, "t.json"); }); };
  using Catch::Matchers::Contains;
  CHECK_THAT(message("{"), Contains("t.json: not JSON"));
  CHECK_THAT(message("[]"), Contains("not a tokenizer.json: 'model' is missing"));
  CHECK_THAT(message(changed("/model/type", "WordPiece")),
             Contains("the model is \"WordPiece\"; hearth reads BPE only"));
  CHECK_THAT(message(changed("/model/dropout", 0.1)), Contains("dropout exactly: 0.1"));
  CHECK_THAT(message(changed("/model/end_of_word_suffix", "</w>")), Contains("end_of_word_suffix exactly: \"</w>\""));
  CHECK_THAT(message(changed("/normalizer", {{"type", "NFKC"}})), Contains("normalizer exactly: {\"type\":\"NFKC\"}"));
  CHECK_THAT(message(changed("/decoder", {{"type", "WordPiece"}})), Contains("decoder exactly"));
  CHECK_THAT(message(changed("/pre_tokenizer/pretokenizers/0/pattern/Regex", "\\w+|\\s")),
             Contains("not one that hearth knows:\n  \\w+|\\s"));
  CHECK_THAT(message(changed("/pre_tokenizer", {{"type", "Metaspace"}})),
             Contains("pre_tokenizer exactly: {\"type\":\"Metaspace\"}"));
  CHECK_THAT(message(changed("/pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", true}})),
             Contains("pre_tokenizer exactly"));
  CHECK_THAT(message(changed("/model/merges/0", {"x", "nowhere"})),
             Contains("a merge names 'nowhere', which is not in the vocabulary"));
  CHECK_THAT(message(changed("/model/vocab/new", 3)), Contains("two tokens have the id 3"));
  CHECK_THAT(message(changed("/model/vocab/new", -1)), Contains("the id of 'new' is -1"));
  CHECK_THAT(message(changed("/model/vocab", {{"a", 0}})), Contains("no token for byte 0: not byte-level BPE"));
}
