// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/blas.cuh"

#include <algorithm>

namespace hearth::kernels::cuda {
namespace {

void check(cublasStatus_t status, const char* what) {
  if (status != CUBLAS_STATUS_SUCCESS) {
    throw Error(Kind::unavailable, std::string("cuBLASLt: ") + what + " (status " + std::to_string(status) + ")");
  }
}

cudaDataType_t type_of(DType dtype) {
  return dtype == DType::bf16 ? CUDA_R_16BF : CUDA_R_32F;
}

constexpr std::size_t most_plans = 1 << 14;
constexpr std::int64_t exact_rows = 4096;  // what algorithms for any number of rows are chosen for

// What the library is told of an operand's alignment at most: all that loads of 16 bytes and the TMA ask for. More, as
// cudaMalloc and blocks of an arena have it, would depend on where an operand happens to lie, and with it the
// algorithm: the same product twice, as when a block is recomputed, could give other bits.
constexpr unsigned most_alignment = 16;

// The largest power of two up to most_alignment that divides the address or number.
unsigned alignment_of(std::uintptr_t address) {
  address |= most_alignment;
  return static_cast<unsigned>(address & (~address + 1));
}
unsigned alignment_of(const std::byte* at) {
  return alignment_of(reinterpret_cast<std::uintptr_t>(at));
}
// What every row of such a matrix has whose first one is aligned so.
unsigned row_alignment(std::int64_t columns, DType dtype) {
  return alignment_of(static_cast<std::uintptr_t>(columns) * size_of(dtype));
}

}  // namespace

Blas::Blas(Stream& stream) : stream_(stream), library_(blas_library()) {
  check(library_.create(&handle_), "cannot start");
}

Blas::~Blas() {
  for (const auto& [key, plan] : plans_) forget(plan);
  library_.destroy(handle_);
}

// The library counts columns first. A row-major [r, c] is a column-major [c, r], so y^T = op(b)^T op(a)^T is asked for:
// its A is our b, its B is our a.
Blas::Plan Blas::describe(const Product& p) const {
  Plan plan;
  check(library_.make_operation(&plan.operation, CUBLAS_COMPUTE_32F, CUDA_R_32F), "cannot describe a product");
  const auto set = [&](cublasLtMatmulDescAttributes_t attribute, bool transposed) {
    const cublasOperation_t value = transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
    check(library_.set_operation(plan.operation, attribute, &value, sizeof(value)), "cannot describe a product");
  };
  set(CUBLASLT_MATMUL_DESC_TRANSA, p.transpose_b);
  set(CUBLASLT_MATMUL_DESC_TRANSB, p.transpose_a);
  const auto layout = [&](DType dtype, std::int64_t rows, std::int64_t columns) {
    cublasLtMatrixLayout_t made = nullptr;
    check(library_.make_layout(&made, type_of(dtype), static_cast<std::uint64_t>(columns),
                               static_cast<std::uint64_t>(rows), columns),
          "cannot describe a matrix");
    return made;
  };
  plan.a = p.transpose_a ? layout(p.dtype, p.k, p.m) : layout(p.dtype, p.m, p.k);
  plan.b = p.transpose_b ? layout(p.dtype, p.n, p.k) : layout(p.dtype, p.k, p.n);
  plan.y = layout(p.y_dtype, p.m, p.n);
  return plan;
}

void Blas::choose_algorithm(Plan& plan, const Alignments& alignments, bool exact) const {
  cublasLtMatmulPreference_t preference = nullptr;
  check(library_.make_preference(&preference), "cannot state a preference");
  const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t attribute, const auto& value) {
    check(library_.set_preference(preference, attribute, &value, sizeof(value)), "cannot state a preference");
  };
  prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, blas_workspace_bytes);
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignments[1]);
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignments[0]);
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignments[2]);
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignments[2]);
  if (exact) prefer(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, std::uint32_t{CUBLASLT_REDUCTION_SCHEME_NONE});
  cublasLtMatmulHeuristicResult_t result{};
  int found = 0;
  const cublasStatus_t status =
      library_.heuristic(handle_, plan.operation, plan.b, plan.a, plan.y, plan.y, preference, 1, &result, &found);
  library_.destroy_preference(preference);
  plan.possible = status == CUBLAS_STATUS_SUCCESS && found > 0;
  plan.algorithm = result.algo;
  plan.workspace_bytes = result.workspaceSize;
  if (!plan.possible || !exact) return;
  const std::int32_t one = 1;
  const std::uint32_t none = CUBLASLT_REDUCTION_SCHEME_NONE;
  check(library_.configure(&plan.algorithm, CUBLASLT_ALGO_CONFIG_SPLITK_NUM, &one, sizeof(one)), "cannot fix a sum");
  check(library_.configure(&plan.algorithm, CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME, &none, sizeof(none)),
        "cannot fix a sum");
}

void Blas::forget(const Plan& plan) const {
  library_.destroy_operation(plan.operation);
  for (cublasLtMatrixLayout_t layout : {plan.a, plan.b, plan.y}) library_.destroy_layout(layout);
}

Blas::Plan Blas::make_plan(const Product& p, const Alignments& alignments) const {
  Plan plan = describe(p);
  if (!p.exact) {
    choose_algorithm(plan, alignments, false);
    return plan;
  }
  // The library is asked about one number of rows, and its answer used for all.
  Product many = p;
  many.m = exact_rows;
  Plan of_many = describe(many);
  choose_algorithm(of_many, alignments, true);
  forget(of_many);
  plan.possible = of_many.possible;
  plan.algorithm = of_many.algorithm;
  if (!plan.possible) return plan;
  cublasLtMatmulHeuristicResult_t result{};
  check(library_.check(handle_, plan.operation, plan.b, plan.a, plan.y, plan.y, &plan.algorithm, &result),
        "the algorithm that --exact holds to does not take this number of rows");
  plan.workspace_bytes = result.workspaceSize;
  return plan;
}

const Blas::Plan& Blas::plan_of(const Product& p) {
  Alignments alignments{alignment_of(p.a), alignment_of(p.b), alignment_of(p.y)};
  if (p.exact) {
    const Alignments rows{row_alignment(p.k, p.dtype), row_alignment(p.transpose_b ? p.k : p.n, p.dtype),
                          row_alignment(p.n, p.y_dtype)};
    for (std::size_t i = 0; i < rows.size(); ++i)
      HEARTH_CHECK(alignments[i] >= rows[i], "an operand of an exact product does not begin at a row");
    alignments = rows;
  }
  const Key key{p.m,
                p.n,
                p.k,
                static_cast<std::int64_t>(p.dtype),
                static_cast<std::int64_t>(p.y_dtype),
                p.transpose_a,
                p.transpose_b,
                alignments[0],
                alignments[1],
                alignments[2],
                p.exact};
  const auto known = plans_.find(key);
  if (known == plans_.end() && plans_.size() >= most_plans) {  // of experts, whose rows are others each step
    for (const auto& [shape, plan] : plans_) forget(plan);
    plans_.clear();
    return plans_.emplace(key, make_plan(p, alignments)).first->second;
  }
  return known != plans_.end() ? known->second : plans_.emplace(key, make_plan(p, alignments)).first->second;
}

bool Blas::multiply(const Product& p, std::byte* workspace) {
  const Plan& plan = plan_of(p);
  if (!plan.possible) return false;
  const float beta = p.accumulate ? 1 : 0;
  check(
      library_.multiply(handle_, plan.operation, &p.alpha, p.b, plan.b, p.a, plan.a, &beta, p.y, plan.y, p.y, plan.y,
                        &plan.algorithm, workspace, plan.workspace_bytes, static_cast<cudaStream_t>(stream_.native())),
      "cannot multiply");
  return true;
}

}  // namespace hearth::kernels::cuda
