// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "lib/device/device.h"
#include "lib/nn/parameters.h"
#include "lib/store/model_source.h"

namespace hearth::store {

// Fills parameters, which were made for source.config(), with the tensors of source.
void load_parameters(const ModelSource& source, nn::ParameterSet& parameters, Stream& stream);

}  // namespace hearth::store
