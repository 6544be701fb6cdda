// SPDX-License-Identifier: Apache-2.0
#include "formats/checkpoint.h"

#include "lib/base/json_value.h"
#include "lib/base/rng.h"
#include "lib/device/memory.h"
#include "tests/formats/support.h"
#include "tests/support/catch.h"

using namespace hearth;
using namespace hearth::formats;

namespace {

// Tensors of every dtype, a scalar, an empty one, ranks up to five.
std::vector<std::pair<std::string, Tensor>> sample_tensors(Buffer& memory) {
  memory = Buffer(1u << 20);
  Rng rng(3);
  for (std::size_t i = 0; i < memory.bytes(); ++i) memory.data()[i] = static_cast<std::byte>(rng.next_u32());
  std::vector<std::pair<std::string, Tensor>> tensors;
  std::size_t at = 0;
  const auto add = [&](const std::string& name, DType dtype, Shape shape) {
    tensors.emplace_back(name, Tensor(memory.data() + at, dtype, shape));
    at += (tensors.back().second.bytes() + 63) / 64 * 64;
  };
  for (const DType dtype : {DType::f32, DType::bf16, DType::f16, DType::f64, DType::i8, DType::u8, DType::u16,
                            DType::i32, DType::u32, DType::i64, DType::u64}) {
    add("all." + std::string(name_of(dtype)), dtype, {7, 33});
  }
  add("model.embedding.weight", DType::bf16, {500, 64});
  add("optimiser/model.embedding.weight/moment1", DType::f32, {500, 64});
  add("scalar", DType::f32, {});
  add("empty", DType::f32, {0, 8});
  add("five", DType::f32, {2, 3, 4, 5, 6});
  return tensors;
}

void write_sample(const fs::path& folder, const std::vector<std::pair<std::string, Tensor>>& tensors) {
  CheckpointWriter writer(folder);
  for (const auto& [name, tensor] : tensors) writer.add(name, tensor);
  writer.add_json("model.json", R"({"layers": []})");
  write_file(writer.partial_folder() / "tokenizer.json", "{}");
  writer.finish(Json{{"tool", "test"}});
}

}  // namespace

TEST_CASE("a checkpoint gives back every tensor and document, bit for bit") {
  const TemporaryFolder folder;
  Buffer memory;
  const auto tensors = sample_tensors(memory);
  write_sample(folder / "step-00000010", tensors);
  CHECK_FALSE(fs::exists(folder / "step-00000010.partial"));
  const CheckpointReader reader(folder / "step-00000010");
  REQUIRE(reader.tensors().size() == tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const auto& [name, tensor] = tensors[i];
    INFO(name);
    CHECK(reader.tensors()[i].name == name);
    CHECK(reader.tensors()[i].shape == tensor.shape);
    REQUIRE(reader.find(name) == &reader.tensors()[i]);
    Buffer back(tensor.bytes());
    reader.read(name, Tensor(back.data(), tensor.dtype, tensor.shape));
    CHECK(std::equal(back.data(), back.data() + back.bytes(), tensor.data));
  }
  CHECK(reader.json("model.json") == R"({"layers": []})");
  CHECK(reader.has_json("model.json"));
  CHECK_FALSE(reader.has_json("trainer.json"));
  CHECK(reader.provenance() == Json{{"tool", "test"}});
  CHECK(read_file(folder / "step-00000010" / "tokenizer.json") == "{}");
  reader.verify();
}

TEST_CASE("a tensor of another dtype or shape, or unknown, is refused by name") {
  const TemporaryFolder folder;
  Buffer memory;
  write_sample(folder / "step", sample_tensors(memory));
  const CheckpointReader reader(folder / "step");
  std::vector<float> out(64 * 500);
  const std::string where = (folder / "step").string();
  CHECK(message_of(Kind::data, [&] {
          reader.read("model.embedding.weight", Tensor(out.data(), {500, 64}));
        }) == where + ": tensor model.embedding.weight is bf16 [500, 64] in the checkpoint, not f32 [500, 64]");
  CHECK(message_of(Kind::data, [&] {
          reader.read("all.f32", Tensor(out.data(), {33, 7}));
        }) == where + ": tensor all.f32 is f32 [7, 33] in the checkpoint, not f32 [33, 7]");
  CHECK(message_of(Kind::data, [&] { reader.read("nothing", Tensor(out.data(), {1})); }) ==
        where + ": the checkpoint has no tensor nothing");
}

TEST_CASE("a missing file of a checkpoint is named") {
  const TemporaryFolder folder;
  Buffer memory;
  write_sample(folder / "step", sample_tensors(memory));
  CHECK(message_of(Kind::missing, [&] { CheckpointReader reader(folder / "other"); }) ==
        (folder / "other").string() + ": no such checkpoint folder");
  fs::rename(folder / "step" / "part-00000.h5", folder / "kept");
  CHECK(message_of(Kind::missing, [&] {
          CheckpointReader reader(folder / "step");
        }).starts_with((folder / "step/part-00000.h5").string() + ": this part of the checkpoint is missing; "));
  fs::rename(folder / "kept", folder / "step" / "part-00000.h5");
  fs::remove(folder / "step" / "index.h5");
  CHECK(message_of(Kind::missing, [&] {
          CheckpointReader reader(folder / "step");
        }).starts_with((folder / "step/index.h5").string() + ": the checkpoint's index is missing; "));
}

TEST_CASE("one flipped byte in any tensor is found, with file and tensor") {
  const TemporaryFolder folder;
  Buffer memory;
  const auto tensors = sample_tensors(memory);
  write_sample(folder / "step", tensors);
  const fs::path part = folder / "step/part-00000.h5";
  const std::string whole = read_file(part);
  for (const auto& [name, tensor] : tensors) {
    if (tensor.bytes() < 32) continue;  // too short to be found in the file by its bytes
    const std::string_view bytes(reinterpret_cast<const char*>(tensor.data), tensor.bytes());
    const std::size_t begin = whole.find(bytes);
    REQUIRE(begin != std::string::npos);
    for (const std::size_t at : {begin, begin + bytes.size() / 2, begin + bytes.size() - 1}) {
      flip_byte(part, at, 0x04);
      const CheckpointReader reader(folder / "step");
      const std::string expected = part.string() + ": tensor " + name + " does not match its checksum";
      Buffer back(tensor.bytes());
      CHECK(message_of(Kind::data, [&] {
              reader.read(name, Tensor(back.data(), tensor.dtype, tensor.shape));
            }).starts_with(expected));
      CHECK(message_of(Kind::data, [&] { reader.verify(); }).starts_with(expected));
      flip_byte(part, at, 0x04);
    }
  }
}

TEST_CASE("a flipped byte in the index is found or harmless") {
  const TemporaryFolder folder;
  Buffer memory;
  const auto tensors = sample_tensors(memory);
  write_sample(folder / "step", tensors);
  const fs::path index = folder / "step/index.h5";
  int n_found = 0;
  for (std::size_t at = 0; at < fs::file_size(index); at += 41) {
    flip_byte(index, at, 0x02);
    INFO("byte " << at);
    try {
      const CheckpointReader reader(folder / "step");
      REQUIRE(reader.tensors().size() == tensors.size());
      const std::string model = reader.json("model.json");
      REQUIRE(model == R"({"layers": []})");
      reader.verify();
    } catch (const Error& error) {
      REQUIRE(error.kind() == Kind::data);
      REQUIRE(std::string(error.what()).starts_with(index.string() + ": "));
      ++n_found;
    }
    flip_byte(index, at, 0x02);
  }
  CHECK(n_found > 50);
}

TEST_CASE("a cut part or index is refused when the checkpoint is opened") {
  const TemporaryFolder folder;
  Buffer memory;
  write_sample(folder / "step", sample_tensors(memory));
  const fs::path part = folder / "step/part-00000.h5", index = folder / "step/index.h5";
  fs::copy_file(part, folder / "kept");
  fs::resize_file(part, 100000);
  CHECK(message_of(Kind::data, [&] {
          CheckpointReader reader(folder / "step");
        }).starts_with(part.string() + ": cut short: tensor "));
  fs::copy_file(folder / "kept", part, fs::copy_options::overwrite_existing);
  for (std::size_t length = fs::file_size(index); length > 50; length -= 50) {
    fs::resize_file(index, length - 1);
    message_of(Kind::data, [&] { CheckpointReader reader(folder / "step"); });
  }
}

TEST_CASE("a checkpoint appears whole or not at all") {
  const TemporaryFolder folder;
  Buffer memory;
  const auto tensors = sample_tensors(memory);
  {
    CheckpointWriter writer(folder / "step");
    writer.add(tensors[0].first, tensors[0].second);
    CHECK(fs::exists(folder / "step.partial"));
  }
  CHECK(fs::is_empty(folder.path()));
  fs::create_directory(folder / "step.partial");  // as a killed run leaves it
  write_file(folder / "step.partial" / "part-00000.h5.partial", "old");
  write_sample(folder / "step", tensors);
  CHECK_FALSE(fs::exists(folder / "step.partial"));
  CHECK(message_of(Kind::cannot_create, [&] {
          CheckpointWriter writer(folder / "step");
        }).starts_with((folder / "step").string() + ": exists already"));
}

// Each part holds other rows: ranks of different shares, one with none of a tensor.
TEST_CASE("a checkpoint in parts reads as one in one part, whole and by rows") {
  const TemporaryFolder folder;
  Buffer memory;
  const auto tensors = sample_tensors(memory);
  const fs::path step = folder / "step-00000012";
  begin_checkpoint(step);
  constexpr int n_parts = 3;
  for (const int part : {2, 0, 1}) {
    CheckpointPart writer(step, part);
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      const auto& [name, tensor] = tensors[i];
      const bool whole = tensor.shape.rank() == 0 || tensor.shape[0] < 7;
      if (whole) {
        if (part == static_cast<int>(i) % n_parts) writer.add(name, tensor);
        continue;
      }
      const std::int64_t n = tensor.shape[0], cut = n / 3 + static_cast<std::int64_t>(i) % 2;
      const std::int64_t begin = part == 0   ? 0
                                 : part == 1 ? cut
                                             : n - cut,
                         end = part == 0   ? cut
                               : part == 1 ? n - cut
                                           : n;
      writer.add(name, tensor.rows(begin, end - begin), begin, tensor.shape);
    }
    writer.finish();
  }
  complete_checkpoint(step, n_parts, {{"model.json", "{}"}}, Json{{"tool", "test"}});
  const CheckpointReader reader(step);
  reader.verify();
  CHECK(reader.tensors().size() == tensors.size());
  for (const auto& [name, tensor] : tensors) {
    INFO(name);
    Buffer back(tensor.bytes());
    reader.read(name, Tensor(back.data(), tensor.dtype, tensor.shape));
    CHECK(std::equal(back.data(), back.data() + back.bytes(), tensor.data));
    if (tensor.shape.rank() == 0 || tensor.shape[0] < 7) continue;
    for (const auto& [begin, count] : {std::pair<std::int64_t, std::int64_t>{0, 1}, {1, 5}, {3, 4}, {2, 0}}) {
      const Tensor expected = tensor.rows(begin, count);
      const Tensor rows(back.data(), tensor.dtype, expected.shape);
      reader.read_rows(name, begin, rows);
      CHECK(std::equal(rows.data, rows.data + rows.bytes(), expected.data));
    }
  }
  std::vector<float> out(64 * 500);
  CHECK_THROWS_AS(reader.read_rows("model.embedding.weight", 499, Tensor(out.data(), DType::bf16, {2, 64})), Error);
}

TEST_CASE("parts that do not cover a tensor do not complete a checkpoint") {
  const TemporaryFolder folder;
  std::vector<float> values(12, 1.f);
  const fs::path step = folder / "step";
  begin_checkpoint(step);
  const auto write = [&](int part, std::int64_t begin, std::int64_t count) {
    CheckpointPart writer(step, part);
    writer.add("w", Tensor(values.data(), {count, 2}), begin, {6, 2});
    writer.finish();
  };
  write(0, 0, 3);
  CHECK_THROWS_WITH(complete_checkpoint(step, 2, {}, Json::object()), Catch::Contains("part-00001.h5"));
  write(1, 4, 2);
  CHECK_THROWS_WITH(complete_checkpoint(step, 2, {}, Json::object()),
                    Catch::Contains("the parts do not cover tensor w from row 3"));
  CHECK_FALSE(fs::exists(step));
  write(1, 3, 3);
  complete_checkpoint(step, 2, {}, Json::object());
  CheckpointReader(step).verify();
}
