// SPDX-License-Identifier: Apache-2.0
#include "lib/train/cluster/shape.h"

#include <algorithm>
#include <functional>
#include <map>

#include "lib/base/error.h"
#include "lib/base/text.h"

namespace hearth::train {
namespace {

AttentionShape grouped(std::int64_t heads, std::int64_t kv_heads, std::int64_t head_dim) {
  return {.heads = heads, .kv_heads = kv_heads, .key_dim = head_dim, .value_dim = head_dim};
}

AttentionShape latent(std::int64_t heads, std::int64_t q_rank, std::int64_t kv_rank, std::int64_t nope,
                      std::int64_t rope, std::int64_t value) {
  return {heads, heads, nope + rope, value, q_rank, kv_rank, rope, {}};
}

LayerShape dense(const AttentionShape& attention, std::int64_t ffn) {
  return {.attention = attention, .ffn = ffn};
}

LayerShape mixture(const AttentionShape& attention, std::int64_t experts, std::int64_t k, std::int64_t ffn,
                   std::int64_t shared = 0) {
  return {.attention = attention, .experts = experts, .k = k, .expert_ffn = ffn, .shared_ffn = shared};
}

ModelShape uniform(std::int64_t vocab, std::int64_t hidden, std::int64_t context, std::size_t n_layers,
                   const LayerShape& layer) {
  return {"", vocab, hidden, context, false, std::vector<LayerShape>(n_layers, layer)};
}

ModelShape deepseek_v3() {
  const AttentionShape attention = latent(128, 1536, 512, 128, 64, 128);
  ModelShape shape = uniform(129280, 7168, 4096, 61, mixture(attention, 256, 8, 2048, 2048));
  std::fill_n(shape.layers.begin(), 3, dense(attention, 18432));
  return shape;
}

ModelShape gpt_oss_120b() {
  ModelShape shape = uniform(201088, 2880, 4096, 36, mixture(grouped(64, 8, 64), 128, 4, 2880));
  for (std::size_t layer = 0; layer < shape.layers.size(); layer += 2)
    shape.layers[layer].attention.mask = {nn::Mask::Kind::window, 128};
  return shape;
}

// Figures of the models' published configurations.
const std::map<std::string, std::function<ModelShape()>, std::less<>>& published() {
  static const std::map<std::string, std::function<ModelShape()>, std::less<>> table{
      {"llama-3.1-8b", [] { return uniform(128256, 4096, 8192, 32, dense(grouped(32, 8, 128), 14336)); }},
      {"llama-3.1-70b", [] { return uniform(128256, 8192, 8192, 80, dense(grouped(64, 8, 128), 28672)); }},
      {"llama-3.1-405b", [] { return uniform(128256, 16384, 8192, 126, dense(grouped(128, 8, 128), 53248)); }},
      {"qwen2.5-7b", [] { return uniform(152064, 3584, 4096, 28, dense(grouped(28, 4, 128), 18944)); }},
      {"mixtral-8x7b", [] { return uniform(32000, 4096, 4096, 32, mixture(grouped(32, 8, 128), 8, 2, 14336)); }},
      {"mixtral-8x22b", [] { return uniform(32768, 6144, 4096, 56, mixture(grouped(48, 8, 128), 8, 2, 16384)); }},
      {"qwen3-30b-a3b", [] { return uniform(151936, 2048, 4096, 48, mixture(grouped(32, 4, 128), 128, 8, 768)); }},
      {"qwen3-235b-a22b", [] { return uniform(151936, 4096, 4096, 94, mixture(grouped(64, 4, 128), 128, 8, 1536)); }},
      {"gpt-oss-120b", gpt_oss_120b},
      {"deepseek-v3", deepseek_v3},
      {"mistral-small-4",
       [] { return uniform(131072, 4096, 8192, 36, mixture(latent(32, 1024, 256, 64, 64, 128), 128, 4, 2048, 2048)); }},
  };
  return table;
}

double sum_of(const std::vector<Product>& products, Product::Rows rows) {
  double sum = 0;
  for (const Product& product : products) sum += product.rows == rows ? product.out * product.in : 0;
  return sum;
}

}  // namespace

ModelShape shape_of(const nn::ModelConfig& config, std::string name) {
  ModelShape shape{std::move(name), config.vocab, config.hidden, config.context, config.tie_embeddings, {}};
  for (std::int64_t layer = 0; layer < config.n_layers(); ++layer) {
    const nn::Block& block = config.block(layer);
    AttentionShape attention = grouped(block.attention.heads, block.attention.kv_heads, block.attention.head_dim);
    attention.mask = block.mask;
    const auto& moe = block.feed_forward.moe;
    shape.layers.push_back(moe ? mixture(attention, moe->experts, moe->k, moe->ffn, moe->shared_ffn)
                               : dense(attention, block.feed_forward.ffn));
  }
  return shape;
}

const std::vector<std::string>& published_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list;
    for (const auto& [name, make] : published()) list.push_back(name);
    return list;
  }();
  return names;
}

ModelShape published_shape(std::string_view name) {
  const auto found = published().find(name);
  if (found == published().end()) {
    throw Error(Kind::usage, "no published model '" + std::string(name) + "'; known: " + join(published_names(), ", "));
  }
  ModelShape shape = found->second();
  shape.name = name;
  return shape;
}

std::vector<Product> products_of(const LayerShape& layer, std::int64_t hidden) {
  using Split = Product::Split;
  const auto d = [](std::int64_t n) { return static_cast<double>(n); };
  const AttentionShape& a = layer.attention;
  const double h = d(hidden), q = d(a.heads * a.key_dim), v = d(a.heads * a.value_dim);
  std::vector<Product> products;
  if (a.kv_rank > 0) {
    const double nope_and_value = d(a.heads * (a.key_dim - a.shared_rope + a.value_dim));
    products = {{d(a.q_rank + a.kv_rank + a.shared_rope), h},
                {q, d(a.q_rank), Split::out},
                {nope_and_value, d(a.kv_rank), Split::out}};
  } else {
    products = {{q + d(a.kv_heads * (a.key_dim + a.value_dim)), h, Split::out}};
  }
  products.push_back({h, v, Split::in});
  if (layer.ffn > 0) products.insert(products.end(), {{2 * d(layer.ffn), h, Split::out}, {h, d(layer.ffn), Split::in}});
  if (layer.experts == 0) return products;
  products.push_back({d(layer.experts), h});
  if (layer.shared_ffn > 0) {
    products.insert(products.end(), {{2 * d(layer.shared_ffn), h, Split::out}, {h, d(layer.shared_ffn), Split::in}});
  }
  products.insert(products.end(), {{2 * d(layer.expert_ffn), h, Split::out, Product::Rows::routed},
                                   {h, d(layer.expert_ffn), Split::in, Product::Rows::routed}});
  return products;
}

ShapeCount count_parameters(const ModelShape& shape) {
  const double table = static_cast<double>(shape.vocab * shape.hidden), h = static_cast<double>(shape.hidden);
  ShapeCount count{table * (shape.tied ? 1 : 2) + h, table + h};
  for (const LayerShape& layer : shape.layers) {
    const std::vector<Product> products = products_of(layer, shape.hidden);
    const double all = sum_of(products, Product::Rows::tokens), expert = sum_of(products, Product::Rows::routed);
    count.total += all + expert * static_cast<double>(layer.experts) + 2 * h;
    count.active += all + expert * static_cast<double>(layer.k) + 2 * h;
  }
  return count;
}

double train_flops_per_token(const ModelShape& shape, std::int64_t context) {
  double flops = 6 * count_parameters(shape).active;
  for (const LayerShape& layer : shape.layers) {
    const AttentionShape& a = layer.attention;
    flops += 6 * static_cast<double>(a.heads * (a.key_dim + a.value_dim)) * nn::mean_keys(a.mask, context);
  }
  return flops;
}

}  // namespace hearth::train
