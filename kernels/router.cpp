// SPDX-License-Identifier: Apache-2.0
#include "kernels/router.h"

#include "kernels/backend.h"
#include "kernels/operands.h"

namespace hearth::kernels {
namespace {

void check_options(const Operands& operands, const RouterOptions& options, std::int64_t experts, std::int64_t k) {
  const int groups = options.groups;
  operands.require(groups >= 1 && experts % groups == 0, "experts must fall into groups of equal size");
  operands.require(options.groups_kept >= 1 && options.groups_kept <= groups, "groups_kept must lie in [1, groups]");
  operands.require(k >= 1 && k <= experts / groups * options.groups_kept, "k must lie in [1, experts to choose from]");
}

}  // namespace

void router(Stream& stream, const RouterArgs& args) {
  const Operands operands("router");
  operands.rank("logits", args.logits, 2);
  operands.rank("expert_ids", args.expert_ids, 2);
  const std::int64_t tokens = args.logits.shape[0], experts = args.logits.shape[1], k = args.expert_ids.shape[1];
  operands.check("logits", args.logits, {tokens, experts}, {DType::f32});
  operands.check_optional("selection_bias", args.selection_bias, {experts}, {DType::f32});
  operands.check("scores", args.scores, {tokens, experts}, {DType::f32});
  operands.check("expert_ids", args.expert_ids, {tokens, k}, {DType::i32});
  operands.check("weights", args.weights, {tokens, k}, {DType::f32});
  operands.check("counts", args.counts, {experts}, {DType::i32});
  check_options(operands, args.options, experts, k);
  stream.zero(args.counts);
  if (tokens == 0) return;
  backend_of(stream).router(stream, args);
}

void router_backward(Stream& stream, const RouterBackwardArgs& args) {
  const Operands operands("router_backward");
  operands.rank("logits", args.logits, 2);
  operands.rank("expert_ids", args.expert_ids, 2);
  const std::int64_t tokens = args.logits.shape[0], experts = args.logits.shape[1], k = args.expert_ids.shape[1];
  operands.check("logits", args.logits, {tokens, experts}, {DType::f32});
  operands.check("scores", args.scores, {tokens, experts}, {DType::f32});
  operands.check("expert_ids", args.expert_ids, {tokens, k}, {DType::i32});
  operands.check("weights", args.weights, {tokens, k}, {DType::f32});
  operands.check("d_weights", args.d_weights, {tokens, k}, {DType::f32});
  operands.check("d_logits", args.d_logits, {tokens, experts}, {DType::f32});
  operands.check("losses", args.losses, {2}, {DType::f32});
  check_options(operands, args.options, experts, k);
  operands.check_optional("coefficients", args.coefficients, {2}, {DType::f32});
  if (args.balance_coefficient != 0) operands.offsets(stream, "cu_seqlens", args.cu_seqlens, tokens, true);
  stream.zero(args.losses);
  if (tokens == 0) return;
  RouterBackwardArgs now = args;
  if (args.coefficients && stream.is_host()) {
    now.balance_coefficient = args.coefficients.as<float>()[0];
    now.z_coefficient = args.coefficients.as<float>()[1];
  }
  backend_of(stream).router_backward(stream, now);
}

}  // namespace hearth::kernels
