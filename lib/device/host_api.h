// SPDX-License-Identifier: Apache-2.0
// The table of the host (device.h).
#pragma once
#include "lib/device/device.h"

namespace hearth {

const DeviceApi& host_api();

}  // namespace hearth
