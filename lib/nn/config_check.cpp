// SPDX-License-Identifier: Apache-2.0
// Which shapes are impossible, and what to say of them.
#include <initializer_list>

#include "lib/base/error.h"
#include "lib/nn/config.h"

namespace hearth::nn {
namespace {
[[noreturn]] void refuse(const std::string& message) { throw Error(Kind::config, message); }

std::string text(std::int64_t value) { return std::to_string(value); }

struct Named {
  const char* key;
  std::int64_t value;
};

void expect_positive(const std::string& where, std::initializer_list<Named> values) {
  for (const auto& [key, value] : values) {
    if (value < 1) refuse(where + key + " is " + text(value) + "; it must be at least 1");
  }
}

void check_attention(const std::string& where, const Attention& attention) {
  expect_positive(where + "mixer: ", {{"heads", attention.heads},
                                      {"kv_heads", attention.kv_heads},
                                      {"head_dim", attention.head_dim}});
  if (attention.heads % attention.kv_heads != 0) {
    refuse(where + "mixer: " + text(attention.heads) + " heads cannot share " + text(attention.kv_heads) +
           " kv_heads; take a divisor of heads for kv_heads");
  }
  if (attention.head_dim % 2 != 0) {
    refuse(where + "mixer: head_dim is " + text(attention.head_dim) + "; it must be even, because rope turns pairs");
  }
}

void check_rope(const std::string& where, const Rope& rope, std::int64_t head_dim) {
  if (rope.dims < 0 || rope.dims > head_dim || rope.dims % 2 != 0) {
    refuse(where + "rope: dims is " + text(rope.dims) + "; it must be even and from 0 to head_dim, " + text(head_dim));
  }
  if (!(rope.theta > 1)) refuse(where + "rope: theta is " + std::to_string(rope.theta) + "; it must be above 1");
  const RopeScaling& scaling = rope.scaling;
  if (scaling.kind == RopeScaling::Kind::base) return;
  if (!(scaling.factor >= 1)) {
    refuse(where + "rope: scaling: factor is " + std::to_string(scaling.factor) + "; it must be at least 1");
  }
  if (scaling.kind == RopeScaling::Kind::linear) return;
  expect_positive(where + "rope: scaling: ", {{"original_context", scaling.original_context}});
  if (scaling.kind == RopeScaling::Kind::llama3 && !(scaling.low_frequency > 0 && scaling.high_frequency > 0)) {
    refuse(where + "rope: scaling: low_frequency and high_frequency must be above 0");
  }
  if (scaling.kind == RopeScaling::Kind::yarn && !(scaling.beta_slow > 0 && scaling.beta_fast >= scaling.beta_slow)) {
    refuse(where + "rope: scaling: beta_slow must be above 0 and at most beta_fast");
  }
}

void check_router(const std::string& where, const Moe& moe) {
  const Router& router = moe.router;
  expect_positive(where + "router: ", {{"groups", router.groups}, {"groups_kept", router.groups_kept}});
  if (moe.experts % router.groups != 0) {
    refuse(where + text(moe.experts) + " experts do not divide into " + text(router.groups) + " groups");
  }
  if (router.groups_kept > router.groups) {
    refuse(where + "router: groups_kept is " + text(router.groups_kept) + ", but there are only " +
           text(router.groups) + " groups");
  }
  const std::int64_t reachable = moe.experts / router.groups * router.groups_kept;
  if (moe.k > reachable) {
    refuse(where + "k is " + text(moe.k) + ", but the router may choose among " + text(reachable) +
           " experts only; lower k or raise groups_kept");
  }
  if (!(router.scale > 0)) refuse(where + "router: scale is " + std::to_string(router.scale) + "; it must be above 0");
}

void check_feed_forward(const std::string& where, const FeedForward& feed_forward) {
  if (!feed_forward.moe) {
    expect_positive(where + "ffn: ", {{"ffn", feed_forward.ffn}});
    return;
  }
  const Moe& moe = *feed_forward.moe;
  expect_positive(where + "ffn: ", {{"experts", moe.experts}, {"k", moe.k}, {"ffn", moe.ffn}});
  if (moe.k > moe.experts) {
    refuse(where + "ffn: k is " + text(moe.k) + ", but there are only " + text(moe.experts) +
           " experts; a token cannot go to more experts than there are");
  }
  if (moe.shared_ffn < 0) refuse(where + "ffn: shared_ffn is " + text(moe.shared_ffn) + "; it must not be negative");
  check_router(where + "ffn: ", moe);
}

void check_block(const std::string& name, const Block& block) {
  const std::string where = "block '" + name + "': ";
  check_attention(where, block.attention);
  check_rope(where, block.rope, block.attention.head_dim);
  if (block.mask.kind != Mask::Kind::full && block.mask.size < 1) {
    refuse(where + "mask: size is " + text(block.mask.size) +
           "; a query must see at least itself: give 1 or more, or kind \"full\"");
  }
  check_feed_forward(where, block.feed_forward);
}
}  // namespace

void check_config(const ModelConfig& config) {
  expect_positive("", {{"vocab", config.vocab}, {"hidden", config.hidden}, {"context", config.context}});
  constexpr std::int64_t most_ids = 1ll << 31;
  if (config.vocab >= most_ids) refuse("vocab is " + text(config.vocab) + "; ids have 32 bits");
  if (!(config.epsilon > 0)) refuse("epsilon is " + std::to_string(config.epsilon) + "; it must be above 0");
  if (config.layers.empty()) refuse("layers is empty; name at least one block");
  for (const auto& [name, block] : config.blocks) check_block(name, block);
}

}  // namespace hearth::nn
