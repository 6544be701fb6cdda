// SPDX-License-Identifier: Apache-2.0
#include "kernels/sample.h"

#include "kernels/backend.h"
#include "kernels/operands.h"

namespace hearth::kernels {

void sample(Stream& stream, const SampleArgs& args) {
  const Operands operands("sample");
  operands.rank("logits", args.logits, 2);
  const std::int64_t rows = args.logits.shape[0];
  operands.check("logits", args.logits, args.logits.shape, {DType::f32});
  operands.check("streams", args.streams, {rows}, {DType::i64});
  operands.check("draws", args.draws, {rows}, {DType::i64});
  operands.check("ids", args.ids, {rows}, {DType::i32});
  operands.check_optional("log_prob", args.log_prob, {rows}, {DType::f32});
  if (rows == 0) return;
  operands.require(args.logits.shape[1] > 0, "an empty vocabulary");
  operands.require(args.temperature >= 0 && args.top_k >= 0 && args.top_p > 0,
                   "temperature, top_k or top_p is negative");
  backend_of(stream).sample(stream, args);
}

}  // namespace hearth::kernels
