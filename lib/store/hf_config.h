// SPDX-License-Identifier: Apache-2.0
// config.json of a Hugging Face folder and hearth's model.json, one into the other. The families are rows of a table;
// what a row does not say is refused by name, in both directions, rather than ignored.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "lib/base/dtype.h"
#include "lib/base/json.h"
#include "lib/nn/config.h"

namespace hearth::store {

// How a family's config.json speaks of sliding windows.
enum class HfWindow {
  none,        // it cannot
  all_layers,  // sliding_window: a number for all layers, or null
  by_layer,    // sliding_window and layer_types
};

enum class HfMixture {
  none,
  softmax,  // Qwen3-MoE: num_experts, mlp_only_layers, no shared expert
  sigmoid,  // Dots1, as DeepSeek-V3: n_routed_experts, n_shared_experts, first_k_dense_replace, selection bias
};

struct HfFamily {
  std::string_view model_type;    // "qwen3"
  std::string_view architecture;  // "Qwen3ForCausalLM"
  bool qk_norm = false;
  HfWindow window = HfWindow::none;
  HfMixture mixture = HfMixture::none;
  bool window_switch = false;         // has use_sliding_window, false by default
  std::int64_t default_head_dim = 0;  // where head_dim is left out; 0: hidden_size / num_attention_heads
  std::int64_t default_window = 0;    // where sliding_window is left out; 0: none
};
std::span<const HfFamily> hf_families();

// Throws Error{data} "WHERE: ..." naming the key, for a family, value or key that hearth does not know (unless the
// value is null or false), and for missing ones.
nn::ModelConfig config_from_hf(const Json& config, std::string_view where);

struct HfTokenIds {
  std::optional<std::uint32_t> bos, eos, pad;
};

// The same model for transformers 4 and 5 and what reads like them (both spellings of rope and dtype). dtype: of the
// weights. Throws Error{config} when no family holds the shape, saying what stands in the way.
Json config_to_hf(const nn::ModelConfig& config, DType dtype, const HfTokenIds& ids);

}  // namespace hearth::store
