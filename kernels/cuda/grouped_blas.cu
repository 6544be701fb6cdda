// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/grouped_blas.h"

#include "kernels/cuda/glu.cuh"
#include "kernels/cuda/matmul.h"
#include "kernels/moe.h"

namespace hearth::kernels::cuda {
namespace {

constexpr std::size_t workspaces_bytes = n_expert_streams * blas_workspace_bytes;

bool all_bf16(const Tensor& a, const Tensor& b) {
  return a.dtype == DType::bf16 && b.dtype == DType::bf16;
}

// One op: the rows of each expert, and memory for what is written on the way.
class Work {
 public:
  Work(Stream& stream, const Tensor& offsets, std::initializer_list<std::int64_t> extra_bytes)
      : stream_(stream), state_(stream.state<State>()), offsets_(state_.expert_streams().fetch(offsets)) {
    std::size_t bytes = workspaces_bytes;
    for (const std::int64_t each : extra_bytes) bytes += static_cast<std::size_t>(each);
    workspaces_ = state_.scratch(bytes);
    next_ = workspaces_ + workspaces_bytes;
  }

  std::int64_t rows() const { return offsets_.back(); }
  Tensor take(DType dtype, const Shape& shape) {
    const Tensor tensor(next_, dtype, shape);
    next_ += tensor.bytes();
    return tensor;
  }
  // The rows that belong to experts, written out where they are gathered.
  Tensor in_order(const Tensor& x, const Tensor& gather) {
    if (!gather || rows() == 0) return x;
    const Tensor out = take(x.dtype, {rows(), x.shape[1]});
    moe_gather(stream_, {.x = x, .token_of = gather.rows(0, rows()), .rows = out});
    return out;
  }
  // args(expert, first row, rows) is the product of an expert.
  template <class Args>
  void multiply_each(const Args& args) {
    state_.expert_streams().each(
        offsets_, [&](int lane, Stream& stream, std::int64_t expert, std::int64_t first, std::int64_t count) {
          stream.choose(stream_.gpu_kernels());
          const GemmArgs g = args(expert, first, count);
          const std::int64_t k = g.a.shape[g.transpose_a ? 0 : 1], m = g.y.shape[0], n = g.y.shape[1];
          const bool exact = stream_.gpu_kernels().exact && !g.transpose_a;
          const Product product{g.a.data, g.b.data,      g.y.data,      g.a.dtype,    g.y.dtype, m,    n,
                                k,        g.transpose_a, g.transpose_b, g.accumulate, g.alpha,   exact};
          Blas& blas = stream.state<State>().blas();
          if (!blas.multiply(product, workspaces_ + static_cast<std::size_t>(lane) * blas_workspace_bytes))
            multiply(stream, g);
        });
  }

 private:
  Stream& stream_;
  State& state_;
  std::vector<std::int32_t> offsets_;
  std::byte *workspaces_ = nullptr, *next_ = nullptr;
};

Tensor matrix_of(const Tensor& all, std::int64_t expert) {
  return all.rows(expert, 1).reshaped({all.shape[1], all.shape[2]});
}

// Bytes of an operand that is gathered: at most all rows of it.
std::int64_t gathered_bytes(const Tensor& x, const Tensor& gather) {
  return gather ? gather.shape[0] * x.shape[1] * static_cast<std::int64_t>(size_of(x.dtype)) : 0;
}

}  // namespace

std::size_t grouped_blas_scratch(int64_t rows, int64_t hidden, int64_t expert_ffn) {
  return workspaces_bytes + static_cast<std::size_t>(rows * (hidden + expert_ffn)) * sizeof(Bf16);
}

bool grouped_by_blas(Stream& stream, const GroupedGemmArgs& args) {
  if (!all_bf16(args.x, args.weight)) return false;
  Work work(stream, args.offsets, {gathered_bytes(args.x, args.gather)});
  const Tensor x = work.in_order(args.x, args.gather);
  work.multiply_each([&](std::int64_t e, std::int64_t first, std::int64_t n) {
    return GemmArgs{
        .a = x.rows(first, n), .b = matrix_of(args.weight, e), .y = args.y.rows(first, n), .transpose_b = true};
  });
  if (args.activated)
    glu_of_rows(stream, {.x = args.y, .row_weight = args.row_weight, .y = args.activated},
                data<const int>(args.offsets) + args.weight.shape[0]);
  return true;
}

bool grouped_by_blas(Stream& stream, const GroupedGemmInputGradientArgs& args) {
  if (!all_bf16(args.dy, args.weight)) return false;
  const std::int64_t in = args.weight.shape[2], rows = args.gate_up ? args.gate_up.shape[0] : 0;
  const std::int64_t dx_bytes = rows * in * static_cast<std::int64_t>(size_of(args.dy.dtype));
  Work work(stream, args.offsets, {dx_bytes, gathered_bytes(args.dy, args.gather)});
  const Tensor dx = args.gate_up ? work.take(args.dy.dtype, {rows, in}) : args.dx;
  const Tensor dy = work.in_order(args.dy, args.gather);
  work.multiply_each([&](std::int64_t e, std::int64_t first, std::int64_t n) {
    return GemmArgs{.a = dy.rows(first, n), .b = matrix_of(args.weight, e), .y = dx.rows(first, n)};
  });
  if (args.gate_up)
    glu_backward_of_rows(stream,
                         {.dy = dx,
                          .x = args.gate_up,
                          .row_weight = args.row_weight,
                          .dx = args.d_gate_up,
                          .d_row_weight = args.d_row_weight,
                          .y = args.activated},
                         data<const int>(args.offsets) + args.weight.shape[0]);
  return true;
}

bool grouped_by_blas(Stream& stream, const GroupedGemmWeightGradientArgs& args) {
  if (!all_bf16(args.dy, args.x)) return false;
  Work work(stream, args.offsets, {gathered_bytes(args.dy, args.gather_dy), gathered_bytes(args.x, args.gather_x)});
  const Tensor dy = work.in_order(args.dy, args.gather_dy), x = work.in_order(args.x, args.gather_x);
  work.multiply_each([&](std::int64_t e, std::int64_t first, std::int64_t n) {
    return GemmArgs{.a = dy.rows(first, n),
                    .b = x.rows(first, n),
                    .y = matrix_of(args.dweight, e),
                    .transpose_a = true,
                    .accumulate = true};
  });
  return true;
}

}  // namespace hearth::kernels::cuda
