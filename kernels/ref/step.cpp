// SPDX-License-Identifier: Apache-2.0
#include "kernels/step.h"

#include <algorithm>

#include "kernels/backend.h"
#include "kernels/step_judgement.h"

namespace hearth::kernels::ref {

void token_totals(Stream&, const TokenTotalsArgs& args) {
  const auto targets = args.targets.span<std::int32_t>();
  const auto weights = args.token_weight.span<float>();
  const auto log_prob = args.log_prob.span<float>(), log_normaliser = args.log_normaliser.span<float>();
  double weight_sum = 0, log_probs = 0, squares = 0;
  for (std::size_t t = 0; t < targets.size(); ++t) {
    if (targets[t] < 0) continue;
    const double weight = weights[t], normaliser = log_normaliser[t];
    weight_sum += weight;
    log_probs += weight * log_prob[t];
    squares += weight * normaliser * normaliser;
  }
  const double normaliser = *args.normaliser.as<double>();
  auto* totals = args.totals.as<double>();
  totals[0] += (-log_probs + args.z_loss * squares) / normaliser;
  totals[1] += weight_sum;
  totals[2] += -log_probs;
  totals[3] += -log_probs / normaliser;
}

void count_tokens(Stream&, const CountTokensArgs& args) {
  for (std::int64_t e = 0; e < args.counts.n_elements(); ++e)
    args.total.as<std::int64_t>()[e] += args.counts.as<std::int32_t>()[e];
}

void at_least(Stream&, const AtLeastArgs& args) {
  auto& number = *args.number.as<std::int64_t>();
  number = std::max(number, args.least);
}

void judge_step(Stream&, const JudgeStepArgs& args) {
  StepJudgement{args.loss.as<double>(),
                args.squares.as<double>(),
                args.state.as<double>(),
                args.steps.as<double>(),
                args.control.as<double>(),
                args.report.as<double>(),
                args.learning_rate,
                args.clip,
                args.beta1,
                args.beta2}();
}

void move_selection_bias(Stream&, const MoveSelectionBiasArgs& args) {
  SelectionBiasMove{args.counts.as<std::int64_t>(), args.bias.as<float>(),
                    args.control ? args.control.as<double>() : nullptr, args.gamma, args.counts.n_elements()}();
}

}  // namespace hearth::kernels::ref
