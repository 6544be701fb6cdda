// SPDX-License-Identifier: Apache-2.0
// The learning rate over a run, as a factor of its peak.
#pragma once
#include <cstdint>

namespace hearth::optim {

// wsd: linear warm-up, constant, linear decay over the last decay steps. cosine: linear warm-up, then half a cosine.
struct Schedule {
  enum class Kind { wsd, cosine };
  Kind kind = Kind::wsd;
  std::int64_t total_steps = 1;
  std::int64_t warmup_steps = 0;
  std::int64_t decay_steps = 0;  // wsd
  double final_factor = 0;       // at the end

  // For step 0 .. total_steps - 1 (later steps: final_factor); step 0 of a warm-up of w steps gives 1 / w.
  double factor(std::int64_t step) const;
};

}  // namespace hearth::optim
