// SPDX-License-Identifier: Apache-2.0
// The arithmetic of judge_step and move_selection_bias (step.h), the same lines for host and device: each is a few
// hundred operations of one thread.
#pragma once
#include <cmath>
#include <cstdint>

#include "kernels/step.h"

#ifdef __CUDACC__
#define HEARTH_ANYWHERE __host__ __device__
#else
#define HEARTH_ANYWHERE
#endif

namespace hearth::kernels {

struct StepJudgement {
  static constexpr std::int64_t fewest = 64;
  static constexpr double n_deviations = 6;
  // Spreads below these are taken as these: half a percent of a loss; a norm must be 4.5 times the usual one to be an
  // outlier.
  static constexpr double least_loss_spread = 0.005, least_log_norm_spread = 0.25;

  const double *loss, *squares;
  double *state, *steps, *control, *report;
  double learning_rate, clip, beta1, beta2;

  HEARTH_ANYWHERE static bool is_outlier(const double* values, std::int64_t n, double value, double least_spread) {
    if (n < fewest) return false;
    double sum = 0, squared = 0;
    for (std::int64_t i = 0; i < n; ++i) sum += values[i];
    const double mean = sum / static_cast<double>(n);
    for (std::int64_t i = 0; i < n; ++i) squared += (values[i] - mean) * (values[i] - mean);
    const double deviation = sqrt(squared / static_cast<double>(n));
    return value > mean + n_deviations * (deviation > least_spread ? deviation : least_spread);
  }
  HEARTH_ANYWHERE static bool is_finite(double x) { return x - x == 0; }

  HEARTH_ANYWHERE StepVerdict verdict(double norm, double log_norm) const {
    if (!is_finite(*loss)) return StepVerdict::loss_not_finite;
    if (!is_finite(norm)) return StepVerdict::gradient_not_finite;
    const auto accepted = static_cast<std::int64_t>(state[StepState::accepted]);
    const std::int64_t n = accepted < StepState::window ? accepted : StepState::window;
    if (is_outlier(state + StepState::losses, n, *loss, least_loss_spread * fabs(*loss)))
      return StepVerdict::loss_outlier;
    if (is_outlier(state + StepState::log_norms, n, log_norm, least_log_norm_spread))
      return StepVerdict::gradient_outlier;
    return StepVerdict::taken;
  }

  HEARTH_ANYWHERE void operator()() const {
    const double norm = sqrt(*squares), log_norm = log(norm > 1e-30 ? norm : 1e-30);
    const StepVerdict judged = verdict(norm, log_norm);
    const bool taken = judged == StepVerdict::taken;
    state[StepState::skipped_in_a_row] = taken ? 0 : state[StepState::skipped_in_a_row] + 1;
    if (taken) {
      const std::int64_t slot = static_cast<std::int64_t>(state[StepState::accepted]) % StepState::window;
      state[StepState::accepted] += 1;
      state[StepState::losses + slot] = *loss;
      state[StepState::log_norms + slot] = log_norm;
      *steps += 1;
    }
    control[StepControl::taken] = taken ? 1 : 0;
    control[StepControl::gradient_scale] = clip > 0 && norm > clip ? clip / norm : 1;
    control[StepControl::learning_rate] = learning_rate;
    control[StepControl::steps] = *steps;
    control[StepControl::correction1] = 1 / (1 - pow(beta1, *steps));
    control[StepControl::correction2] = 1 / (1 - pow(beta2, *steps));
    report[StepReport::loss] = *loss;
    report[StepReport::gradient_norm] = norm;
    report[StepReport::verdict] = static_cast<double>(static_cast<int>(judged));
    report[StepReport::skipped_in_a_row] = state[StepState::skipped_in_a_row];
    report[StepReport::steps] = *steps;
  }
};

struct SelectionBiasMove {
  const std::int64_t* counts;
  float* bias;
  const double* control;  // or none
  float gamma;
  std::int64_t experts;

  HEARTH_ANYWHERE static float sign(double mean, std::int64_t count) {
    const double missing = mean - static_cast<double>(count);
    return missing > 0 ? 1.0f : missing < 0 ? -1.0f : 0.0f;
  }
  HEARTH_ANYWHERE void operator()() const {
    if (control != nullptr && control[StepControl::taken] == 0) return;
    double total = 0;
    for (std::int64_t e = 0; e < experts; ++e) total += static_cast<double>(counts[e]);
    const double mean = total / static_cast<double>(experts);
    float mean_sign = 0;
    for (std::int64_t e = 0; e < experts; ++e) mean_sign += sign(mean, counts[e]);
    mean_sign /= static_cast<float>(experts);
    for (std::int64_t e = 0; e < experts; ++e) bias[e] += gamma * (sign(mean, counts[e]) - mean_sign);
  }
};

}  // namespace hearth::kernels
