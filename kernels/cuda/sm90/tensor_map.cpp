// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/sm90/tensor_map.cuh"

#include <cudaTypedefs.h>
#include <cuda_runtime.h>

namespace hearth::kernels::cuda::sm90 {
namespace {

// Of the driver, which the program is not linked to.
PFN_cuTensorMapEncodeTiled_v12000 encoder() {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult found{};
  const cudaError_t error =
      cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000, cudaEnableDefault, &found);
  if (error != cudaSuccess || function == nullptr)
    throw Error(Kind::unavailable, "CUDA: the driver has no cuTensorMapEncodeTiled: use --gemm cublaslt");
  return reinterpret_cast<PFN_cuTensorMapEncodeTiled_v12000>(function);
}

}  // namespace

bool on_hopper() {
#ifdef HEARTH_SM90
  int device = 0, major = 0, minor = 1;
  return cudaGetDevice(&device) == cudaSuccess &&
         cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device) == cudaSuccess &&
         cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device) == cudaSuccess && major == 9 &&
         minor == 0;
#else
  return false;
#endif
}

CUtensorMap tensor_map(const Tensor& matrix, int box_rows) {
  static const PFN_cuTensorMapEncodeTiled_v12000 encode = encoder();
  const cuuint64_t extents[2] = {static_cast<cuuint64_t>(matrix.shape[1]), static_cast<cuuint64_t>(matrix.shape[0])};
  const cuuint64_t pitch_bytes[1] = {extents[0] * 2};
  const cuuint32_t box[2] = {64, static_cast<cuuint32_t>(box_rows)}, steps[2] = {1, 1};
  CUtensorMap map{};
  const CUresult result = encode(&map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 2, matrix.data, extents, pitch_bytes, box,
                                 steps, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                                 CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (result != CUDA_SUCCESS) {
    throw Error(Kind::unavailable,
                "CUDA: no map of a matrix " + matrix.shape.text() + " (" + std::to_string(result) + ")");
  }
  return map;
}

}  // namespace hearth::kernels::cuda::sm90
