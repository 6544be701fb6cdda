// SPDX-License-Identifier: Apache-2.0
#include "lib/store/hf_names.h"

#include <array>

namespace hearth::store {
namespace {

// N stands for the layer, X for the expert. Two names: the first half of the rows, then the second.
struct Row {
  std::string_view ours;  // after "layers.N."
  std::array<std::string_view, 2> theirs;
  std::string_view fused = {};  // the same for all experts together
};

constexpr Row outer_rows[] = {
    {"embedding", {"model.embed_tokens.weight"}},
    {"final_norm", {"model.norm.weight"}},
    {"head", {"lm_head.weight"}},
};

constexpr Row layer_rows[] = {
    {"attention.norm", {"input_layernorm.weight"}},
    {"attention.q", {"self_attn.q_proj.weight"}},
    {"attention.k", {"self_attn.k_proj.weight"}},
    {"attention.v", {"self_attn.v_proj.weight"}},
    {"attention.q_norm", {"self_attn.q_norm.weight"}},
    {"attention.k_norm", {"self_attn.k_norm.weight"}},
    {"attention.o", {"self_attn.o_proj.weight"}},
    {"ffn.norm", {"post_attention_layernorm.weight"}},
    {"ffn.gate_up", {"mlp.gate_proj.weight", "mlp.up_proj.weight"}},
    {"ffn.down", {"mlp.down_proj.weight"}},
    {"ffn.router", {"mlp.gate.weight"}},
    {"ffn.selection_bias", {"mlp.gate.e_score_correction_bias"}},
    {"ffn.experts.gate_up",
     {"mlp.experts.X.gate_proj.weight", "mlp.experts.X.up_proj.weight"},
     "mlp.experts.gate_up_proj"},
    {"ffn.experts.down", {"mlp.experts.X.down_proj.weight"}, "mlp.experts.down_proj"},
    {"ffn.shared.gate_up", {"mlp.shared_experts.gate_proj.weight", "mlp.shared_experts.up_proj.weight"}},
    {"ffn.shared.down", {"mlp.shared_experts.down_proj.weight"}},
};

constexpr std::string_view layers = "layers.";

struct Found {
  const Row* row;
  std::string prefix;  // "model.layers.7."
};

template <std::size_t size>
const Row* row_named(const Row (&rows)[size], std::string_view name) {
  for (const Row& row : rows) {
    if (row.ours == name) return &row;
  }
  return nullptr;
}

Found find_row(std::string_view name) {
  Found found{nullptr, ""};
  if (name.starts_with(layers)) {
    const std::size_t dot = name.find('.', layers.size());
    found = {row_named(layer_rows, name.substr(dot + 1)), "model." + std::string(name.substr(0, dot + 1))};
  } else {
    found.row = row_named(outer_rows, name);
  }
  HEARTH_CHECK(found.row != nullptr, "no Hugging Face name for the tensor " + std::string(name));
  return found;
}

std::string with_expert(std::string_view name, std::int64_t expert) {
  std::string text(name);
  text.replace(text.find('X'), 1, std::to_string(expert));
  return text;
}

Shape divided(const Shape& shape, std::int64_t n_parts) {
  return shape.rank() == 2 ? Shape{shape[0] / n_parts, shape[1]} : Shape{shape[0] / n_parts};
}

}  // namespace

std::vector<HfPiece> hf_pieces(const nn::ParameterSpec& spec) {
  const Found found = find_row(spec.name);
  const std::int64_t n_parts = found.row->theirs[1].empty() ? 1 : 2;
  const bool experts = !found.row->fused.empty();
  const Shape one = experts ? Shape{spec.shape[1], spec.shape[2]} : spec.shape;
  std::vector<HfPiece> pieces;
  for (std::int64_t expert = 0; expert < (experts ? spec.shape[0] : 1); ++expert) {
    for (std::int64_t part = 0; part < n_parts; ++part) {
      const std::string_view name = found.row->theirs[static_cast<std::size_t>(part)];
      pieces.push_back({found.prefix + (experts ? with_expert(name, expert) : std::string(name)),
                        n_parts == 1 ? one : divided(one, n_parts)});
    }
  }
  return pieces;
}

HfPiece hf_fused_piece(const nn::ParameterSpec& spec) {
  const Found found = find_row(spec.name);
  if (found.row->fused.empty()) return {};
  return {found.prefix + std::string(found.row->fused), spec.shape};
}

bool hf_is_derived(std::string_view name) {
  return name.ends_with("rotary_emb.inv_freq");
}

}  // namespace hearth::store
