// SPDX-License-Identifier: Apache-2.0
// The table of the GPU that was chosen (device.h).
#pragma once
#include "lib/device/device.h"

namespace hearth {

const DeviceApi& cuda_device_api();

}  // namespace hearth
