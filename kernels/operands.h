// SPDX-License-Identifier: Apache-2.0
// The checks of kernels/<op>.cpp: one object an op, one line an operand. A failed check is a bug in the caller and says
// which operand of which op had what and should have had what.
#pragma once
#include <initializer_list>
#include <string>

#include "lib/base/tensor.h"
#include "lib/device/device.h"

namespace hearth::kernels {

class Operands {
 public:
  explicit Operands(const char* op) : op_(op) {}

  // Present, of this shape and of one of these dtypes.
  void check(const char* name, const Tensor& tensor, const Shape& shape, std::initializer_list<DType> dtypes) const;
  // The same, unless it is absent.
  void check_optional(const char* name, const Tensor& tensor, const Shape& shape,
                      std::initializer_list<DType> dtypes) const {
    if (tensor) check(name, tensor, shape, dtypes);
  }
  void rank(const char* name, const Tensor& tensor, int rank) const;
  // [n + 1] i32 that starts at 0, never descends, and ends at or before total (exactly there if exact). What lies on a
  // device is not looked at: whoever brings it there has.
  void offsets(const Stream& stream, const char* name, const Tensor& tensor, std::int64_t total, bool exact) const;
  void require(bool condition, const std::string& what) const;
  [[noreturn]] void fail(const std::string& what) const;

 private:
  const char* op_;
};

// The dtypes of activations and weights.
inline constexpr std::initializer_list<DType> f32_or_bf16 = {DType::f32, DType::bf16};

}  // namespace hearth::kernels
