// SPDX-License-Identifier: Apache-2.0
// Reductions of equal pieces in the order given, which is what makes collectives repeat to the bit.
#pragma once
#include <cstdint>
#include <span>

#include "lib/base/dtype.h"
#include "lib/comm/communicator.h"

namespace hearth::comm {

// to[i] = pieces[0][i] op pieces[1][i] op ...; bf16 is accumulated in f32 and rounded once. to may be one of the
// pieces. Types as in communicator.h.
void reduce_in_order(Reduce op, DType dtype, std::span<const std::byte* const> pieces, std::int64_t n, std::byte* to);

}  // namespace hearth::comm
