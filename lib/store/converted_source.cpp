// SPDX-License-Identifier: Apache-2.0
#include "lib/store/converted_source.h"

#include <algorithm>

#include "lib/base/digest.h"
#include "lib/base/json_value.h"
#include "lib/nn/parameters.h"

namespace hearth::store {
namespace {

class ConvertedSource : public ModelSource {
 public:
  ConvertedSource(const ModelSource& source, DType dtype) : source_(source), dtype_(dtype), tensors_(source.tensors()) {
    const std::vector<nn::ParameterSpec> specs = nn::parameters_of(source.config());
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      tensors_[i].dtype = specs[i].role == nn::Role::selection_bias ? DType::f32 : dtype;
    }
  }

  const nn::ModelConfig& config() const override { return source_.config(); }
  const std::vector<TensorInfo>& tensors() const override { return tensors_; }
  std::filesystem::path tokenizer_folder() const override { return source_.tokenizer_folder(); }
  std::string id() const override { return sha256_hex(source_.id() + " " + std::string(name_of(dtype_))); }
  Json provenance() const override { return source_.provenance(); }

  void read(const std::string& name, Tensor out) const override {
    const auto info =
        std::find_if(tensors_.begin(), tensors_.end(), [&](const TensorInfo& t) { return t.name == name; });
    HEARTH_CHECK(info != tensors_.end(), "no tensor " + name);
    if (info->dtype != DType::bf16 || out.dtype != DType::f32) return source_.read(name, out);
    std::vector<bf16> rounded(static_cast<std::size_t>(out.n_elements()));
    source_.read(name, Tensor(rounded.data(), out.shape));
    std::transform(rounded.begin(), rounded.end(), out.as<float>(),
                   [](bf16 value) { return static_cast<float>(value); });
  }

 private:
  const ModelSource& source_;
  DType dtype_;
  std::vector<TensorInfo> tensors_;
};

}  // namespace

std::unique_ptr<ModelSource> with_dtype(const ModelSource& source, DType dtype) {
  return std::make_unique<ConvertedSource>(source, dtype);
}

}  // namespace hearth::store
