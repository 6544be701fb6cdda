// SPDX-License-Identifier: Apache-2.0
// A model source seen at another precision.
#pragma once
#include <memory>

#include "lib/store/model_source.h"

namespace hearth::store {

// source with all tensors rounded to dtype (f32 or bf16; selection biases stay f32: a rounded one chooses other
// experts). What is read is rounded even when it is read as f32. source must outlive the result.
std::unique_ptr<ModelSource> with_dtype(const ModelSource& source, DType dtype);

}  // namespace hearth::store
