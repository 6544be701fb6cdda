// SPDX-License-Identifier: Apache-2.0
// cuBLASLt behind one call. Its functions are found at run time, so that a program starts where the library is not; the
// algorithm of a shape is the first of the library's heuristics, asked once and kept, and never timed: the same shape
// gives the same bits.
#pragma once
#include <cublasLt.h>

#include <array>
#include <map>

#include "lib/base/tensor.h"
#include "lib/device/memory.h"

namespace hearth::kernels::cuda {

constexpr std::size_t blas_workspace_bytes = 32u << 20;  // what NVIDIA recommends for sm_90

struct BlasLibrary {
  decltype(&cublasLtCreate) create;
  decltype(&cublasLtDestroy) destroy;
  decltype(&cublasLtMatmulDescCreate) make_operation;
  decltype(&cublasLtMatmulDescDestroy) destroy_operation;
  decltype(&cublasLtMatmulDescSetAttribute) set_operation;
  decltype(&cublasLtMatrixLayoutCreate) make_layout;
  decltype(&cublasLtMatrixLayoutDestroy) destroy_layout;
  decltype(&cublasLtMatmulPreferenceCreate) make_preference;
  decltype(&cublasLtMatmulPreferenceDestroy) destroy_preference;
  decltype(&cublasLtMatmulPreferenceSetAttribute) set_preference;
  decltype(&cublasLtMatmulAlgoGetHeuristic) heuristic;
  decltype(&cublasLtMatmulAlgoConfigSetAttribute) configure;
  decltype(&cublasLtMatmulAlgoCheck) check;
  decltype(&cublasLtMatmul) multiply;
};
// Throws Error{unavailable} that names what is missing.
const BlasLibrary& blas_library();

// y = alpha op(a) op(b) (+ y with accumulate); a and b of one dtype, row-major as in kernels/gemm.h.
struct Product {
  const std::byte *a, *b;
  std::byte* y;
  DType dtype, y_dtype;
  std::int64_t m, n, k;
  bool transpose_a = false, transpose_b = false, accumulate = false;
  float alpha = 1;
  // Rows of y come out the same however many there are: one algorithm for all m, which adds up k in one piece. Not with
  // transpose_a, where k are the rows.
  bool exact = false;
};

class Blas {
 public:
  explicit Blas(Stream& stream);
  ~Blas();
  Blas(const Blas&) = delete;
  Blas& operator=(const Blas&) = delete;

  // workspace: blas_workspace_bytes of the device, for this product alone. False where the library has no algorithm for
  // the product.
  bool multiply(const Product& product, std::byte* workspace);

 private:
  struct Plan {
    cublasLtMatmulDesc_t operation = nullptr;
    cublasLtMatrixLayout_t a = nullptr, b = nullptr, y = nullptr;
    cublasLtMatmulAlgo_t algorithm{};
    std::size_t workspace_bytes = 0;
    bool possible = false;
  };
  using Key = std::array<std::int64_t, 11>;
  using Alignments = std::array<unsigned, 3>;  // of a, b, y, in bytes

  const Plan& plan_of(const Product& product);
  Plan describe(const Product& product) const;
  void choose_algorithm(Plan& plan, const Alignments& alignments, bool exact) const;
  Plan make_plan(const Product& product, const Alignments& alignments) const;
  void forget(const Plan& plan) const;

  Stream& stream_;
  const BlasLibrary& library_;
  cublasLtHandle_t handle_ = nullptr;
  std::map<Key, Plan> plans_;
};

}  // namespace hearth::kernels::cuda
