// SPDX-License-Identifier: Apache-2.0
// tokenize train and encode over documents files, through the tool's own command line: which documents they take, what
// the tokens file then holds, and what is refused. Trusts formats (tests/formats) and the tokenizer
// (tests/lib/text/tokenizer).
#include <unistd.h>

#include "formats/documents.h"
#include "formats/tokens.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/text/tokenizer/tokenizer.h"
#include "lib/text/tokenizer/trainer.h"
#include "lib/tools/tokenize.h"
#include "tests/support/catch.h"

using namespace hearth;
using formats::Document;
using formats::Split;

namespace {

struct TemporaryFolder {
  fs::path path = fs::temp_directory_path() / ("hearth-tokenize-" + std::to_string(::getpid()));
  TemporaryFolder() { fs::create_directories(path); }
  ~TemporaryFolder() { fs::remove_all(path); }
  std::string operator/(const std::string& name) const { return (path / name).string(); }
};

void write_documents(const std::string& path, const std::vector<Document>& documents) {
  ThreadPool pool(1);
  formats::DocumentsWriter::Settings settings;
  settings.block_bytes = 4096;  // several blocks
  formats::DocumentsWriter writer(path, false, pool, settings);
  for (const Document& document : documents) writer.add(document);
  writer.finish(Json::object(), Json::object());
}

std::vector<Document> some_documents() {
  std::vector<Document> documents;
  for (int i = 0; i < 60; ++i) {
    Document document;
    document.id = "document-" + std::to_string(i);
    document.source = "made/" + document.id;
    document.type = i % 2 == 0 ? "text" : "code";
    document.language = i % 2 == 0 ? "" : "c++";
    document.split = i % 10 == 9 ? Split::validation : Split::train;
    const std::string word = document.split == Split::validation ? "validationword " : "trainingword ";
    for (int n = 0; n < 10 + i; ++n)
      document.text += word + std::to_string(n * i) + (i % 2 == 0 ? ", text\n" : "; return x;\n");
    documents.push_back(document);
  }
  documents[3].text += "<|endoftext|>";
  return documents;
}

// The exit code of the tool; message gets what it would print on stderr.
int tokenize(const std::vector<std::string>& arguments, std::string* message = nullptr) {
  Command command = tools::tokenize_command({"tokenize"});
  try {
    std::vector<std::string> all = arguments;
    all.push_back("--quiet");
    Command& chosen = parse_options(command, all);
    return chosen.run(chosen);
  } catch (const Error& error) {
    if (message != nullptr) *message = error.what();
    return error.exit_code();
  }
}

}  // namespace

TEST_CASE("documents become tokens, split by split, and come back") {
  const TemporaryFolder folder;
  const std::vector<Document> documents = some_documents();
  write_documents(folder / "corpus.h5", documents);
  REQUIRE(tokenize({"train", folder / "corpus.h5", "--vocab-size", "300", "-o", folder / "tokenizer.json"}) == 0);
  const auto tokenizer = text::Tokenizer::load(folder / "tokenizer.json");
  CHECK(tokenizer.vocab_size() <= 300);
  CHECK(tokenizer.pretokenizer() == "qwen2");

  // Only the training split was learned from.
  CHECK(tokenizer.encode("trainingword").size() == 1);
  CHECK(tokenizer.encode("validationword").size() > 4);

  for (const std::string threads : {"1", "3"}) {
    const std::string output = folder / ("tokens-" + threads + ".h5");
    REQUIRE(tokenize({"encode", folder / "corpus.h5", "--tokenizer", folder / "tokenizer.json", "-o", output, "-j",
                      threads}) == 0);
    const formats::TokensReader reader(output);
    reader.verify();
    CHECK(reader.header().dtype == DType::u16);
    CHECK(reader.header().vocab_size == tokenizer.vocab_size());
    CHECK(reader.header().tokenizer_digest == tokenizer.digest());
    CHECK(reader.header().end_of_text_id == static_cast<std::int64_t>(*tokenizer.end_of_text()));
    for (const Split split : {Split::train, Split::validation, Split::test}) {
      const formats::TokensSplit& tokens = reader.split(split);
      std::uint64_t document = 0, text_bytes = 0;
      for (const Document& wanted : documents) {
        if (wanted.split != split) continue;
        std::vector<std::uint32_t> ids;
        for (std::uint64_t i = tokens.document_offsets[document]; i < tokens.document_offsets[document + 1]; ++i)
          ids.push_back(tokens.id(i));
        REQUIRE(ids.back() == *tokenizer.end_of_text());
        ids.pop_back();
        CHECK(std::count(ids.begin(), ids.end(), *tokenizer.end_of_text()) == 0);  // its name in a text is text
        CHECK(tokenizer.decode(ids) == wanted.text);
        text_bytes += wanted.text.size();
        ++document;
      }
      CHECK(tokens.n_documents() == document);
      CHECK(tokens.text_bytes == text_bytes);
    }
  }
}

TEST_CASE("a sample is the same documents whatever the number of threads") {
  const TemporaryFolder folder;
  write_documents(folder / "corpus.h5", some_documents());
  std::string digests[2];
  for (const int i : {0, 1}) {
    const std::string path = folder / ("t" + std::to_string(i) + ".json");
    REQUIRE(tokenize({"train", folder / "corpus.h5", "--vocab-size", "300", "--sample-bytes", "10k", "-j",
                      std::to_string(i + 1), "-f", "-o", path}) == 0);
    digests[i] = text::Tokenizer::load(path).digest();
  }
  CHECK(digests[0] == digests[1]);
  REQUIRE(tokenize({"train", folder / "corpus.h5", "--vocab-size", "300", "-f", "-o", folder / "whole.json"}) == 0);
  CHECK(text::Tokenizer::load(folder / "whole.json").digest() != digests[0]);
}

TEST_CASE("inputs that do not fit each other are refused") {
  const TemporaryFolder folder;
  std::vector<Document> validation_only = some_documents();
  std::erase_if(validation_only, [](const Document& document) { return document.split != Split::validation; });
  write_documents(folder / "validation.h5", validation_only);
  write_documents(folder / "empty.h5", {});
  write_documents(folder / "corpus.h5", some_documents());
  const std::string corpus = folder / "corpus.h5", a = folder / "a.json", tokens = folder / "tokens.h5";
  std::string message;
  using Catch::Matchers::Contains;

  CHECK(tokenize({"train", folder / "validation.h5", "-o", a}, &message) == 65);
  CHECK_THAT(message, Contains("validation.h5: no text in the chosen split"));
  CHECK(tokenize({"train", folder / "empty.h5", "-o", a}, &message) == 65);
  CHECK_THAT(message, Contains("empty.h5: no text in the chosen split"));
  CHECK_FALSE(fs::exists(a));

  REQUIRE(tokenize({"train", corpus, "--vocab-size", "270", "-o", a}) == 0);
  CHECK(tokenize({"encode", folder / "empty.h5", "--tokenizer", a, "-o", tokens}, &message) == 65);
  CHECK_THAT(message, Contains("empty.h5: no documents"));
  CHECK_FALSE(fs::exists(tokens));
  REQUIRE(tokenize({"encode", corpus, "--tokenizer", a, "-o", tokens}) == 0);
  CHECK(tokenize({"encode", corpus, "--tokenizer", a, "-o", tokens}, &message) == 73);
  CHECK_THAT(message, Contains("--overwrite"));
  CHECK(tokenize({"encode", corpus, "--tokenizer", a, "-o", tokens, "--overwrite"}) == 0);

  fs::create_directory(folder.path / "other");
  REQUIRE(tokenize({"train", corpus, "--vocab-size", "280", "-o", folder / "other"}) == 0);
  for (const std::string tool : {"decode", "cat"}) {
    CHECK(tokenize({tool, tokens, "--tokenizer", folder / "other"}, &message) == 65);
    CHECK_THAT(message, Contains("made with another tokenizer than"));
  }
  CHECK(tokenize({"inspect", folder / "other", "--tokens", tokens}, &message) == 65);
  CHECK_THAT(message, Contains("made with another tokenizer than"));

  // A documents file cut short, and one that is no documents file.
  fs::copy_file(corpus, folder.path / "cut.h5");
  fs::resize_file(folder.path / "cut.h5", fs::file_size(corpus) * 2 / 3);
  CHECK(tokenize({"encode", folder / "cut.h5", "--tokenizer", a, "-o", folder / "x.h5"}, &message) == 65);
  CHECK_THAT(message, Contains("cut.h5"));
  CHECK(tokenize({"train", folder / "cut.h5", "-f", "-o", folder / "x.json"}, &message) == 65);
  CHECK(tokenize({"encode", tokens, "--tokenizer", a, "-o", folder / "x.h5"}, &message) == 65);
  CHECK(tokenize({"encode", folder / "absent.h5", "--tokenizer", a, "-o", folder / "x.h5"}, &message) == 66);
  CHECK_FALSE(fs::exists(folder / "x.h5"));
  CHECK_FALSE(fs::exists(folder / "x.json"));
}

TEST_CASE("the end of a document is the token asked for, or an error") {
  const TemporaryFolder folder;
  write_documents(folder / "corpus.h5", some_documents());
  const std::string tokenizer = folder / "tokenizer.json";
  REQUIRE(tokenize({"train", "--vocab", "bytes", "--special-token", "<doc>", "--special-token", "<end>", "-o",
                    tokenizer}) == 0);
  REQUIRE(tokenize({"encode", folder / "corpus.h5", "--tokenizer", tokenizer, "-o", folder / "a.h5"}) == 0);
  CHECK(formats::TokensReader(folder / "a.h5").header().end_of_text_id == 256);
  REQUIRE(tokenize({"encode", folder / "corpus.h5", "--tokenizer", tokenizer, "--end-of-text", "<end>", "-o",
                    folder / "b.h5"}) == 0);
  CHECK(formats::TokensReader(folder / "b.h5").header().end_of_text_id == 257);
  std::string message;
  CHECK(tokenize({"encode", folder / "corpus.h5", "--tokenizer", tokenizer, "--end-of-text", "<none>", "-o",
                  folder / "c.h5"},
                 &message) == 78);
  CHECK(message == "--end-of-text <none>: " + tokenizer + " has no such special token");
  fs::remove(folder.path / "tokenizer_config.json");
  CHECK(tokenize({"encode", folder / "corpus.h5", "--tokenizer", tokenizer, "-o", folder / "c.h5"}, &message) == 78);
  CHECK(message == tokenizer + " does not say which token ends a document: name it by --end-of-text");
}

TEST_CASE("a vocabulary beyond 65536 ids is stored as 32 bits") {
  const TemporaryFolder folder;
  write_documents(folder / "corpus.h5", some_documents());
  text::TrainedVocabulary vocabulary = text::byte_vocabulary();
  while (vocabulary.tokens.size() < 65536)
    vocabulary.tokens.push_back("token" + std::to_string(vocabulary.tokens.size()));
  const text::TokenizerFile file = text::make_tokenizer_file(text::Pattern::none, vocabulary, {"<|endoftext|>"});
  write_file(folder / "tokenizer.json", text::write_tokenizer_json(file));
  REQUIRE(tokenize({"encode", folder / "corpus.h5", "--tokenizer", folder / "tokenizer.json", "-o", folder / "a.h5"}) ==
          0);
  const formats::TokensReader reader(folder / "a.h5");
  CHECK(reader.header().dtype == DType::u32);
  CHECK(reader.header().vocab_size == 65537);
  const formats::TokensSplit& train = reader.split(Split::train);
  CHECK(train.id(train.n_tokens() - 1) == 65536);
}
