// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>

#include <string>

#include "kernels/cuda/blas.cuh"

namespace hearth::kernels::cuda {
namespace {

constexpr const char* name = "libcublasLt.so.13";

template <class Function>
void find(void* library, Function& function, const char* symbol) {
  function = reinterpret_cast<Function>(dlsym(library, symbol));
  if (function == nullptr) throw Error(Kind::unavailable, std::string(name) + " has no " + symbol);
}

BlasLibrary load_library() {
  void* library = dlopen(name, RTLD_NOW | RTLD_LOCAL);  // stays for the process's life
  if (library == nullptr) {
    throw Error(Kind::unavailable, std::string("cannot load ") + name + " (" + dlerror() +
                                       "): install CUDA 13's cuBLAS, or name its folder in LD_LIBRARY_PATH");
  }
  BlasLibrary f{};
  find(library, f.create, "cublasLtCreate");
  find(library, f.destroy, "cublasLtDestroy");
  find(library, f.make_operation, "cublasLtMatmulDescCreate");
  find(library, f.destroy_operation, "cublasLtMatmulDescDestroy");
  find(library, f.set_operation, "cublasLtMatmulDescSetAttribute");
  find(library, f.make_layout, "cublasLtMatrixLayoutCreate");
  find(library, f.destroy_layout, "cublasLtMatrixLayoutDestroy");
  find(library, f.make_preference, "cublasLtMatmulPreferenceCreate");
  find(library, f.destroy_preference, "cublasLtMatmulPreferenceDestroy");
  find(library, f.set_preference, "cublasLtMatmulPreferenceSetAttribute");
  find(library, f.heuristic, "cublasLtMatmulAlgoGetHeuristic");
  find(library, f.multiply, "cublasLtMatmul");
  return f;
}

}  // namespace

const BlasLibrary& blas_library() {
  static const BlasLibrary library = load_library();
  return library;
}

}  // namespace hearth::kernels::cuda
