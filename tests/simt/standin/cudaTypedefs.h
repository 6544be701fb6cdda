// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cuda.h>

using PFN_cuTensorMapEncodeTiled_v12000 = decltype(&cuTensorMapEncodeTiled);
