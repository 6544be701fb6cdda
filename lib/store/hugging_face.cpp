// SPDX-License-Identifier: Apache-2.0
// Opening a Hugging Face folder.
#include "lib/store/hugging_face.h"

#include <algorithm>
#include <map>
#include <set>

#include "formats/safetensors.h"
#include "lib/base/digest.h"
#include "lib/base/json_value.h"
#include "lib/device/memory.h"
#include "lib/nn/parameters.h"
#include "lib/store/convert.h"
#include "lib/store/hf_names.h"

namespace hearth::store {
namespace {

namespace fs = std::filesystem;

constexpr const char* one_file = "model.safetensors";
constexpr const char* index_file = "model.safetensors.index.json";

// A run of a tensor's elements, as it lies in a file.
struct StoredPiece {
  const formats::SafetensorsFile* file = nullptr;
  const formats::SafetensorsEntry* entry = nullptr;
  DType dtype = DType::f32;
};

struct StoredTensor {
  TensorInfo info;
  std::vector<StoredPiece> pieces;  // in order
};

std::string text_of(const std::vector<std::int64_t>& shape) {
  std::vector<std::string> extents;
  for (const std::int64_t extent : shape) extents.push_back(std::to_string(extent));
  std::string text;
  for (const std::string& extent : extents) text += (text.empty() ? "" : ", ") + extent;
  return "[" + text + "]";
}

class Weights {
 public:
  explicit Weights(const fs::path& folder) : folder_(folder) {
    std::set<std::string> names;
    if (fs::exists(folder / index_file)) {
      const std::string where = (folder / index_file).string();
      const auto map =
          json_get<std::map<std::string, std::string>>(read_json(folder / index_file), "weight_map", where);
      for (const auto& [tensor, file] : map) names.insert(file);
      for (const std::string& name : names) open(name, where);
      for (const auto& [tensor, file] : map) require_indexed(tensor, file, where);
    } else if (fs::exists(folder / one_file)) {
      open(one_file, "");
    } else {
      throw Error(Kind::missing, folder.string() + ": has a config.json, but neither " + one_file + " nor " +
                                     index_file +
                                     " (weights in other formats are not read: convert them to safetensors)");
    }
  }

  const StoredPiece* find(const std::string& name) const {
    const auto found = pieces_.find(name);
    return found == pieces_.end() ? nullptr : &found->second;
  }

  // The pieces of one of hearth's tensors, checked.
  StoredTensor tensor_of(const nn::ParameterSpec& spec) const {
    StoredTensor stored{{spec.name, DType::bf16, spec.shape}, {}};
    std::vector<HfPiece> wanted = hf_pieces(spec);
    if (const HfPiece fused = hf_fused_piece(spec); !fused.name.empty() && find(fused.name) != nullptr)
      wanted = {fused};
    for (const HfPiece& piece : wanted) {
      stored.pieces.push_back(checked(piece));
      if (stored.pieces.back().dtype == DType::f32) stored.info.dtype = DType::f32;
    }
    return stored;
  }

  // Throws for a tensor that no parameter owns.
  void refuse_others(std::set<std::string_view> owned) const {
    for (const auto& [name, piece] : pieces_) {
      if (owned.count(name) > 0 || hf_is_derived(name)) continue;
      throw Error(Kind::data, piece.file->path().string() + ": tensor '" + name +
                                  "' does not belong to the model that config.json describes");
    }
  }

 private:
  void open(const std::string& name, const std::string& index) {
    const bool plain = fs::path(name).filename() == name;
    if (!plain) throw Error(Kind::data, index + ": names the file '" + name + "', which does not lie in the folder");
    if (!fs::exists(folder_ / name))
      throw Error(Kind::missing,
                  (folder_ / name).string() + ": No such file, though " + index + " names it; copy it again");
    files_.push_back(std::make_unique<formats::SafetensorsFile>(folder_ / name));
    for (const formats::SafetensorsEntry& entry : files_.back()->entries()) {
      const bool fresh = pieces_.emplace(entry.name, StoredPiece{files_.back().get(), &entry, DType::f32}).second;
      if (!fresh) throw Error(Kind::data, folder_.string() + ": tensor '" + entry.name + "' stands in two files");
    }
  }

  void require_indexed(const std::string& tensor, const std::string& file, const std::string& index) const {
    const StoredPiece* piece = find(tensor);
    if (piece != nullptr && piece->file->path().filename() == file) return;
    throw Error(Kind::data,
                index + ": tensor '" + tensor + "' is not in " + file + "; index and files do not belong together");
  }

  StoredPiece checked(const HfPiece& wanted) const {
    const StoredPiece* found = find(wanted.name);
    if (found == nullptr) {
      throw Error(Kind::data,
                  folder_.string() + ": tensor '" + wanted.name + "' is missing, which config.json asks for");
    }
    const std::string where = found->file->path().string() + ": tensor '" + wanted.name + "'";
    if (!std::equal(wanted.shape.begin(), wanted.shape.end(), found->entry->shape.begin(), found->entry->shape.end())) {
      throw Error(Kind::data,
                  where + " is " + text_of(found->entry->shape) + "; config.json asks for " + wanted.shape.text());
    }
    StoredPiece piece = *found;
    const std::optional<DType> dtype = formats::dtype_from_safetensors(found->entry->dtype);
    if (dtype != DType::f32 && dtype != DType::bf16) {
      throw Error(Kind::data, where + " is stored as " + found->entry->dtype + "; hearth opens F32 and BF16");
    }
    piece.dtype = *dtype;
    return piece;
  }

  fs::path folder_;
  std::vector<std::unique_ptr<formats::SafetensorsFile>> files_;
  std::map<std::string, StoredPiece, std::less<>> pieces_;
};

class HuggingFaceModel : public ModelSource {
 public:
  explicit HuggingFaceModel(const fs::path& folder)
      : folder_(folder),
        config_(config_from_hf(read_json(folder / "config.json"), (folder / "config.json").string())),
        weights_(folder) {
    std::set<std::string_view> owned;
    for (const nn::ParameterSpec& spec : nn::parameters_of(config_)) {
      StoredTensor stored = weights_.tensor_of(spec);
      for (const StoredPiece& piece : stored.pieces) owned.insert(piece.entry->name);
      tensors_.push_back(stored.info);
      stored_.emplace(spec.name, std::move(stored));
    }
    if (config_.tie_embeddings) owned.insert("lm_head.weight");  // some writers store the embedding twice
    weights_.refuse_others(owned);
  }

  const nn::ModelConfig& config() const override { return config_; }
  const std::vector<TensorInfo>& tensors() const override { return tensors_; }

  void read(const std::string& name, Tensor out) const override {
    const auto found = stored_.find(name);
    HEARTH_CHECK(found != stored_.end() && out.shape == found->second.info.shape, "reading " + name);
    std::int64_t first = 0;
    for (const StoredPiece& piece : found->second.pieces) {
      convert(piece.file->bytes(*piece.entry), piece.dtype, out, first);
      first += static_cast<std::int64_t>(piece.entry->bytes() / size_of(piece.dtype));
    }
  }

  fs::path tokenizer_folder() const override { return fs::exists(folder_ / "tokenizer.json") ? folder_ : fs::path(); }

  // The same as a checkpoint's of equal tensors.
  std::string id() const override {
    std::string checksums;
    for (const TensorInfo& info : tensors_) {
      const Buffer buffer(static_cast<std::size_t>(info.shape.n_elements()) * size_of(info.dtype));
      const Tensor whole(buffer.data(), info.dtype, info.shape);
      read(info.name, whole);
      checksums += info.name + " " + std::to_string(hash64({whole.data, whole.bytes()})) + "\n";
    }
    return hash128(checksums).hex();
  }

  Json provenance() const override {
    const fs::path parity = folder_ / "parity.json";
    if (!fs::exists(parity)) return Json::object();
    return json_get_or<Json>(read_json(parity), "provenance", parity.string(), Json::object());
  }

 private:
  fs::path folder_;
  nn::ModelConfig config_;
  Weights weights_;
  std::vector<TensorInfo> tensors_;
  std::map<std::string, StoredTensor, std::less<>> stored_;
};

}  // namespace

bool is_hugging_face(const fs::path& folder) {
  return fs::exists(folder / "config.json");
}

std::unique_ptr<ModelSource> open_hugging_face(const fs::path& folder) {
  return std::make_unique<HuggingFaceModel>(folder);
}

}  // namespace hearth::store
