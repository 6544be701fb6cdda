// SPDX-License-Identifier: Apache-2.0
#include "kernels/operands.h"

#include <algorithm>

namespace hearth::kernels {

void Operands::fail(const std::string& what) const {
  throw Error(Kind::internal, std::string(op_) + ": " + what);
}

void Operands::require(bool condition, const std::string& what) const {
  if (!condition) fail(what);
}

void Operands::rank(const char* name, const Tensor& tensor, int rank) const {
  if (tensor.shape.rank() != rank) {
    fail(std::string(name) + " is " + tensor.shape.text() + ", wanted " + std::to_string(rank) + " axes");
  }
}

void Operands::check(const char* name, const Tensor& tensor, const Shape& shape,
                     std::initializer_list<DType> dtypes) const {
  if (!(tensor.shape == shape)) {
    fail(std::string(name) + " is " + tensor.shape.text() + ", wanted " + shape.text());
  }
  if (std::find(dtypes.begin(), dtypes.end(), tensor.dtype) == dtypes.end()) {
    std::string wanted;
    for (const DType dtype : dtypes) wanted += (wanted.empty() ? "" : " or ") + std::string(name_of(dtype));
    fail(std::string(name) + " holds " + std::string(name_of(tensor.dtype)) + ", wanted " + wanted);
  }
  if (!tensor && tensor.n_elements() > 0) fail(std::string(name) + " has no memory");
}

void Operands::offsets(const Stream& stream, const char* name, const Tensor& tensor, std::int64_t total, bool exact) const {
  rank(name, tensor, 1);
  check(name, tensor, tensor.shape, {DType::i32});
  if (!stream.is_host()) return;
  const auto values = tensor.span<std::int32_t>();
  if (values.empty() || values.front() != 0) fail(std::string(name) + " does not start with 0");
  if (!std::is_sorted(values.begin(), values.end())) fail(std::string(name) + " descends");
  if (values.back() > total || (exact && values.back() != total)) {
    fail(std::string(name) + " ends at " + std::to_string(values.back()) + " of " + std::to_string(total) + " rows");
  }
}

}  // namespace hearth::kernels
