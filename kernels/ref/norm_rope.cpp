// SPDX-License-Identifier: Apache-2.0
#include "kernels/norm_rope.h"

#include "kernels/backend.h"
#include "kernels/ref/values.h"

namespace hearth::kernels::ref {
namespace {
Tensor as_rows(const Tensor& x) {
  return x.reshaped({x.shape[0] * x.shape[1], x.shape[2]});
}
}  // namespace

void norm_rope(Stream& stream, const NormRopeArgs& args) {
  Values memory(args.x.n_elements());
  const Tensor normed(memory.data(), args.x.shape);
  rmsnorm(
      stream,
      {.x = as_rows(args.x), .weight = args.weight, .y = as_rows(normed), .rstd = args.rstd, .epsilon = args.epsilon});
  rope(stream, {.x = normed, .cos_sin = args.cos_sin, .y = args.y});
}

void norm_rope_backward(Stream& stream, const NormRopeBackwardArgs& args) {
  Values memory(args.x.n_elements());
  const Tensor d_normed(memory.data(), args.x.shape);
  rope(stream, {.x = args.dy, .cos_sin = args.cos_sin, .y = d_normed, .backward = true});
  rmsnorm_backward(stream, {.dy = as_rows(d_normed),
                            .s = as_rows(args.x),
                            .weight = args.weight,
                            .rstd = args.rstd,
                            .ds = as_rows(args.dx),
                            .dweight = args.dweight});
}

}  // namespace hearth::kernels::ref
