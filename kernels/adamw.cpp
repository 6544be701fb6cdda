// SPDX-License-Identifier: Apache-2.0
#include "kernels/adamw.h"

#include "kernels/backend.h"
#include "kernels/operands.h"
#include "kernels/step.h"

namespace hearth::kernels {

void adamw(Stream& stream, const AdamwArgs& args) {
  const Operands operands("adamw");
  const Shape shape = args.parameter.shape;
  operands.check("parameter", args.parameter, shape, {DType::f32});
  operands.check("gradient", args.gradient, shape, {DType::f32});
  operands.check("m", args.m, shape, {DType::f32});
  operands.check("v", args.v, shape, {DType::f32});
  operands.check_optional("copy", args.copy, shape, {DType::bf16});
  operands.check_optional("control", args.control, {StepControl::size}, {DType::f64});
  operands.require(args.step >= 1, "step counts from 1");
  if (shape.n_elements() == 0) return;
  if (!args.control || !stream.is_host()) return backend_of(stream).adamw(stream, args);
  const auto* control = args.control.as<double>();
  if (control[StepControl::taken] == 0) return;
  AdamwArgs now = args;
  now.gradient_scale = static_cast<float>(control[StepControl::gradient_scale]);
  now.learning_rate = static_cast<float>(control[StepControl::learning_rate]);
  now.step = static_cast<std::int64_t>(control[StepControl::steps]);
  backend_of(stream).adamw(stream, now);
}

}  // namespace hearth::kernels
