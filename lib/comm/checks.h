// SPDX-License-Identifier: Apache-2.0
// The one place where the operands of collectives are checked.
#pragma once
#include "lib/comm/communicator.h"

namespace hearth::comm {

void check_reducible(const Tensor& data);
void check_pieces(const Tensor& whole, const Tensor& piece, int size);
void check_bounds(const Tensor& data, std::span<const std::int64_t> bounds, int size);
// Bytes of one row.
std::size_t check_rows(const Tensor& from, std::span<const std::int64_t> send_rows, const Tensor& to,
                       std::span<const std::int64_t> receive_rows, int size);
void check_rank(int rank, int size);

}  // namespace hearth::comm
