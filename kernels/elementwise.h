// SPDX-License-Identifier: Apache-2.0
// The few elementwise operations a model needs on their own. Tensors of one call have equally many elements; f32 or
// bf16 each, arithmetic f32, one rounding. Outputs may be one of the inputs. Same bits for any number of threads.
#pragma once
#include "lib/base/tensor.h"
#include "lib/device/device.h"

namespace hearth::kernels {

struct AddArgs {
  Tensor a, b;
  Tensor y;  // out: a + b
};
void add(Stream& stream, const AddArgs& args);

struct CastArgs {
  Tensor x;
  Tensor y;  // out: x in y's dtype, to nearest even
};
void cast(Stream& stream, const CastArgs& args);

struct FillArgs {
  Tensor y;  // out
  float value = 0;
};
void fill(Stream& stream, const FillArgs& args);

struct ScaleArgs {
  Tensor x;
  float factor = 1;
  Tensor y;                   // out: factor * x
  Tensor factor_tensor = {};  // [1] f32, instead of factor
};
void scale(Stream& stream, const ScaleArgs& args);

// y[r, :] += bias, in place.
struct AddBiasArgs {
  Tensor y;     // [rows, width], updated
  Tensor bias;  // [width]
};
void add_bias(Stream& stream, const AddBiasArgs& args);

}  // namespace hearth::kernels
