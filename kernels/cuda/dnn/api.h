// SPDX-License-Identifier: Apache-2.0
// The part of cuDNN 9's backend API that is used here: its functions, found at run time, and the numbers of its
// descriptors and attributes. Written out, because CUDA comes without cuDNN's headers; where those are installed
// library.cpp compares the numbers.
#pragma once
#include <cstddef>
#include <cstdint>

namespace hearth::kernels::cuda::dnn {

enum class Descriptor : int {
  pointwise = 0,
  engine_config = 3,
  heuristics = 4,
  plan = 5,
  pointwise_operation = 13,
  operation_graph = 15,
  variant_pack = 16,
  tensor = 17,
  matmul = 18,
  matmul_operation = 19,
  reduction = 21,
  reduction_operation = 22,
  reshape_operation = 31,
  device = 38,
};

enum class Attribute : int {
  pointwise_mode = 0,
  pointwise_precision = 1,
  pointwise_axis = 9,
  heuristics_mode = 200,
  heuristics_graph = 201,
  heuristics_results = 202,
  heuristics_device = 204,
  config_engine = 300,
  plan_handle = 400,
  plan_config = 401,
  plan_workspace_bytes = 402,
  plan_device = 407,
  pointwise_operation = 750,
  pointwise_x = 751,
  pointwise_b = 752,
  pointwise_y = 753,
  pointwise_t = 758,
  graph_handle = 800,
  graph_operations = 801,
  tensor_alignment = 900,
  tensor_type = 901,
  tensor_extents = 902,
  tensor_strides = 903,
  tensor_id = 906,
  tensor_is_virtual = 907,
  tensor_is_by_value = 908,
  tensor_ragged_offsets = 913,
  pack_ids = 1000,
  pack_pointers = 1001,
  pack_workspace = 1003,
  matmul_precision = 1500,
  matmul_a = 1520,
  matmul_b = 1521,
  matmul_c = 1522,
  matmul_operation = 1523,
  matmul_rows = 1525,  // of each batch: [batch, 1, 1, 1] i32, at most those of the tensors
  matmul_columns = 1526,
  matmul_depth = 1527,
  reduction_operator = 1600,
  reduction_precision = 1601,
  reduction_x = 1610,
  reduction_y = 1611,
  reduction_operation = 1612,
  reshape_x = 2200,
  reshape_y = 2201,
  device_json = 2702,
};

enum class AttributeType : int {
  handle = 0,
  data_type = 1,
  boolean = 2,
  int64 = 3,
  pointer = 6,
  heuristics_mode = 8,
  pointwise_mode = 14,
  descriptor = 15,
  reduction_operator = 18,
  characters = 24,
};

enum class DataType : int { f32 = 0, i32 = 4, bf16 = 9, i64 = 10, boolean = 11 };

enum class Pointwise : int {
  add = 0,
  multiply = 1,
  divide = 6,
  subtract = 9,
  exp = 13,
  log = 15,
  identity = 21,
  greater = 302,
  greater_equal = 303,
  less = 304,
  logical_and = 400,
  index = 501,   // of an axis
  select = 601,  // x where t, else b
};

enum class Reduction : int { add = 0, max = 3 };
enum class HeuristicsMode : int { a = 3 };

using Status = int;  // 0: done
using RawDescriptor = void*;
using Handle = void*;

struct Library {
  std::size_t (*version)();
  const char* (*error_text)(Status);
  void (*last_error)(char* text, std::size_t most);
  Status (*create)(Handle*);
  Status (*destroy)(Handle);
  Status (*set_stream)(Handle, void* stream);
  Status (*make)(Descriptor, RawDescriptor*);
  Status (*forget)(RawDescriptor);
  Status (*set)(RawDescriptor, Attribute, AttributeType, std::int64_t count, const void* elements);
  Status (*get)(RawDescriptor, Attribute, AttributeType, std::int64_t most, std::int64_t* count, void* elements);
  Status (*finish)(RawDescriptor);
  Status (*execute)(Handle, RawDescriptor plan, RawDescriptor pack);
};
// Throws Error{unavailable} that names what is missing.
const Library& library();

}  // namespace hearth::kernels::cuda::dnn
