// SPDX-License-Identifier: Apache-2.0
#include "lib/train/outlier.h"

#include <algorithm>
#include <vector>

#include "lib/base/json_value.h"

namespace hearth::train {
namespace {

using kernels::StepControl;
using kernels::StepReport;
using kernels::StepState;
using kernels::StepVerdict;

constexpr std::size_t memory_bytes = 8 * (StepState::size + 64);

}  // namespace

OutlierDetector::OutlierDetector(const Device& device, const optim::OptimizerSettings& settings)
    : clip_(settings.clip), beta1_(settings.beta1), beta2_(settings.beta2), memory_(memory_bytes, device) {
  state_ = memory_.allocate(DType::f64, {StepState::size});
  steps_ = memory_.allocate(DType::f64, {1});
  control_ = memory_.allocate(DType::f64, {StepControl::size});
  report_ = memory_.allocate(DType::f64, {StepReport::size});
}

void OutlierDetector::judge(Stream& stream, const Tensor& loss, const Tensor& squares, double learning_rate) {
  kernels::judge_step(stream, {.loss = loss,
                               .squares = squares,
                               .state = state_,
                               .steps = steps_,
                               .learning_rate = learning_rate,
                               .clip = clip_,
                               .beta1 = static_cast<float>(beta1_),
                               .beta2 = static_cast<float>(beta2_),
                               .control = control_,
                               .report = report_});
}

std::string OutlierDetector::reason(StepVerdict verdict) {
  switch (verdict) {
    case StepVerdict::taken:
      return "";
    case StepVerdict::loss_not_finite:
      return "the loss is not finite";
    case StepVerdict::gradient_not_finite:
      return "the gradient is not finite";
    case StepVerdict::loss_outlier:
      return "the loss is an outlier";
    case StepVerdict::gradient_outlier:
      return "the gradient norm is an outlier";
  }
  throw Error(Kind::internal, "a verdict that is none");
}

void OutlierDetector::reset(Stream& stream) {
  stream.zero(state_);
}

void OutlierDetector::set_steps(Stream& stream, std::int64_t steps) {
  fill_from_host(stream, steps_, [&](const Tensor& host) { *host.as<double>() = static_cast<double>(steps); });
}

Json OutlierDetector::state(Stream& stream) const {
  const std::vector<double> values = host_copy<double>(stream, state_);
  const auto accepted = static_cast<std::uint64_t>(values[StepState::accepted]);
  const auto n = static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(accepted, StepState::window));
  const auto ring = [&](std::int64_t begin) {
    return std::vector<double>(values.begin() + begin, values.begin() + begin + n);
  };
  return {{"losses", ring(StepState::losses)},
          {"log_norms", ring(StepState::log_norms)},
          {"accepted", accepted},
          {"skipped_in_a_row", static_cast<int>(values[StepState::skipped_in_a_row])}};
}

void OutlierDetector::restore(Stream& stream, const Json& state) {
  const std::string where = "outlier detector";
  const auto losses = json_get<std::vector<double>>(state, "losses", where);
  const auto log_norms = json_get<std::vector<double>>(state, "log_norms", where);
  const auto accepted = json_get<std::uint64_t>(state, "accepted", where);
  if (losses.size() != std::min<std::uint64_t>(accepted, StepState::window) || log_norms.size() != losses.size())
    throw Error(Kind::data, where + ": " + std::to_string(losses.size()) + " losses and " +
                                std::to_string(log_norms.size()) + " norms of " + std::to_string(accepted) + " steps");
  fill_from_host(stream, state_, [&](const Tensor& host) {
    auto* values = host.as<double>();
    std::fill_n(values, StepState::size, 0.0);
    values[StepState::accepted] = static_cast<double>(accepted);
    values[StepState::skipped_in_a_row] = json_get<int>(state, "skipped_in_a_row", where);
    std::copy(losses.begin(), losses.end(), values + StepState::losses);
    std::copy(log_norms.begin(), log_norms.end(), values + StepState::log_norms);
  });
}

}  // namespace hearth::train
