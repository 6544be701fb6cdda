// SPDX-License-Identifier: Apache-2.0
// What the machine at hand multiplies at best, to hold a run's speed against.
//
// Model FLOPs utilisation here is
//   ratio = nn::train_flops_per_token(config, context) * tokens_per_s / matrix_rate(stream, dtype)
// with the arithmetic the model needs (recomputation not counted; attention under its mask) over what this machine's
// own gemm was measured to do at the start of the run, all threads, same dtype: not over a data sheet.
#pragma once
#include "lib/base/dtype.h"
#include "lib/device/device.h"

namespace hearth::train {

// Floating-point operations per second of a square product in dtype: on the host of 1024, the best of repetitions within
// ~0.25 s; on a GPU of whatever size takes it more than a millisecond.
double matrix_rate(Stream& stream, DType dtype);

}  // namespace hearth::train
