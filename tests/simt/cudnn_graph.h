// SPDX-License-Identifier: Apache-2.0
// What cuDNN's stand-in knows of a finished graph: its operations on tensors of four axes, in the order they run.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "kernels/cuda/dnn/api.h"

namespace simt {

namespace dnn = hearth::kernels::cuda::dnn;

struct DnnTensor {
  std::int64_t id = 0;
  dnn::DataType type = dnn::DataType::f32;
  std::vector<std::int64_t> extents, strides;
  bool is_virtual = false, by_value = false;
  std::int64_t offsets_id = 0;  // of the ragged offsets; 0: none

  // The axis along which the rows of sequences follow one another: the one that goes furthest.
  std::size_t sequence_axis() const;
};

struct DnnOperation {
  dnn::Descriptor kind;
  dnn::Pointwise mode = dnn::Pointwise::identity;
  dnn::Reduction reduction = dnn::Reduction::add;
  std::int64_t axis = 0;
  DnnTensor x, y;  // a and c of a product
  std::optional<DnnTensor> b, t;
  std::optional<DnnTensor> rows, columns, depth;  // lengths, of a product
};

// One operation after another, each batch for itself. memory: by id, every tensor that is not virtual.
void run_dnn_graph(const std::vector<DnnOperation>& operations, const std::map<std::int64_t, std::byte*>& memory);

}  // namespace simt
