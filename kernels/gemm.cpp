// SPDX-License-Identifier: Apache-2.0
#include "kernels/gemm.h"

#include "kernels/backend.h"
#include "kernels/operands.h"

namespace hearth::kernels {

void gemm(Stream& stream, const GemmArgs& args) {
  const Operands operands("gemm");
  operands.rank("a", args.a, 2);
  operands.rank("b", args.b, 2);
  const std::int64_t m = args.a.shape[args.transpose_a ? 1 : 0], k = args.a.shape[args.transpose_a ? 0 : 1];
  const std::int64_t n = args.b.shape[args.transpose_b ? 0 : 1];
  operands.check("a", args.a, args.a.shape, f32_or_bf16);
  operands.check("b", args.b, args.transpose_b ? Shape{n, k} : Shape{k, n}, f32_or_bf16);
  operands.check("y", args.y, {m, n}, f32_or_bf16);
  if (m == 0 || n == 0) return;
  if (k == 0) return args.accumulate ? void() : fill(stream, {.y = args.y, .value = 0});
  backend_of(stream).gemm(stream, args);
}

}  // namespace hearth::kernels
