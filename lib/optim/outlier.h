// SPDX-License-Identifier: Apache-2.0
// Tells a broken step (loss or gradient norm not finite, or far above the last ones) so that it can be skipped.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/json.h"

namespace hearth::optim {

// Keeps the last `window` accepted values of loss and gradient norm; a step is an outlier when either exceeds the mean
// by more than `deviations` standard deviations. With fewer than `window` values only non-finite ones are refused.
class OutlierDetector {
 public:
  explicit OutlierDetector(std::size_t window = 128, double deviations = 6) : window_(window), deviations_(deviations) {}

  // The reason to skip this step ("gradient norm 93.1 is 14.2 deviations above the last 128"), or none: then the values
  // are remembered.
  std::optional<std::string> judge(double loss, double gradient_norm);
  std::int64_t skipped_in_a_row() const { return skipped_in_a_row_; }

  // Exact state for the checkpoint.
  Json state() const;
  void restore(const Json& state);  // throws Error{data}

 private:
  std::size_t window_;
  double deviations_;
  std::vector<double> losses_, norms_;  // rings, oldest at next_
  std::size_t next_ = 0;
  std::int64_t skipped_in_a_row_ = 0;
};

}  // namespace hearth::optim
