// SPDX-License-Identifier: Apache-2.0
// Walks formats/golden/FORMAT/{passed,failed}: what must read does, and what must not says exactly what stands beside
// it in NAME.expected (FILE is the path, HEARTH the program with its version, ... any end). tests/golden/make/ made the
// files.
#include "formats/checkpoint.h"
#include "formats/classifier.h"
#include "formats/documents.h"
#include "formats/safetensors.h"
#include "formats/tokens.h"
#include "lib/base/provenance.h"
#include "tests/formats/support.h"
#include "tests/support/catch.h"

using namespace hearth;
using namespace hearth::formats;

namespace {

const fs::path golden = fs::path(HEARTH_SOURCE_DIR) / "formats/golden";

void read_documents(const fs::path& path) {
  const DocumentsReader reader(path);
  for (std::uint64_t b = 0; b < reader.n_blocks(); ++b) reader.read_block(b);
  for (std::uint64_t b = 0; b < reader.n_rejected_blocks(); ++b) reader.read_rejected_block(b);
}
void read_tokens(const fs::path& path) {
  TokensReader(path).verify();
}
void read_classifier_file(const fs::path& path) {
  read_classifier(path);
}
void read_checkpoint(const fs::path& path) {
  CheckpointReader(path).verify();
}
void read_safetensors(const fs::path& path) {
  const SafetensorsFile file(path);
}

struct Format {
  const char* name;
  void (*read)(const fs::path&);
};
constexpr Format golden_formats[] = {{"documents", read_documents},
                                     {"tokens", read_tokens},
                                     {"checkpoint", read_checkpoint},
                                     {"safetensors", read_safetensors},
                                     {"classifier", read_classifier_file}};

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const fs::path extension = entry.path().extension();  // .parts: of indexes, which name them
    if (extension != ".expected" && extension != ".parts") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string with_word(std::string text, const std::string& word, std::string_view replacement) {
  if (const auto at = text.find(word); at != std::string::npos) text.replace(at, word.size(), replacement);
  return text;
}

}  // namespace

TEST_CASE("golden files that must read") {
  for (const Format& format : golden_formats) {
    const std::vector<fs::path> files = files_in(golden / format.name / "passed");
    REQUIRE_FALSE(files.empty());
    for (const fs::path& path : files) {
      INFO(path);
      REQUIRE_NOTHROW(format.read(path));
    }
  }
}

TEST_CASE("golden files that must not read, each with its message") {
  for (const Format& format : golden_formats) {
    const std::vector<fs::path> files = files_in(golden / format.name / "failed");
    REQUIRE_FALSE(files.empty());
    for (const fs::path& path : files) {
      INFO(path);
      std::string message = "it was read without an error";
      try {
        format.read(path);
      } catch (const Error& error) {
        const bool bad_input = error.kind() == Kind::data || error.kind() == Kind::missing;
        CHECK(bad_input);
        message = error.what();
      }
      message = with_word(with_word(message, path.string(), "FILE"), producer(), "HEARTH") + "\n";
      const std::string expected = read_file(path.string() + ".expected");
      if (const auto open_end = expected.find("...\n"); open_end != std::string::npos) {
        CHECK(message.substr(0, open_end) == expected.substr(0, open_end));
      } else {
        CHECK(message == expected);
      }
    }
  }
}
