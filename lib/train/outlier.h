// SPDX-License-Identifier: Apache-2.0
// Which optimiser steps not to take: a loss or gradient norm that is not finite, or far above those of late (a spike
// that would throw the weights off). After llm.c's and OLMo's detectors: a window of 128 steps, six deviations.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/json.h"

namespace hearth::train {

class OutlierDetector {
 public:
  // Empty when the step is fine, else why it must be skipped. Only accepted steps enter the window.
  std::string judge(double loss, double gradient_norm);

  // Skips without an accepted step between.
  int skipped_in_a_row() const { return skipped_in_a_row_; }
  // Forgets the window and the count (after a roll-back).
  void reset();

  Json state() const;
  void restore(const Json& state);

 private:
  std::vector<double> losses_, log_norms_;  // rings of at most 128
  std::uint64_t n_accepted_ = 0;
  int skipped_in_a_row_ = 0;
};

}  // namespace hearth::train
