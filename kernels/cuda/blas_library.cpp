// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "kernels/cuda/blas.cuh"
#include "kernels/cuda_backend.h"
#include "lib/device/shared_library.h"

namespace hearth::kernels::cuda {
namespace {

constexpr const char* soname = "libcublasLt.so.13";

BlasLibrary load_library() {
  const SharedLibrary library(soname);
  BlasLibrary f{};
  library.find(f.create, "cublasLtCreate");
  library.find(f.destroy, "cublasLtDestroy");
  library.find(f.make_operation, "cublasLtMatmulDescCreate");
  library.find(f.destroy_operation, "cublasLtMatmulDescDestroy");
  library.find(f.set_operation, "cublasLtMatmulDescSetAttribute");
  library.find(f.make_layout, "cublasLtMatrixLayoutCreate");
  library.find(f.destroy_layout, "cublasLtMatrixLayoutDestroy");
  library.find(f.make_preference, "cublasLtMatmulPreferenceCreate");
  library.find(f.destroy_preference, "cublasLtMatmulPreferenceDestroy");
  library.find(f.set_preference, "cublasLtMatmulPreferenceSetAttribute");
  library.find(f.heuristic, "cublasLtMatmulAlgoGetHeuristic");
  library.find(f.configure, "cublasLtMatmulAlgoConfigSetAttribute");
  library.find(f.check, "cublasLtMatmulAlgoCheck");
  library.find(f.multiply, "cublasLtMatmul");
  return f;
}

}  // namespace

const BlasLibrary& blas_library() {
  static const BlasLibrary library = load_library();
  return library;
}

}  // namespace hearth::kernels::cuda

namespace hearth::kernels {

Library cuda_blas() {
  const SharedLibrary library(cuda::soname);
  decltype(&cublasLtGetVersion) get_version = nullptr;
  library.find(get_version, "cublasLtGetVersion");
  const std::size_t version = get_version();
  return {"cuBLASLt", std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
                          std::to_string(version % 100) + " (" + library.path() + ")"};
}

}  // namespace hearth::kernels
