// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/dnn/api.h"
#include "kernels/cuda_backend.h"
#include "lib/device/shared_library.h"
#if __has_include(<cudnn.h>)
#include <cudnn.h>
#endif

namespace hearth::kernels::cuda::dnn {
namespace {

constexpr const char* soname = "libcudnn.so.9";

Library load_library() {
  const SharedLibrary library(soname);
  Library f{};
  library.find(f.version, "cudnnGetVersion");
  library.find(f.error_text, "cudnnGetErrorString");
  library.find(f.last_error, "cudnnGetLastErrorString");
  library.find(f.create, "cudnnCreate");
  library.find(f.destroy, "cudnnDestroy");
  library.find(f.set_stream, "cudnnSetStream");
  library.find(f.make, "cudnnBackendCreateDescriptor");
  library.find(f.forget, "cudnnBackendDestroyDescriptor");
  library.find(f.set, "cudnnBackendSetAttribute");
  library.find(f.get, "cudnnBackendGetAttribute");
  library.find(f.finish, "cudnnBackendFinalize");
  library.find(f.execute, "cudnnBackendExecute");
  return f;
}

#if __has_include(<cudnn.h>)
template <class Mine, class Theirs>
constexpr bool same(Mine mine, Theirs theirs) {
  return static_cast<int>(mine) == static_cast<int>(theirs);
}
static_assert(same(Descriptor::pointwise, CUDNN_BACKEND_POINTWISE_DESCRIPTOR) &&
              same(Descriptor::engine_config, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR) &&
              same(Descriptor::heuristics, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR) &&
              same(Descriptor::plan, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR) &&
              same(Descriptor::pointwise_operation, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR) &&
              same(Descriptor::operation_graph, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR) &&
              same(Descriptor::variant_pack, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR) &&
              same(Descriptor::tensor, CUDNN_BACKEND_TENSOR_DESCRIPTOR) &&
              same(Descriptor::matmul, CUDNN_BACKEND_MATMUL_DESCRIPTOR) &&
              same(Descriptor::matmul_operation, CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR) &&
              same(Descriptor::reduction, CUDNN_BACKEND_REDUCTION_DESCRIPTOR) &&
              same(Descriptor::reduction_operation, CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR) &&
              same(Descriptor::reshape_operation, CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR) &&
              same(Descriptor::device, CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR));
static_assert(same(Attribute::pointwise_mode, CUDNN_ATTR_POINTWISE_MODE) &&
              same(Attribute::pointwise_precision, CUDNN_ATTR_POINTWISE_MATH_PREC) &&
              same(Attribute::pointwise_axis, CUDNN_ATTR_POINTWISE_AXIS) &&
              same(Attribute::heuristics_mode, CUDNN_ATTR_ENGINEHEUR_MODE) &&
              same(Attribute::heuristics_graph, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH) &&
              same(Attribute::heuristics_results, CUDNN_ATTR_ENGINEHEUR_RESULTS) &&
              same(Attribute::heuristics_device, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP) &&
              same(Attribute::config_engine, CUDNN_ATTR_ENGINECFG_ENGINE) && same(Attribute::plan_handle, 400) &&
              same(Attribute::plan_config, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG) &&
              same(Attribute::plan_workspace_bytes, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE) &&
              same(Attribute::plan_device, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP) &&
              same(Attribute::pointwise_operation, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR) &&
              same(Attribute::pointwise_x, CUDNN_ATTR_OPERATION_POINTWISE_XDESC) &&
              same(Attribute::pointwise_b, CUDNN_ATTR_OPERATION_POINTWISE_BDESC) &&
              same(Attribute::pointwise_y, CUDNN_ATTR_OPERATION_POINTWISE_YDESC) &&
              same(Attribute::pointwise_t, CUDNN_ATTR_OPERATION_POINTWISE_TDESC) &&
              same(Attribute::graph_handle, 800) && same(Attribute::graph_operations, CUDNN_ATTR_OPERATIONGRAPH_OPS));
static_assert(same(Attribute::tensor_alignment, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT) &&
              same(Attribute::tensor_type, CUDNN_ATTR_TENSOR_DATA_TYPE) &&
              same(Attribute::tensor_extents, CUDNN_ATTR_TENSOR_DIMENSIONS) &&
              same(Attribute::tensor_strides, CUDNN_ATTR_TENSOR_STRIDES) &&
              same(Attribute::tensor_id, CUDNN_ATTR_TENSOR_UNIQUE_ID) &&
              same(Attribute::tensor_is_virtual, CUDNN_ATTR_TENSOR_IS_VIRTUAL) &&
              same(Attribute::tensor_is_by_value, CUDNN_ATTR_TENSOR_IS_BY_VALUE) &&
              same(Attribute::tensor_ragged_offsets, CUDNN_ATTR_TENSOR_RAGGED_OFFSET_DESC) &&
              same(Attribute::pack_ids, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS) &&
              same(Attribute::pack_pointers, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS) &&
              same(Attribute::pack_workspace, CUDNN_ATTR_VARIANT_PACK_WORKSPACE) &&
              same(Attribute::matmul_precision, CUDNN_ATTR_MATMUL_COMP_TYPE) &&
              same(Attribute::matmul_a, CUDNN_ATTR_OPERATION_MATMUL_ADESC) &&
              same(Attribute::matmul_b, CUDNN_ATTR_OPERATION_MATMUL_BDESC) &&
              same(Attribute::matmul_c, CUDNN_ATTR_OPERATION_MATMUL_CDESC) &&
              same(Attribute::matmul_operation, CUDNN_ATTR_OPERATION_MATMUL_DESC) &&
              same(Attribute::matmul_rows, CUDNN_ATTR_OPERATION_MATMUL_GEMM_M_OVERRIDE_DESC) &&
              same(Attribute::matmul_columns, CUDNN_ATTR_OPERATION_MATMUL_GEMM_N_OVERRIDE_DESC) &&
              same(Attribute::matmul_depth, CUDNN_ATTR_OPERATION_MATMUL_GEMM_K_OVERRIDE_DESC) &&
              same(Attribute::reduction_operator, CUDNN_ATTR_REDUCTION_OPERATOR) &&
              same(Attribute::reduction_precision, CUDNN_ATTR_REDUCTION_COMP_TYPE) &&
              same(Attribute::reduction_x, CUDNN_ATTR_OPERATION_REDUCTION_XDESC) &&
              same(Attribute::reduction_y, CUDNN_ATTR_OPERATION_REDUCTION_YDESC) &&
              same(Attribute::reduction_operation, CUDNN_ATTR_OPERATION_REDUCTION_DESC) &&
              same(Attribute::reshape_x, CUDNN_ATTR_OPERATION_RESHAPE_XDESC) &&
              same(Attribute::reshape_y, CUDNN_ATTR_OPERATION_RESHAPE_YDESC) &&
              same(Attribute::device_json, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION));
static_assert(same(AttributeType::handle, CUDNN_TYPE_HANDLE) && same(AttributeType::data_type, CUDNN_TYPE_DATA_TYPE) &&
              same(AttributeType::boolean, CUDNN_TYPE_BOOLEAN) && same(AttributeType::int64, CUDNN_TYPE_INT64) &&
              same(AttributeType::pointer, CUDNN_TYPE_VOID_PTR) &&
              same(AttributeType::heuristics_mode, CUDNN_TYPE_HEUR_MODE) &&
              same(AttributeType::pointwise_mode, CUDNN_TYPE_POINTWISE_MODE) &&
              same(AttributeType::descriptor, CUDNN_TYPE_BACKEND_DESCRIPTOR) &&
              same(AttributeType::reduction_operator, CUDNN_TYPE_REDUCTION_OPERATOR_TYPE) &&
              same(AttributeType::characters, CUDNN_TYPE_CHAR) && same(DataType::f32, CUDNN_DATA_FLOAT) &&
              same(DataType::i32, CUDNN_DATA_INT32) && same(DataType::bf16, CUDNN_DATA_BFLOAT16) &&
              same(DataType::i64, CUDNN_DATA_INT64) && same(DataType::boolean, CUDNN_DATA_BOOLEAN));
static_assert(same(Pointwise::add, CUDNN_POINTWISE_ADD) && same(Pointwise::multiply, CUDNN_POINTWISE_MUL) &&
              same(Pointwise::divide, CUDNN_POINTWISE_DIV) && same(Pointwise::subtract, CUDNN_POINTWISE_SUB) &&
              same(Pointwise::exp, CUDNN_POINTWISE_EXP) && same(Pointwise::log, CUDNN_POINTWISE_LOG) &&
              same(Pointwise::identity, CUDNN_POINTWISE_IDENTITY) && same(Pointwise::greater, CUDNN_POINTWISE_CMP_GT) &&
              same(Pointwise::greater_equal, CUDNN_POINTWISE_CMP_GE) && same(Pointwise::less, CUDNN_POINTWISE_CMP_LT) &&
              same(Pointwise::logical_and, CUDNN_POINTWISE_LOGICAL_AND) &&
              same(Pointwise::index, CUDNN_POINTWISE_GEN_INDEX) &&
              same(Pointwise::select, CUDNN_POINTWISE_BINARY_SELECT) && same(Reduction::add, CUDNN_REDUCE_TENSOR_ADD) &&
              same(Reduction::max, CUDNN_REDUCE_TENSOR_MAX) && same(HeuristicsMode::a, CUDNN_HEUR_MODE_A));
#endif

}  // namespace

const Library& library() {
  static const Library loaded = load_library();
  return loaded;
}

}  // namespace hearth::kernels::cuda::dnn

namespace hearth::kernels {

hearth::Library cuda_dnn() {
  const SharedLibrary file(cuda::dnn::soname);
  const std::size_t version = cuda::dnn::library().version();
  return {"cuDNN", std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
                       std::to_string(version % 100) + " (" + file.path() + ")"};
}

}  // namespace hearth::kernels
