// SPDX-License-Identifier: Apache-2.0
#include "kernels/muon.h"

#include <algorithm>

#include "kernels/backend.h"
#include "kernels/operands.h"
#include "kernels/step.h"

namespace hearth::kernels {

std::int64_t muon_workspace_bytes(const Shape& parameter) {
  const std::int64_t rows = parameter[-2], columns = parameter[-1], side = std::min(rows, columns);
  return (2 * rows * columns + 2 * side * side) * static_cast<std::int64_t>(sizeof(float)) + 256;
}

void muon(Stream& stream, const MuonArgs& args) {
  const Operands operands("muon");
  const Shape shape = args.parameter.shape;
  operands.require(shape.rank() == 2 || shape.rank() == 3,
                   "parameter " + shape.text() + " is no matrix or batch of them");
  operands.check("parameter", args.parameter, shape, {DType::f32});
  operands.check("gradient", args.gradient, shape, {DType::f32});
  operands.check("buffer", args.buffer, shape, {DType::f32});
  operands.check_optional("copy", args.copy, shape, {DType::bf16});
  operands.require(args.compute == DType::f32 || args.compute == DType::bf16, "compute must be f32 or bf16");
  if (shape.n_elements() == 0) return;
  const std::int64_t needed = muon_workspace_bytes(shape);
  operands.require(args.workspace && static_cast<std::int64_t>(args.workspace.bytes()) >= needed,
                   "workspace holds less than " + std::to_string(needed) + " bytes");
  operands.check_optional("control", args.control, {StepControl::size}, {DType::f64});
  if (!args.control || !stream.is_host()) return backend_of(stream).muon(stream, args);
  const auto* control = args.control.as<double>();
  if (control[StepControl::taken] == 0) return;
  MuonArgs now = args;
  now.gradient_scale = static_cast<float>(control[StepControl::gradient_scale]);
  now.learning_rate = static_cast<float>(control[StepControl::learning_rate]);
  backend_of(stream).muon(stream, now);
}

}  // namespace hearth::kernels
