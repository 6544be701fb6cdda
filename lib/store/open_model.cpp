// SPDX-License-Identifier: Apache-2.0
#include "lib/base/error.h"
#include "lib/store/checkpoint_model.h"
#include "lib/store/hugging_face.h"
#include "lib/store/model_source.h"

namespace hearth::store {

std::unique_ptr<ModelSource> open_model(const std::filesystem::path& path) {
  std::error_code failed;
  const auto status = std::filesystem::status(path, failed);
  if (!std::filesystem::exists(status)) throw Error(Kind::missing, path.string() + ": No such file or directory");
  if (!std::filesystem::is_directory(status)) {
    throw Error(
        Kind::data,
        path.string() + ": is a file; a model is a folder: a hearth run, a checkpoint in it, or a Hugging Face folder");
  }
  if (is_checkpoint(path)) return open_checkpoint(path);
  if (is_hugging_face(path)) return open_hugging_face(path);
  throw Error(Kind::data, path.string() +
                              ": is no model: it holds neither step-* folders (a hearth run with a checkpoint), nor "
                              "index.h5 (a checkpoint), nor config.json (a Hugging Face folder)");
}

}  // namespace hearth::store
