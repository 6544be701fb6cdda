// SPDX-License-Identifier: Apache-2.0
#include "lib/train/outlier.h"

#include <algorithm>
#include <cmath>

#include "lib/base/json_value.h"
#include "lib/base/text.h"

namespace hearth::train {
namespace {

constexpr std::size_t window = 128, fewest = 64;
constexpr double n_deviations = 6;
// Spreads below these are taken as these: half a percent of a loss; a norm must be 4.5 times the usual one to be an
// outlier.
constexpr double least_loss_spread = 0.005, least_log_norm_spread = 0.25;

struct Moments {
  double mean = 0, deviation = 0;
};

Moments moments(const std::vector<double>& values) {
  double sum = 0, squares = 0;
  for (const double value : values) sum += value;
  const double mean = sum / static_cast<double>(values.size());
  for (const double value : values) squares += (value - mean) * (value - mean);
  return {mean, std::sqrt(squares / static_cast<double>(values.size()))};
}

bool is_outlier(const std::vector<double>& values, double value, double least_spread) {
  if (values.size() < fewest) return false;
  const Moments known = moments(values);
  return value > known.mean + n_deviations * std::max(known.deviation, least_spread);
}

}  // namespace

std::string OutlierDetector::judge(double loss, double gradient_norm) {
  std::string reason;
  const double log_norm = std::log(std::max(gradient_norm, 1e-30));
  if (!std::isfinite(loss))
    reason = "the loss is not finite";
  else if (!std::isfinite(gradient_norm))
    reason = "the gradient is not finite";
  else if (is_outlier(losses_, loss, least_loss_spread * std::abs(loss)))
    reason = "the loss is an outlier";
  else if (is_outlier(log_norms_, log_norm, least_log_norm_spread))
    reason = "the gradient norm is an outlier";
  if (!reason.empty()) {
    ++skipped_in_a_row_;
    return reason;
  }
  skipped_in_a_row_ = 0;
  const std::size_t slot = n_accepted_++ % window;
  if (slot == losses_.size()) {
    losses_.push_back(loss);
    log_norms_.push_back(log_norm);
  } else {
    losses_[slot] = loss;
    log_norms_[slot] = log_norm;
  }
  return reason;
}

void OutlierDetector::reset() {
  *this = OutlierDetector();
}

Json OutlierDetector::state() const {
  return {{"losses", losses_},
          {"log_norms", log_norms_},
          {"accepted", n_accepted_},
          {"skipped_in_a_row", skipped_in_a_row_}};
}

void OutlierDetector::restore(const Json& state) {
  const std::string where = "outlier detector";
  losses_ = json_get<std::vector<double>>(state, "losses", where);
  log_norms_ = json_get<std::vector<double>>(state, "log_norms", where);
  n_accepted_ = json_get<std::uint64_t>(state, "accepted", where);
  skipped_in_a_row_ = json_get<int>(state, "skipped_in_a_row", where);
}

}  // namespace hearth::train
