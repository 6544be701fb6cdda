// SPDX-License-Identifier: Apache-2.0
#include "kernels/ref/values.h"

namespace hearth::kernels::ref {
namespace {

template <class To, class From>
std::vector<To> convert(const Tensor& tensor) {
  const auto source = tensor.span<From>();
  std::vector<To> values(source.size());
  for (std::size_t i = 0; i < source.size(); ++i)
    values[i] = static_cast<To>(static_cast<std::conditional_t<std::is_same_v<From, bf16>, float, From>>(source[i]));
  return values;
}

}  // namespace

Values read(const Tensor& tensor) {
  if (!tensor) return {};
  switch (tensor.dtype) {
    case DType::f64:
      return convert<double, double>(tensor);
    case DType::bf16:
      return convert<double, bf16>(tensor);
    default:
      return convert<double, float>(tensor);
  }
}

void write(const Tensor& tensor, const Values& values) {
  if (!tensor) return;
  HEARTH_CHECK(values.size() == static_cast<std::size_t>(tensor.n_elements()), "values for " + tensor.shape.text());
  for (std::size_t i = 0; i < values.size(); ++i) {
    switch (tensor.dtype) {
      case DType::f64:
        tensor.as<double>()[i] = values[i];
        break;
      case DType::bf16:
        tensor.as<bf16>()[i] = bf16(static_cast<float>(values[i]));
        break;
      default:
        tensor.as<float>()[i] = static_cast<float>(values[i]);
    }
  }
}

std::vector<std::int64_t> read_indices(const Tensor& tensor) {
  return tensor.dtype == DType::i64 ? convert<std::int64_t, std::int64_t>(tensor)
                                    : convert<std::int64_t, std::int32_t>(tensor);
}

void write_indices(const Tensor& tensor, const std::vector<std::int64_t>& values) {
  for (std::size_t i = 0; i < values.size(); ++i) tensor.as<std::int32_t>()[i] = static_cast<std::int32_t>(values[i]);
}

}  // namespace hearth::kernels::ref
