// SPDX-License-Identifier: Apache-2.0
#include "lib/optim/schedule.h"

#include <cmath>
#include <numbers>

namespace hearth::optim {

double Schedule::factor(std::int64_t step) const {
  if (step >= total_steps) return final_factor;
  if (step < warmup_steps) return static_cast<double>(step + 1) / static_cast<double>(warmup_steps);
  if (kind == Kind::cosine) {
    const double share = static_cast<double>(step - warmup_steps) / static_cast<double>(total_steps - warmup_steps);
    return final_factor + (1 - final_factor) * 0.5 * (1 + std::cos(std::numbers::pi * share));
  }
  const std::int64_t left = total_steps - step;  // at least 1
  if (left > decay_steps) return 1;
  return final_factor + (1 - final_factor) * static_cast<double>(left) / static_cast<double>(decay_steps + 1);
}

}  // namespace hearth::optim
