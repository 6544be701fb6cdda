// SPDX-License-Identifier: Apache-2.0
#include "kernels/step.h"

#include "kernels/backend.h"
#include "kernels/operands.h"

namespace hearth::kernels {

void token_totals(Stream& stream, const TokenTotalsArgs& args) {
  const Operands operands("token_totals");
  operands.rank("targets", args.targets, 1);
  const Shape shape = args.targets.shape;
  operands.check("targets", args.targets, shape, {DType::i32});
  operands.check("token_weight", args.token_weight, shape, {DType::f32});
  operands.check("log_prob", args.log_prob, shape, {DType::f32});
  operands.check("log_normaliser", args.log_normaliser, shape, {DType::f32});
  operands.check("normaliser", args.normaliser, {1}, {DType::f64});
  operands.check("totals", args.totals, {4}, {DType::f64});
  if (shape.n_elements() > 0) backend_of(stream).token_totals(stream, args);
}

void count_tokens(Stream& stream, const CountTokensArgs& args) {
  const Operands operands("count_tokens");
  operands.check("counts", args.counts, args.counts.shape, {DType::i32});
  operands.check("total", args.total, args.counts.shape, {DType::i64});
  backend_of(stream).count_tokens(stream, args);
}

void at_least(Stream& stream, const AtLeastArgs& args) {
  Operands("at_least").check("number", args.number, {1}, {DType::i64});
  backend_of(stream).at_least(stream, args);
}

void judge_step(Stream& stream, const JudgeStepArgs& args) {
  const Operands operands("judge_step");
  operands.check("loss", args.loss, {1}, {DType::f64});
  operands.check("squares", args.squares, {1}, {DType::f64});
  operands.check("state", args.state, {StepState::size}, {DType::f64});
  operands.check("steps", args.steps, {1}, {DType::f64});
  operands.check("control", args.control, {StepControl::size}, {DType::f64});
  operands.check("report", args.report, {StepReport::size}, {DType::f64});
  backend_of(stream).judge_step(stream, args);
}

void move_selection_bias(Stream& stream, const MoveSelectionBiasArgs& args) {
  const Operands operands("move_selection_bias");
  operands.rank("counts", args.counts, 1);
  operands.check("counts", args.counts, args.counts.shape, {DType::i64});
  operands.check("bias", args.bias, args.counts.shape, {DType::f32});
  operands.check_optional("control", args.control, {StepControl::size}, {DType::f64});
  backend_of(stream).move_selection_bias(stream, args);
}

}  // namespace hearth::kernels
