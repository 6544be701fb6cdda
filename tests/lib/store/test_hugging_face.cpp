// SPDX-License-Identifier: Apache-2.0
// Folders that transformers wrote (tests/golden/hf), opened, written again and damaged. That the tensors mean the same
// is tested where the logits are (tests/lib/infer).
#include "lib/store/hugging_face.h"

#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "formats/checkpoint.h"
#include "formats/safetensors.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/store/checkpoint_model.h"
#include "lib/store/converted_source.h"
#include "tests/formats/support.h"

using namespace hearth;
using namespace hearth::store;

namespace {

const std::vector<std::string> models{"qwen3", "qwen3-window", "qwen3_moe", "dots1", "llama", "mistral"};

fs::path golden(const std::string& name) {
  return fs::path(HEARTH_SOURCE_DIR) / "tests/golden/hf" / name;
}

void write_hf(const ModelSource& source, const fs::path& folder, std::uint64_t max_shard_bytes = 1 << 30) {
  fs::create_directory(folder);
  write_hugging_face(source, plan_hugging_face(source, max_shard_bytes, {}), folder, [](std::uint64_t) {});
}

void write_hearth(const ModelSource& source, const fs::path& folder) {
  formats::CheckpointWriter writer(folder);
  for (const TensorInfo& info : source.tensors()) {
    std::vector<std::byte> bytes(static_cast<std::size_t>(info.shape.n_elements()) * size_of(info.dtype));
    const Tensor tensor(bytes.data(), info.dtype, info.shape);
    source.read(info.name, tensor);
    writer.add(info.name, tensor);
  }
  writer.add_json("model.json", dump_json(nn::to_json(source.config())));
  writer.finish(Json::object());
}

// Name, type, shape and bytes of every tensor in a Hugging Face folder.
std::map<std::string, std::string> stored_tensors(const fs::path& folder) {
  std::map<std::string, std::string> tensors;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (!entry.path().filename().string().starts_with("model") || entry.path().extension() != ".safetensors") continue;
    const formats::SafetensorsFile file(entry.path());
    for (const formats::SafetensorsEntry& tensor : file.entries()) {
      const auto bytes = file.bytes(tensor);
      std::string text = tensor.dtype;
      for (const std::int64_t extent : tensor.shape) text += " " + std::to_string(extent);
      tensors[tensor.name] = text + ":" + std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
  }
  return tensors;
}

void copy_folder(const fs::path& from, const fs::path& to) {
  fs::create_directory(to);
  for (const fs::directory_entry& entry : fs::directory_iterator(from))
    fs::copy_file(entry.path(), to / entry.path().filename());
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("Hugging Face to hearth to Hugging Face keeps every bit of every tensor") {
  for (const std::string& name : models) {
    INFO(name);
    const TemporaryFolder folder;
    const auto source = open_hugging_face(golden(name));
    write_hearth(*source, folder / "step-00000000");
    const auto checkpoint = open_model(folder.path());
    CHECK(checkpoint->id() == source->id());
    write_hf(*checkpoint, folder / "again");
    CHECK(stored_tensors(folder / "again") == stored_tensors(golden(name)));
  }
}

TEST_CASE("hearth to Hugging Face to hearth keeps every bit, in bf16 and in several files too") {
  for (const std::string& name : models) {
    INFO(name);
    const TemporaryFolder folder;
    const auto source = open_hugging_face(golden(name));
    const auto narrow = with_dtype(*source, DType::bf16);
    write_hearth(*narrow, folder / "step-00000000");
    const auto before = open_checkpoint(folder.path());
    write_hf(*before, folder / "hf", 20000);
    const auto after = open_hugging_face(folder / "hf");
    CHECK(fs::exists(folder / "hf/model.safetensors.index.json"));
    CHECK(after->id() == before->id());
    CHECK(after->tensors().front().dtype == DType::bf16);
    CHECK(read_json(folder / "hf/config.json").at("dtype") == "bfloat16");
  }
}

TEST_CASE("selection biases stay f32 when the rest becomes bf16") {
  const auto source = open_hugging_face(golden("dots1"));
  const auto narrow = with_dtype(*source, DType::bf16);
  for (const TensorInfo& info : narrow->tensors()) {
    INFO(info.name);
    CHECK((info.dtype == DType::f32) == info.name.ends_with("selection_bias"));
  }
  std::vector<float> wide(24), rounded(24);
  source->read("final_norm", Tensor(wide.data(), {24}));
  narrow->read("final_norm", Tensor(rounded.data(), {24}));
  for (std::size_t i = 0; i < wide.size(); ++i) CHECK(rounded[i] == static_cast<float>(bf16(wide[i])));
}

TEST_CASE("experts stored fused are the same experts") {
  const TemporaryFolder folder;
  const auto source = open_hugging_face(golden("qwen3_moe"));
  copy_folder(golden("qwen3_moe"), folder / "fused");
  std::vector<formats::SafetensorsTensor> tensors;
  std::vector<std::vector<std::byte>> contents;
  for (const auto& [name, stored] : stored_tensors(golden("qwen3_moe"))) {
    if (contains(name, ".experts.")) continue;
    const std::string bytes = stored.substr(stored.find(':') + 1);
    const formats::SafetensorsFile file(golden("qwen3_moe") / "model.safetensors");
    tensors.push_back({name, DType::f32, file.find(name)->shape});
    const auto* begin = reinterpret_cast<const std::byte*>(bytes.data());
    contents.emplace_back(begin, begin + bytes.size());
  }
  for (const TensorInfo& info : source->tensors()) {
    if (!contains(info.name, ".experts.")) continue;
    std::string name = "model." + info.name + "_proj";
    name.replace(name.find(".ffn."), 5, ".mlp.");
    tensors.push_back({name, DType::f32, {info.shape.begin(), info.shape.end()}});
    contents.emplace_back(static_cast<std::size_t>(info.shape.n_elements()) * 4);
    source->read(info.name, Tensor(contents.back().data(), DType::f32, info.shape));
  }
  formats::SafetensorsWriter writer(folder / "fused/model.safetensors", true, tensors);
  for (const auto& bytes : contents) writer.write(bytes);
  writer.finish();
  CHECK(open_hugging_face(folder / "fused")->id() == source->id());
}

TEST_CASE("damaged and incomplete folders are refused with file and reason") {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& model, Kind kind, const std::function<void(const fs::path&)>& damage) {
    const fs::path copy = folder / "copy";
    fs::remove_all(copy);
    copy_folder(golden(model), copy);
    damage(copy);
    return message_of(kind, [&] { open_model(copy); });
  };
  const auto edit_config = [](const char* key, const Json& value) {
    return [key, value](const fs::path& path) {
      Json config = read_json(path / "config.json");
      config[key] = value;
      write_file(path / "config.json", dump_json(config));
    };
  };
  CHECK(contains(refused("qwen3", Kind::missing, [](const fs::path& path) { fs::remove(path / "model.safetensors"); }),
                 "copy: has a config.json, but neither model.safetensors"));
  CHECK(contains(refused("dots1", Kind::missing,
                         [](const fs::path& path) { fs::remove(path / "model-00002-of-00003.safetensors"); }),
                 "copy/model-00002-of-00003.safetensors: No such file"));
  CHECK(contains(refused("dots1", Kind::data,
                         [](const fs::path& path) {
                           fs::copy_file(path / "model-00001-of-00003.safetensors",
                                         path / "model-00002-of-00003.safetensors",
                                         fs::copy_options::overwrite_existing);
                         }),
                 "stands in two files"));
  CHECK(contains(refused("dots1", Kind::data,
                         [](const fs::path& path) {
                           write_file(path / "model.safetensors.index.json", R"({"weight_map": {"x": "../secret"}})");
                         }),
                 "names the file '../secret', which does not lie in the folder"));
  CHECK(contains(refused("dots1", Kind::data,
                         [](const fs::path& path) {
                           Json index = read_json(path / "model.safetensors.index.json");
                           index["weight_map"]["model.layers.9.x"] = "model-00001-of-00003.safetensors";
                           write_file(path / "model.safetensors.index.json", dump_json(index));
                         }),
                 "index and files do not belong together"));
  CHECK(contains(refused("qwen3", Kind::data,
                         [](const fs::path& path) {
                           fs::resize_file(path / "model.safetensors", fs::file_size(path / "model.safetensors") - 1);
                         }),
                 "copy/model.safetensors: is cut short"));
  CHECK(contains(refused("qwen3", Kind::data, [](const fs::path& path) { write_file(path / "config.json", "{"); }),
                 "not JSON"));
  CHECK(contains(refused("qwen3", Kind::data, edit_config("tie_word_embeddings", false)),
                 "tensor 'lm_head.weight' is missing"));
  CHECK(contains(refused("llama", Kind::data, edit_config("num_hidden_layers", 2)), "tensor 'model.layers.2."));
  CHECK(contains(refused("qwen3", Kind::data, edit_config("intermediate_size", 48)),
                 "tensor 'model.layers.0.mlp.gate_proj.weight' is [40, 24]; config.json asks for [48, 24]"));
  CHECK(contains(refused("qwen3", Kind::config, edit_config("num_key_value_heads", 3)), "config.json"));
}

TEST_CASE("what is no model at all is said to be none") {
  const TemporaryFolder folder;
  CHECK(contains(message_of(Kind::missing, [&] { open_model(folder / "none"); }), "none: No such file or directory"));
  write_file(folder / "file", "x");
  CHECK(contains(message_of(Kind::data, [&] { open_model(folder / "file"); }), "file: is a file; a model is a folder"));
  CHECK(contains(message_of(Kind::data, [&] { open_model(folder.path()); }),
                 "is no model: it holds neither step-* folders"));
}
