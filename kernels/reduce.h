// SPDX-License-Identifier: Apache-2.0
// Sums over whole tensors and over rows. Each is summed in blocks of fixed size, so the bits do not depend on the
// number of threads. A NaN or infinity anywhere makes sum_of_squares non-finite: that is the test for a broken step.
#pragma once
#include "lib/base/tensor.h"
#include "lib/device/device.h"

namespace hearth::kernels {

struct SumOfSquaresArgs {
  Tensor x;      // f32 or bf16, any shape
  Tensor total;  // [1] f64, added to
};
void sum_of_squares(Stream& stream, const SumOfSquaresArgs& args);

struct SumArgs {
  Tensor x;            // f32 or bf16, any shape
  Tensor weight = {};  // f32, as many elements, or none: total += sum of weight * x
  Tensor total;        // [1] f64, added to
};
void sum(Stream& stream, const SumArgs& args);

// The gradient of a bias: total[c] += sum over rows of x[r, c].
struct SumRowsArgs {
  Tensor x;      // [rows, width] f32 or bf16
  Tensor total;  // [width] f32, added to
};
void sum_rows(Stream& stream, const SumRowsArgs& args);

}  // namespace hearth::kernels
