// SPDX-License-Identifier: Apache-2.0
#include "kernels/head.h"

#include <algorithm>

#include "kernels/backend.h"
#include "kernels/operands.h"

namespace hearth::kernels {
namespace {

void check_gradient(const Operands& operands, const HeadArgs& args) {
  const Shape per_token{args.hidden.shape[0]};
  operands.check_optional("token_weight", args.token_weight, per_token, {DType::f32});
  operands.check_optional("d_log_prob", args.d_log_prob, per_token, {DType::f32});
  operands.check_optional("d_log_normaliser", args.d_log_normaliser, per_token, {DType::f32});
  operands.check_optional("d_hidden", args.d_hidden, args.hidden.shape, {args.hidden.dtype});
  operands.check_optional("d_weight", args.d_weight, args.weight.shape, {DType::f32});
  operands.require(!(args.token_weight && args.d_log_prob), "token_weight and d_log_prob exclude each other");
  operands.require(!args.d_log_normaliser || args.d_log_prob, "d_log_normaliser needs d_log_prob");
  operands.require((args.token_weight || args.d_log_prob) == bool(args.d_hidden),
                   "d_hidden goes with token_weight or d_log_prob");
  operands.require(!args.d_weight || args.d_hidden, "d_weight needs d_hidden");
}

// On a device they are not looked at: whoever brings them there has.
void check_targets(const Tensor& targets, std::int64_t vocab) {
  for (const std::int32_t target : targets.span<std::int32_t>()) {
    if (target >= vocab) {
      throw Error(Kind::data, "token id " + std::to_string(target) + " lies outside the vocabulary of " +
                                  std::to_string(vocab) + "; was the data encoded with this model's tokenizer?");
    }
  }
}

}  // namespace

std::int64_t head_chunk_tokens(std::int64_t tokens, std::int64_t vocab) {
  constexpr std::int64_t logits = 16 << 20;  // 64 MB of them: enough rows for GEMM, little beside a model
  return std::min(tokens, std::clamp<std::int64_t>(logits / std::max<std::int64_t>(vocab, 1) / 64 * 64, 64, 1024));
}

std::int64_t head_chunk_tokens(const HeadArgs& args) {
  return head_chunk_tokens(args.hidden.shape[0], args.part.gather ? args.part.largest : args.weight.shape[0]);
}

namespace {
std::int64_t exchange_bytes(std::int64_t chunk, int n_parts) {
  return n_parts > 1 ? 2 * (1 + n_parts) * chunk * static_cast<std::int64_t>(sizeof(float)) : 0;
}
}  // namespace

std::int64_t head_workspace_bytes(std::int64_t tokens, std::int64_t vocab, int n_parts) {
  constexpr std::int64_t bytes = sizeof(float) + sizeof(bf16);  // the logits, and their gradient rounded
  const std::int64_t chunk = head_chunk_tokens(tokens, vocab);
  return chunk * vocab * bytes + 512 + exchange_bytes(chunk, n_parts);
}

HeadExchange head_exchange(const HeadArgs& args, std::int64_t n) {
  const std::int64_t bytes = exchange_bytes(head_chunk_tokens(args), args.part.n_parts);
  std::byte* const end = args.workspace.data + args.workspace.bytes() - bytes;
  auto* const at = reinterpret_cast<float*>(end - reinterpret_cast<std::uintptr_t>(end) % 64);
  return {Tensor(at, {2, n}), Tensor(at + 2 * n, {args.part.n_parts, 2, n})};
}

void head(Stream& stream, const HeadArgs& args) {
  const Operands operands("head");
  operands.rank("hidden", args.hidden, 2);
  operands.rank("weight", args.weight, 2);
  const std::int64_t tokens = args.hidden.shape[0], width = args.hidden.shape[1], vocab = args.weight.shape[0];
  operands.check("hidden", args.hidden, {tokens, width}, f32_or_bf16);
  operands.check("weight", args.weight, {vocab, width}, {args.hidden.dtype});
  operands.check("targets", args.targets, {tokens}, {DType::i32});
  operands.check_optional("log_prob", args.log_prob, {tokens}, {DType::f32});
  operands.check_optional("log_normaliser", args.log_normaliser, {tokens}, {DType::f32});
  operands.check_optional("entropy", args.entropy, {tokens}, {DType::f32});
  if (tokens == 0) return;
  operands.require(width > 0 && vocab > 0, "an empty weight");
  check_gradient(operands, args);
  const VocabularyPart& part = args.part;
  if (part.gather) {
    operands.require(part.n_parts > 1 && part.largest >= vocab && part.whole >= part.first + vocab,
                     "an impossible part");
    operands.require(!args.entropy, "entropy of a part");
  }
  const std::int64_t needed =
      head_workspace_bytes(tokens, part.gather ? part.largest : vocab, part.gather ? part.n_parts : 1);
  operands.require(args.workspace && static_cast<std::int64_t>(args.workspace.bytes()) >= needed,
                   "workspace holds less than " + std::to_string(needed) + " bytes");
  if (stream.is_host()) check_targets(args.targets, part.gather ? part.whole : vocab);
  backend_of(stream).head(stream, args);
}

void head_logits(Stream& stream, const HeadLogitsArgs& args) {
  const Operands operands("head_logits");
  operands.rank("hidden", args.hidden, 2);
  operands.rank("weight", args.weight, 2);
  const std::int64_t rows = args.hidden.shape[0], width = args.hidden.shape[1], vocab = args.weight.shape[0];
  operands.check("hidden", args.hidden, {rows, width}, f32_or_bf16);
  operands.check("weight", args.weight, {vocab, width}, {args.hidden.dtype});
  operands.check("logits", args.logits, {rows, vocab}, {DType::f32});
  if (rows == 0 || vocab == 0) return;
  operands.require(width > 0, "an empty weight");
  backend_of(stream).head_logits(stream, args);
}

}  // namespace hearth::kernels
