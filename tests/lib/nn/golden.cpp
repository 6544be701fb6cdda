// SPDX-License-Identifier: Apache-2.0
#include "tests/lib/nn/golden.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <numeric>
#include <sstream>

#include "lib/base/json_value.h"
#include "lib/base/rng.h"

namespace hearth::nn {

Golden::Golden(const std::string& name) {
  std::ifstream file(std::string(HEARTH_SOURCE_DIR) + "/tests/golden/nn/" + name + ".safetensors", std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  bytes = text.str();
  HEARTH_CHECK(bytes.size() > 8, "no golden file " + name);
  std::uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, bytes.data(), 8);
  const Json header = parse_json(bytes.substr(8, header_bytes), name);
  for (const auto& [key, value] : header.items()) {
    if (key == "__metadata__") {
      metadata = value.get<std::map<std::string, std::string>>();
      continue;
    }
    const auto extents = value.at("shape").get<std::vector<std::int64_t>>();
    const DType dtype = value.at("dtype") == "F32" ? DType::f32 : DType::i32;
    const auto begin = value.at("data_offsets").at(0).get<std::size_t>();
    tensors[key] = Tensor(bytes.data() + 8 + header_bytes + begin, dtype, Shape(extents));
  }
}

Tensor Golden::get(const std::string& name) const {
  HEARTH_CHECK(tensors.count(name) == 1, "golden file without " + name);
  return tensors.at(name);
}

ModelConfig Golden::config() const { return parse_config(parse_json(metadata.at("model"), "golden"), "golden"); }

Batch Golden::batch() const {
  return {.ids = get("ids"),
          .positions = get("positions"),
          .cu_seqlens = get("cu_seqlens"),
          .targets = get("targets"),
          .token_weight = get("token_weight"),
          .embeddings = {}};
}

Batch OwnedBatch::view() const {
  const auto n = static_cast<std::int64_t>(ids.size());
  return {.ids = {ids.data(), {n}},
          .positions = {positions.data(), {n}},
          .cu_seqlens = {cu_seqlens.data(), {static_cast<std::int64_t>(cu_seqlens.size())}},
          .targets = {targets.data(), {n}},
          .token_weight = {weights.data(), {n}},
          .embeddings = {}};
}

OwnedBatch random_batch(const std::vector<std::int64_t>& lengths, std::int64_t vocab, std::uint64_t seed) {
  Rng rng(seed);
  OwnedBatch batch;
  batch.cu_seqlens.push_back(0);
  for (const std::int64_t length : lengths) {
    for (std::int64_t i = 0; i < length; ++i) {
      const bool last = i + 1 == length;
      batch.ids.push_back(static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(vocab))));
      batch.targets.push_back(last ? -1 : static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(vocab))));
      batch.weights.push_back(last ? 0 : static_cast<float>(0.5 + rng.uniform()));
      batch.positions.push_back(static_cast<std::int32_t>(i));
    }
    batch.cu_seqlens.push_back(static_cast<std::int32_t>(batch.ids.size()));
  }
  return batch;
}

OwnedBatch documents(const OwnedBatch& batch, std::size_t begin, std::size_t end) {
  const auto first = batch.cu_seqlens[begin], last = batch.cu_seqlens[end];
  const auto part = [&](const auto& all) { return std::decay_t<decltype(all)>(all.begin() + first, all.begin() + last); };
  OwnedBatch result{part(batch.ids), part(batch.positions), {}, part(batch.targets), part(batch.weights)};
  for (std::size_t i = begin; i <= end; ++i) result.cu_seqlens.push_back(batch.cu_seqlens[i] - first);
  return result;
}

ModelConfig varied_config() {
  ModelConfig config;
  config.vocab = 61, config.hidden = 16, config.context = 32;
  Block dense;
  dense.attention = {.heads = 4, .kv_heads = 2, .head_dim = 8, .qk_norm = true};
  dense.rope = {.theta = 1000, .dims = 8, .scaling = {}};
  dense.mask = {Mask::Kind::window, 4};
  dense.feed_forward.ffn = 24;
  Block mixture = dense;
  mixture.mask = {};
  mixture.rope.dims = 4;
  mixture.feed_forward = {.ffn = 0, .moe = Moe{.experts = 5, .k = 2, .ffn = 8, .shared_ffn = 8, .router = {.scale = 1.5}}};
  Block plain = dense;
  plain.attention.qk_norm = false;
  plain.mask = {Mask::Kind::chunk, 5};
  plain.feed_forward = {.ffn = 0,
                        .moe = Moe{.experts = 4, .k = 2, .ffn = 8, .shared_ffn = 0,
                                   .router = {.score = Router::Score::softmax, .selection_bias = false}}};
  config.blocks = {{"dense", dense}, {"mixture", mixture}, {"plain", plain}};
  config.layers = {0, 1, 2};
  return config;
}

void randomise(Model& model, Stream& stream, std::uint64_t seed) {
  Rng rng(seed);
  for (Parameter& parameter : model.parameters().all()) {
    const double mean = parameter.spec.role == Role::norm ? 1 : 0;
    const double std = parameter.spec.role == Role::norm || parameter.spec.role == Role::selection_bias
                           ? 0.2
                           : 1 / std::sqrt(static_cast<double>(parameter.spec.shape[-1]));
    for (float& value : parameter.master.span<float>()) value = static_cast<float>(mean + std * rng.normal());
  }
  model.parameters().refresh_weights(stream);
}

void load(Model& model, Stream& stream, const Golden& golden) {
  for (Parameter& parameter : model.parameters().all()) {
    const Tensor tensor = golden.get(parameter.spec.name);
    HEARTH_CHECK(tensor.shape == parameter.spec.shape, parameter.spec.name + " is " + tensor.shape.text());
    std::memcpy(parameter.master.data, tensor.data, tensor.bytes());
  }
  model.parameters().refresh_weights(stream);
}

std::vector<float> values_of(const Tensor& tensor) {
  if (tensor.dtype == DType::f32) return {tensor.span<float>().begin(), tensor.span<float>().end()};
  std::vector<float> values;
  for (const bf16 value : tensor.span<bf16>()) values.push_back(static_cast<float>(value));
  return values;
}

double relative_error(const Tensor& a, const Tensor& b) {
  const auto left = values_of(a), right = values_of(b);
  double difference = 0, scale = 1e-6;
  for (std::size_t i = 0; i < right.size(); ++i) {
    difference = std::max(difference, static_cast<double>(std::abs(left.at(i) - right[i])));
    scale = std::max(scale, static_cast<double>(std::abs(right[i])));
    if (!std::isfinite(left[i])) return INFINITY;
  }
  return difference / scale;
}

std::vector<float> all_gradients(const Model& model) {
  std::vector<float> all;
  for (const Parameter& parameter : model.parameters().all()) {
    if (!parameter.gradient) continue;
    const auto span = parameter.gradient.span<float>();
    all.insert(all.end(), span.begin(), span.end());
  }
  return all;
}

std::vector<float> all_logits(Model& model, Stream& stream, const Batch& batch) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(batch.n_tokens()));
  std::iota(rows.begin(), rows.end(), 0);
  std::vector<float> logits(rows.size() * static_cast<std::size_t>(model.config().vocab));
  model.logits(stream, batch, rows, Tensor(logits.data(), {batch.n_tokens(), model.config().vocab}));
  return logits;
}

}  // namespace hearth::nn
