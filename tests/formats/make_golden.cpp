// SPDX-License-Identifier: Apache-2.0
// Writes the golden files that hearth itself makes; run by hand when a format gains a version, never by ctest:
//   HEARTH_GOLDEN=formats/golden test_formats "[.make]"; tests/golden/make/hdf5_files.py formats/golden
#include <cstdlib>
#include <numeric>

#include "formats/checkpoint.h"
#include "formats/classifier.h"
#include "formats/documents.h"
#include "formats/hdf5_file.h"
#include "formats/parts.h"
#include "formats/tokens.h"
#include "lib/base/json_value.h"
#include "tests/formats/support.h"
#include "tests/support/catch.h"

using namespace hearth;
using namespace hearth::formats;

namespace {

void make_documents(const fs::path& path) {
  ThreadPool pool(1);
  DocumentsWriter writer(path, true, pool, {.block_bytes = 1024});
  for (int i = 0; i < 9; ++i) {
    Document document;
    document.id = "document" + std::to_string(i);
    document.source = "folder/file" + std::to_string(i);
    document.type = i % 2 ? "code" : "text";
    document.language = i % 2 ? "c++" : "";
    document.license = i % 3 ? "" : "Apache-2.0";
    document.attributes = R"({"n":)" + std::to_string(i) + "}";
    document.split = static_cast<Split>(i % n_splits);
    for (int k = 0; k < 70 * i; ++k) document.text += "\xc3\xa9" + std::to_string(k % 10) + (k % 7 ? "" : "\n");
    if (i % 4 == 3) writer.add(RejectedDocument{document, "too-short", "of " + std::to_string(i)});
    writer.add(std::move(document));
  }
  writer.finish(Json{{"producer", "golden"}}, Json{{"documents", 9}});
}

void make_tokens(const fs::path& path, DType dtype, std::uint32_t vocab_size) {
  TokensHeader header;
  header.dtype = dtype;
  header.vocab_size = vocab_size;
  header.end_of_text_id = 0;
  header.tokenizer_digest = std::string(64, 'a');
  header.token_bytes.assign(vocab_size, 1);
  TokensWriter writer(path, true, header);
  for (std::uint32_t i = 0; i < 20; ++i) {
    std::vector<std::uint32_t> ids(i * 3);
    std::iota(ids.begin(), ids.end(), vocab_size - 100);
    writer.add(i % 5 ? Split::train : Split::validation, ids, 2 * i);
  }
  writer.finish(Json{{"producer", "golden"}});
}

void make_checkpoint(const fs::path& folder) {
  fs::remove_all(folder);
  std::vector<float> weights(96);
  std::iota(weights.begin(), weights.end(), -40.0f);
  std::vector<bf16> narrow(weights.begin(), weights.end());
  CheckpointWriter writer(folder);
  writer.add("embedding.weight", Tensor(weights.data(), {12, 8}));
  writer.add("embedding.weight.bf16", Tensor(narrow.data(), {12, 8}));
  writer.add("step", Tensor(weights.data(), {}));
  writer.add_json("model.json", R"({"layers": []})");
  writer.finish(Json{{"producer", "golden"}});
}

void make_classifier(const fs::path& path) {
  LinearClassifier classifier;
  for (int i = 0; i < 16; ++i) classifier.weights.push_back(0.25f * static_cast<float>(i - 8));
  classifier.bias = -0.5f;
  classifier.evaluation = R"({"accuracy":0.75})";
  write_classifier(path, true, classifier, Json{{"producer", "golden"}});
}

// Indexes: one that stands for a file twice, and some that must not read, whose parts lie in failed/v1.0.h5.parts.
void make_indexes(const fs::path& documents) {
  const fs::path file = documents / "passed/v1.0.h5", failed = documents / "failed";
  const Json provenance{{"producer", "golden"}};
  write_documents_index(documents / "passed/v1.0-parts.h5", true, {file, file}, provenance, Json{{"documents", 18}});
  fs::create_directories(failed / "v1.0.h5.parts");
  fs::copy_file(file, failed / "v1.0.h5.parts/whole.h5", fs::copy_options::overwrite_existing);
  write_documents_index(failed / "v1.0.h5.parts/index.h5", true, {failed / "v1.0.h5.parts/whole.h5"}, provenance,
                        Json{{"documents", 9}});
  const std::string digest = DocumentsReader(file).digest(), other(64, '0');
  using Named = std::vector<std::pair<std::string, std::string>>;  // names and digests of parts
  const auto fails = [&](const char* name, const Named& parts, const std::string& message) {
    Hdf5Writer index(failed / name, true, {"documents", 1, 0, "hearth shard"});
    Json list = Json::array();
    for (const auto& [part, its_digest] : parts) list.push_back({{"file", part}, {"digest", its_digest}});
    index.set_required({std::string(parts_feature)});
    index.write_text("parts", dump_json(list));
    index.write_text("provenance", dump_json(provenance));
    index.write_text("statistics", "{}");
    index.set("digest", other);
    index.finish();
    write_file(failed / (std::string(name) + ".expected"), "FILE: " + message + "\n");
  };
  const std::string outside = " lies outside the folder of the index: damaged, or made by others; make it again";
  fails("parts-other.h5", {{"v1.0.h5.parts/whole.h5", digest}, {"v1.0.h5.parts/whole.h5", other}}, "its part ...");
  fails("parts-gone.h5", {{"v1.0.h5.parts/whole.h5", digest}, {"v1.0.h5.parts/gone.h5", digest}}, "its part...");
  fails("parts-nested.h5", {{"v1.0.h5.parts/index.h5", digest}}, "its part: ...");
  fails("parts-none.h5", {}, "parts: an index of no parts; make it again");
  fails("parts-above.h5", {{"v1.0.h5.parts/../../passed/v1.0.h5", digest}},
        "parts: \"v1.0.h5.parts/../../passed/v1.0.h5\"" + outside);
  fails("parts-absolute.h5", {{"/v1.0.h5", digest}}, "parts: \"/v1.0.h5\"" + outside);
  fails("parts-unnamed.h5", {{"", digest}}, "parts: \"\"" + outside);
}

}  // namespace

TEST_CASE("make golden files", "[.make]") {
  const char* folder = std::getenv("HEARTH_GOLDEN");
  REQUIRE(folder != nullptr);
  const fs::path golden = folder;
  for (const char* format : {"documents", "tokens", "checkpoint", "classifier"})
    fs::create_directories(golden / format / "passed");
  make_documents(golden / "documents/passed/v1.0.h5");
  make_indexes(golden / "documents");
  make_tokens(golden / "tokens/passed/v1.0-u16.h5", DType::u16, 300);
  make_tokens(golden / "tokens/passed/v1.0-u32.h5", DType::u32, 300);
  make_classifier(golden / "classifier/passed/v1.0.clf");
  make_checkpoint(golden / "checkpoint/passed/v1.0");
}
