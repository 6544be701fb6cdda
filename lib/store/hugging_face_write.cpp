// SPDX-License-Identifier: Apache-2.0
// Writing a Hugging Face folder.
#include <cstdio>

#include "formats/safetensors.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/device/memory.h"
#include "lib/nn/parameters.h"
#include "lib/store/hf_names.h"
#include "lib/store/hugging_face.h"

namespace hearth::store {
namespace {

std::uint64_t bytes_of(const TensorInfo& info) {
  return static_cast<std::uint64_t>(info.shape.n_elements()) * size_of(info.dtype);
}

std::string file_name(std::size_t number, std::size_t count) {
  if (count == 1) return "model.safetensors";
  char name[64];
  std::snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", number, count);
  return name;
}

void write_weights(const ModelSource& source, const HfFile& file, const std::filesystem::path& folder,
                   const std::function<void(std::uint64_t)>& on_tensor, Json& weight_map) {
  const std::vector<nn::ParameterSpec> specs = nn::parameters_of(source.config());
  std::vector<formats::SafetensorsTensor> tensors;
  for (const std::size_t index : file.tensors) {
    for (const HfPiece& piece : hf_pieces(specs[index])) {
      tensors.push_back({piece.name, source.tensors()[index].dtype, {piece.shape.begin(), piece.shape.end()}});
      weight_map[piece.name] = file.name;
    }
  }
  formats::SafetensorsWriter writer(folder / file.name, false, tensors);
  for (const std::size_t index : file.tensors) {
    const TensorInfo& info = source.tensors()[index];
    const Buffer buffer(bytes_of(info));
    source.read(info.name, Tensor(buffer.data(), info.dtype, info.shape));
    writer.write({buffer.data(), static_cast<std::size_t>(bytes_of(info))});
    on_tensor(bytes_of(info));
  }
  writer.finish();
}

}  // namespace

HfPlan plan_hugging_face(const ModelSource& source, std::uint64_t max_shard_bytes, const HfTokenIds& ids) {
  HfPlan plan;
  const std::vector<TensorInfo>& tensors = source.tensors();
  const Json config = config_to_hf(source.config(), tensors.front().dtype, ids);  // that of the embedding, as most have
  plan.model_type = config.at("model_type").get<std::string>();
  plan.config = dump_json(config, 2) + "\n";
  for (std::size_t index = 0; index < tensors.size(); ++index) {
    const std::uint64_t bytes = bytes_of(tensors[index]);
    if (plan.files.empty() || plan.files.back().bytes + bytes > max_shard_bytes) plan.files.emplace_back();
    plan.files.back().tensors.push_back(index);
    plan.files.back().bytes += bytes;
    plan.bytes += bytes;
  }
  for (std::size_t i = 0; i < plan.files.size(); ++i) plan.files[i].name = file_name(i + 1, plan.files.size());
  return plan;
}

void write_hugging_face(const ModelSource& source, const HfPlan& plan, const std::filesystem::path& folder,
                        const std::function<void(std::uint64_t bytes)>& on_bytes) {
  std::uint64_t bytes = 0;
  Json weight_map = Json::object();
  for (const HfFile& file : plan.files) {
    write_weights(
        source, file, folder, [&](std::uint64_t more) { on_bytes(bytes += more); }, weight_map);
  }
  if (plan.files.size() > 1) {
    const Json index{{"metadata", {{"total_size", plan.bytes}}}, {"weight_map", weight_map}};
    write_file(folder / "model.safetensors.index.json", dump_json(index, 2) + "\n");
  }
  write_file(folder / "config.json", plan.config);
}

}  // namespace hearth::store
