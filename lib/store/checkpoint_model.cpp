// SPDX-License-Identifier: Apache-2.0
#include "lib/store/checkpoint_model.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <string>

#include "formats/checkpoint.h"
#include "lib/base/digest.h"
#include "lib/base/json_value.h"
#include "lib/device/memory.h"
#include "lib/nn/config.h"
#include "lib/nn/parameters.h"
#include "lib/store/convert.h"

namespace hearth::store {
namespace {

namespace fs = std::filesystem;

bool is_step_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path / "index.h5", ignored);
}

class CheckpointModel : public ModelSource {
 public:
  explicit CheckpointModel(const fs::path& folder)
      : folder_(folder),
        reader_(folder),
        config_(nn::parse_config(parse_json(reader_.json("model.json"), "model.json"), "model.json")) {
    std::string checksums;
    for (const nn::ParameterSpec& spec : nn::parameters_of(config_)) {
      const formats::CheckpointTensor* found = reader_.find(spec.name);
      if (found == nullptr) throw Error(Kind::data, folder.string() + ": tensor '" + spec.name + "' is missing");
      if (found->shape != spec.shape) {
        throw Error(Kind::data, folder.string() + ": tensor '" + spec.name + "' is " + found->shape.text() +
                                    ", model.json asks for " + spec.shape.text());
      }
      tensors_.push_back({found->name, found->dtype, found->shape});
      checksums += found->name + " " + std::to_string(found->checksum) + "\n";
    }
    id_ = hash128(checksums).hex();
  }

  const nn::ModelConfig& config() const override { return config_; }
  const std::vector<TensorInfo>& tensors() const override { return tensors_; }
  std::string id() const override { return id_; }
  Json provenance() const override { return reader_.provenance(); }

  fs::path tokenizer_folder() const override {
    const fs::path folder = fs::absolute(folder_).lexically_normal();
    for (const fs::path& at :
         {folder, folder.has_filename() ? folder.parent_path() : folder.parent_path().parent_path()}) {
      if (fs::exists(at / "tokenizer" / "tokenizer.json")) return at / "tokenizer";
    }
    return {};
  }

  void read(const std::string& name, Tensor out) const override {
    const formats::CheckpointTensor* stored = reader_.find(name);
    if (stored == nullptr) throw Error(Kind::data, folder_.string() + ": there is no tensor '" + name + "'");
    if (stored->dtype == out.dtype) {
      reader_.read(name, out);
      return;
    }
    const Buffer buffer(static_cast<std::size_t>(stored->shape.n_elements()) * size_of(stored->dtype));
    const Tensor whole(buffer.data(), stored->dtype, stored->shape);
    reader_.read(name, whole);
    convert({whole.data, whole.bytes()}, stored->dtype, out);
  }

 private:
  fs::path folder_;
  formats::CheckpointReader reader_;
  nn::ModelConfig config_;
  std::vector<TensorInfo> tensors_;
  std::string id_;
};

}  // namespace

fs::path step_folder_name(std::int64_t step) {
  char name[32];
  std::snprintf(name, sizeof name, "step-%08lld", static_cast<long long>(step));
  return name;
}

std::vector<StepFolder> checkpoints_of(const fs::path& run) {
  std::vector<StepFolder> folders;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(run, ignored)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with("step-") || !entry.is_directory()) continue;
    std::int64_t step = 0;
    const char* end = name.data() + name.size();
    const auto parsed = std::from_chars(name.data() + 5, end, step);
    if (parsed.ec == std::errc() && parsed.ptr == end) folders.push_back({step, entry.path()});
  }
  std::sort(folders.begin(), folders.end(), [](const StepFolder& a, const StepFolder& b) { return a.step < b.step; });
  return folders;
}

bool is_checkpoint(const fs::path& path) {
  return is_step_folder(path) || !checkpoints_of(path).empty();
}

std::unique_ptr<ModelSource> open_checkpoint(const fs::path& path) {
  if (is_step_folder(path)) return std::make_unique<CheckpointModel>(path);
  const std::vector<StepFolder> folders = checkpoints_of(path);
  if (folders.empty()) {
    throw Error(Kind::data,
                path.string() + ": no checkpoint here (a step folder holds index.h5, a run folder holds step folders)");
  }
  return std::make_unique<CheckpointModel>(folders.back().path);
}

}  // namespace hearth::store
