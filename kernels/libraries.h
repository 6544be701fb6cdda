// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "lib/base/libraries.h"

namespace hearth::kernels {

std::vector<Library> libraries();  // Highway, with the instruction set it chose

}  // namespace hearth::kernels
