// SPDX-License-Identifier: Apache-2.0
// cuBLASLt's stand-in: plain loops over the layouts as the library defines them (columns first), in the stream's order.
#include <algorithm>
#include <vector>

#include "kernels/cuda/blas.cuh"
#include "kernels/cuda_backend.h"

struct cublasLtOperationStandIn {
  cublasOperation_t a = CUBLAS_OP_N, b = CUBLAS_OP_N;
};
struct cublasLtLayoutStandIn {
  cudaDataType_t type = CUDA_R_32F;
  std::int64_t rows = 0, columns = 0, leading = 0;
};
struct cublasLtPreferenceStandIn {
  std::uint32_t reductions = CUBLASLT_REDUCTION_SCHEME_MASK;
};

namespace {

using Layout = cublasLtLayoutStandIn;

float element(const void* memory, const Layout& layout, std::int64_t row, std::int64_t column) {
  const std::int64_t at = column * layout.leading + row;
  if (layout.type == CUDA_R_16BF) return static_cast<float>(static_cast<const hearth::bf16*>(memory)[at]);
  return static_cast<const float*>(memory)[at];
}

void set_element(void* memory, const Layout& layout, std::int64_t row, std::int64_t column, float x) {
  const std::int64_t at = column * layout.leading + row;
  if (layout.type == CUDA_R_16BF)
    static_cast<hearth::bf16*>(memory)[at] = hearth::bf16(x);
  else
    static_cast<float*>(memory)[at] = x;
}

// op(x) as rows of `depth` numbers: one a row of d for a, one a column of d for b.
std::vector<float> rows_of(const void* memory, const Layout& layout, bool depth_is_rows, std::int64_t count,
                           std::int64_t depth) {
  std::vector<float> out(static_cast<std::size_t>(count * depth));
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::int64_t k = 0; k < depth; ++k) {
      out[static_cast<std::size_t>(i * depth + k)] =
          depth_is_rows ? element(memory, layout, k, i) : element(memory, layout, i, k);
    }
  }
  return out;
}

// As the library's algorithms do, two that differ in their tile or in how k is split differ in the last bits.
struct Algorithm {
  std::uint64_t lanes;   // sums that run side by side; the tile of y stands behind it
  std::uint64_t splits;  // of k, added at the end
};
static_assert(sizeof(Algorithm) <= sizeof(cublasLtMatmulAlgo_t));

Algorithm read(const cublasLtMatmulAlgo_t& from) {
  return {from.data[0], from.data[1]};
}

float dot(const float* a, const float* b, std::int64_t depth, std::int64_t lanes) {
  float sums[8] = {};  // apart, so that the compiler may use vectors
  std::int64_t k = 0;
  for (; k + lanes <= depth; k += lanes) {
    for (int i = 0; i < lanes; ++i) sums[i] += a[k + i] * b[k + i];
  }
  for (; k < depth; ++k) sums[0] += a[k] * b[k];
  float sum = 0;
  for (const float each : sums) sum += each;
  return sum;
}

float dot(const float* a, const float* b, std::int64_t depth, const Algorithm& algorithm) {
  const auto splits = static_cast<std::int64_t>(algorithm.splits), piece = (depth + splits - 1) / splits;
  float sum = 0;
  for (std::int64_t k = 0; k < depth; k += piece)
    sum += dot(a + k, b + k, std::min(piece, depth - k), static_cast<std::int64_t>(algorithm.lanes));
  return sum;
}

}  // namespace

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  return *handle = nullptr, CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t) {
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* made, cublasComputeType_t, cudaDataType_t) {
  return *made = new cublasLtOperationStandIn, CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t operation) {
  return delete operation, CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t operation, cublasLtMatmulDescAttributes_t attribute,
                                              const void* value, std::size_t) {
  (attribute == CUBLASLT_MATMUL_DESC_TRANSA ? operation->a : operation->b) =
      *static_cast<const cublasOperation_t*>(value);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* made, cudaDataType_t type, std::uint64_t rows,
                                          std::uint64_t columns, std::int64_t leading) {
  if (leading < static_cast<std::int64_t>(rows)) return CUBLAS_STATUS_INVALID_VALUE;
  *made = new Layout{type, static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns), leading};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  return delete layout, CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* made) {
  return *made = new cublasLtPreferenceStandIn, CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  return delete preference, CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute, const void* value,
                                                    std::size_t) {
  if (attribute == CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK)
    preference->reductions = *static_cast<const std::uint32_t*>(value);
  return CUBLAS_STATUS_SUCCESS;
}
// As the library: operands of one type, and sums no narrower than the operands; few rows of y get a smaller tile, and
// pieces of k where that is allowed.
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t, cublasLtMatrixLayout_t a,
                                              cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t,
                                              cublasLtMatrixLayout_t d, cublasLtMatmulPreference_t preference, int,
                                              cublasLtMatmulHeuristicResult_t results[], int* found) {
  const bool known = a->type == b->type && (a->type == CUDA_R_16BF || d->type == CUDA_R_32F);
  *found = known ? 1 : 0;
  results[0] = {};
  results[0].algo.data[0] = d->columns < 64 ? 4 : 8;
  results[0].algo.data[1] = d->columns < 16 && preference->reductions != 0 ? 2 : 1;
  return known ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

cublasStatus_t cublasLtMatmulAlgoConfigSetAttribute(cublasLtMatmulAlgo_t* algorithm,
                                                    cublasLtMatmulAlgoConfigAttributes_t attribute, const void* value,
                                                    std::size_t) {
  if (attribute == CUBLASLT_ALGO_CONFIG_SPLITK_NUM)
    algorithm->data[1] = static_cast<std::uint64_t>(*static_cast<const std::int32_t*>(value));
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulAlgoCheck(cublasLtHandle_t, cublasLtMatmulDesc_t, cublasLtMatrixLayout_t,
                                       cublasLtMatrixLayout_t, cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                                       const cublasLtMatmulAlgo_t* algorithm, cublasLtMatmulHeuristicResult_t* result) {
  *result = {*algorithm, 0};
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t operation, const void* alpha, const void* a,
                              cublasLtMatrixLayout_t a_layout, const void* b, cublasLtMatrixLayout_t b_layout,
                              const void* beta, const void* c, cublasLtMatrixLayout_t c_layout, void* d,
                              cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t* algo, void*, std::size_t,
                              cudaStream_t stream) {
  const float scale = *static_cast<const float*>(alpha), keep = *static_cast<const float*>(beta);
  simt::enqueue(stream, [=, op = *operation, la = *a_layout, lb = *b_layout, lc = *c_layout, ld = *d_layout,
                         algorithm = read(*algo)] {
    const std::int64_t depth = op.a == CUBLAS_OP_N ? la.columns : la.rows;
    const std::vector<float> left = rows_of(a, la, op.a == CUBLAS_OP_T, ld.rows, depth);
    const std::vector<float> right = rows_of(b, lb, op.b == CUBLAS_OP_N, ld.columns, depth);
    for (std::int64_t column = 0; column < ld.columns; ++column) {
      for (std::int64_t row = 0; row < ld.rows; ++row) {
        float x = scale * dot(&left[static_cast<std::size_t>(row * depth)],
                              &right[static_cast<std::size_t>(column * depth)], depth, algorithm);
        if (keep != 0) x += keep * element(c, lc, row, column);
        set_element(d, ld, row, column, x);
      }
    }
  });
  return CUBLAS_STATUS_SUCCESS;
}

namespace hearth::kernels::cuda {

const BlasLibrary& blas_library() {
  static const BlasLibrary library{
      .create = cublasLtCreate,
      .destroy = cublasLtDestroy,
      .make_operation = cublasLtMatmulDescCreate,
      .destroy_operation = cublasLtMatmulDescDestroy,
      .set_operation = cublasLtMatmulDescSetAttribute,
      .make_layout = cublasLtMatrixLayoutCreate,
      .destroy_layout = cublasLtMatrixLayoutDestroy,
      .make_preference = cublasLtMatmulPreferenceCreate,
      .destroy_preference = cublasLtMatmulPreferenceDestroy,
      .set_preference = cublasLtMatmulPreferenceSetAttribute,
      .heuristic = cublasLtMatmulAlgoGetHeuristic,
      .configure = cublasLtMatmulAlgoConfigSetAttribute,
      .check = cublasLtMatmulAlgoCheck,
      .multiply = cublasLtMatmul,
  };
  return library;
}

}  // namespace hearth::kernels::cuda

namespace hearth::kernels {

Library cuda_blas() {
  return {"cuBLASLt", "stand-in of the SIMT machine"};
}

}  // namespace hearth::kernels
