// SPDX-License-Identifier: Apache-2.0
// A few numbers a step: the plain loops are as fast as it gets.
#include "kernels/backend.h"

namespace hearth::kernels::cpu {

void token_totals(Stream& stream, const TokenTotalsArgs& args) {
  ref::token_totals(stream, args);
}
void count_tokens(Stream& stream, const CountTokensArgs& args) {
  ref::count_tokens(stream, args);
}
void at_least(Stream& stream, const AtLeastArgs& args) {
  ref::at_least(stream, args);
}
void judge_step(Stream& stream, const JudgeStepArgs& args) {
  ref::judge_step(stream, args);
}
void move_selection_bias(Stream& stream, const MoveSelectionBiasArgs& args) {
  ref::move_selection_bias(stream, args);
}

}  // namespace hearth::kernels::cpu
