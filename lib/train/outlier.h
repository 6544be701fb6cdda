// SPDX-License-Identifier: Apache-2.0
// Which optimiser steps not to take: a loss or gradient norm that is not finite, or far above those of late (a spike
// that would throw the weights off). It is decided where the numbers are, by kernels::judge_step, so that nothing
// waits; the host reads the verdict when the step is long done.
#pragma once
#include <cstdint>
#include <string>

#include "kernels/step.h"
#include "lib/base/json.h"
#include "lib/device/memory.h"
#include "lib/optim/optimizer.h"

namespace hearth::train {

class OutlierDetector {
 public:
  OutlierDetector(const Device& device, const optim::OptimizerSettings& settings);

  // loss, squares: [1] f64 each, of the step. Leaves control() for the optimiser and report() for the host.
  void judge(Stream& stream, const Tensor& loss, const Tensor& squares, double learning_rate);
  const Tensor& control() const { return control_; }
  const Tensor& report() const { return report_; }
  static std::string reason(kernels::StepVerdict verdict);  // why the step must be skipped; empty when it is taken

  // Forgets the window and the count of skipped steps (after a roll-back).
  void reset(Stream& stream);
  void set_steps(Stream& stream, std::int64_t steps);  // that the optimiser has taken

  Json state(Stream& stream) const;  // waits
  void restore(Stream& stream, const Json& state);

 private:
  double clip_, beta1_, beta2_;
  Arena memory_;
  Tensor state_, steps_, control_, report_;
};

}  // namespace hearth::train
