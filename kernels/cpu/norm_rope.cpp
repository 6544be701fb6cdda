// SPDX-License-Identifier: Apache-2.0
// One after the other, in place.
#include "kernels/norm_rope.h"

#include "kernels/backend.h"

namespace hearth::kernels::cpu {
namespace {
Tensor as_rows(const Tensor& x) {
  return x.reshaped({x.shape[0] * x.shape[1], x.shape[2]});
}
}  // namespace

void norm_rope(Stream& stream, const NormRopeArgs& args) {
  rmsnorm(
      stream,
      {.x = as_rows(args.x), .weight = args.weight, .y = as_rows(args.y), .rstd = args.rstd, .epsilon = args.epsilon});
  rope(stream, {.x = args.y, .cos_sin = args.cos_sin, .y = args.y});
}

void norm_rope_backward(Stream& stream, const NormRopeBackwardArgs& args) {
  rope(stream, {.x = args.dy, .cos_sin = args.cos_sin, .y = args.dx, .backward = true});
  rmsnorm_backward(stream, {.dy = as_rows(args.dx),
                            .s = as_rows(args.x),
                            .weight = args.weight,
                            .rstd = args.rstd,
                            .ds = as_rows(args.dx),
                            .dweight = args.dweight});
}

}  // namespace hearth::kernels::cpu
