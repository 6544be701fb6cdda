// SPDX-License-Identifier: Apache-2.0
// tests/golden/hf holds files written by the safetensors library.
#include "formats/safetensors.h"

#include <cstring>
#include <string>
#include <vector>

#include "tests/formats/support.h"

using namespace hearth;
using namespace hearth::formats;

namespace {

std::string file_text(const std::string& header, std::size_t data_bytes) {
  const std::uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + header + std::string(data_bytes, '\1');
}

// The message of the error that opening a file of this text gives; its kind must be data.
std::string refusal(const std::string& text) {
  const TemporaryFolder folder;
  const fs::path path = folder / "x.safetensors";
  write_file(path, text);
  const std::string message = message_of(Kind::data, [&] { SafetensorsFile{path}; });
  CHECK(message.starts_with(path.string()));
  return message;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a file of the safetensors library is read") {
  const SafetensorsFile file(fs::path(HEARTH_SOURCE_DIR) / "tests/golden/hf/qwen3/model.safetensors");
  CHECK(file.metadata().at("format") == "pt");
  CHECK(file.entries().size() == 35);
  const SafetensorsEntry* norm = file.find("model.norm.weight");
  REQUIRE(norm != nullptr);
  CHECK(norm->dtype == "F32");
  CHECK(norm->shape == std::vector<std::int64_t>{24});
  float first = 0;
  std::memcpy(&first, file.bytes(*norm).data(), 4);
  CHECK(first == Approx(1).margin(1));  // a norm's weight around 1
  CHECK(file.find("lm_head.weight") == nullptr);
}

TEST_CASE("what is written reads back: order, types, empty and scalar tensors") {
  const TemporaryFolder folder;
  const fs::path path = folder / "x.safetensors";
  const std::vector<float> numbers{1.5f, -2, 3, 4, 5, 6};
  const std::vector<std::uint16_t> halves{1, 2, 3};
  {
    SafetensorsWriter writer(
        path, false,
        {{"b", DType::f32, {2, 3}}, {"none", DType::f32, {0, 7}}, {"a", DType::bf16, {3}}, {"one", DType::i64, {}}});
    writer.write(std::as_bytes(std::span(numbers)).first(5));
    writer.write(std::as_bytes(std::span(numbers)).subspan(5));
    writer.write(std::as_bytes(std::span(halves)));
    CHECK_THROWS_AS(writer.finish(), Error);
    const std::int64_t scalar = -7;
    writer.write(std::as_bytes(std::span(&scalar, 1)));
    CHECK(!fs::exists(path));
    writer.finish();
  }
  const SafetensorsFile file(path);
  CHECK(std::memcmp(file.bytes(*file.find("b")).data(), numbers.data(), 24) == 0);
  CHECK(std::memcmp(file.bytes(*file.find("a")).data(), halves.data(), 6) == 0);
  CHECK(file.find("none")->bytes() == 0);
  CHECK(file.find("one")->shape.empty());
  CHECK(file.find("c") == nullptr);
  const std::string text = read_file(path);
  std::uint64_t length = 0;
  std::memcpy(&length, text.data(), 8);
  CHECK(length % 8 == 0);
}

TEST_CASE("a file cut at any byte is refused, and so is one with bytes added") {
  const std::string whole = file_text(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 8);
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    INFO(cut);
    CHECK(contains(refusal(whole.substr(0, cut)), "x.safetensors"));
  }
  CHECK(contains(refusal(whole.substr(0, whole.size() - 1)), "is cut short"));
  CHECK(contains(refusal(whole + "x"), "has 1 bytes that no tensor owns"));
}

TEST_CASE("each broken header is refused with its reason") {
  const auto tensor = [](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return "{\"a\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}}";
  };
  CHECK(contains(refusal(file_text("[1]", 0)), "is no safetensors file"));
  CHECK(contains(refusal("PK\3\4 a zip file, as PyTorch writes"), "is no safetensors file"));
  CHECK(contains(refusal(file_text("{\"a\":", 0)), "not JSON"));
  CHECK(contains(refusal(file_text(R"({"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":{}})", 0)),
                 "stands twice"));
  CHECK(contains(refusal(file_text(tensor("F33", "[1]", "[0,4]"), 4)), "unknown type 'F33'"));
  CHECK(contains(refusal(file_text(tensor("F32", "[1]", "[0,8]"), 8)), "do not fit its 8 bytes"));
  CHECK(contains(refusal(file_text(tensor("F32", "[-1,-2]", "[0,8]"), 8)), "do not fit"));
  CHECK(contains(refusal(file_text(tensor("F32", "[4611686018427387904,4]", "[0,0]"), 0)), "do not fit"));
  CHECK(contains(refusal(file_text(tensor("F32", "[1]", "[4,0]"), 4)), "no pair of begin and end"));
  CHECK(contains(refusal(file_text(tensor("F32", "[1]", "[4,8]"), 8)), "leaves a hole"));
  CHECK(contains(refusal(file_text(tensor("F32", "\"2\"", "[0,4]"), 4)), "'shape' has the wrong type"));
  const std::string overlap =
      R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})";
  CHECK(contains(refusal(file_text(overlap, 3)), "tensor 'b' overlaps"));
}
