// SPDX-License-Identifier: Apache-2.0
// Dense and grouped products out of the blocks of gemm_blocks.h: pack a strip of b, then let the threads take pieces of
// the result. How the result is cut depends on the number of threads; what each element holds does not.
#include "kernels/gemm.h"

#include <algorithm>

#include "kernels/backend.h"
#include "kernels/cpu/gemm_blocks.h"
#include "kernels/cpu/scratch.h"
#include "kernels/grouped_gemm.h"

namespace hearth::kernels::cpu {
namespace {

constexpr std::int64_t most_rows = 168;        // of a at a time: with block_k units of k they fit the L2 cache
constexpr std::int64_t least_rows = 56;        // for which loading b again from the L3 cache still pays
constexpr std::int64_t strip_bytes = 4 << 20;  // of packed b: stays in the L3 cache
constexpr std::int64_t pieces_a_thread = 8;    // enough that the last one to finish hardly matters
constexpr std::int64_t line_units = 16;        // of a 64-byte cache line

// y[m, n] (+)= alpha * a[m, k] b[k, n]
struct Product {
  MatrixView a, b;
  std::int64_t m, n, k;
  GemmResult y;
  float alpha;
  bool accumulate;
  const GemmBlocks* blocks;

  std::int64_t units() const { return ceil_div(k, blocks->unit); }
};

struct Range {
  std::int64_t begin, end;
  std::int64_t size() const { return end - begin; }
};

// One block of a, [rows, units of k], as multiply wants it.
class BlockOfA {
 public:
  BlockOfA(const Product& product, Range rows, Range units) : mr_(product.blocks->mr), units_(units.size()) {
    const GemmBlocks& blocks = *product.blocks;
    const std::int64_t k_begin = units.begin * blocks.unit;
    const std::int64_t k = std::min(units.size() * blocks.unit, product.k - k_begin);
    const MatrixView a = product.a.at(rows.begin, k_begin);
    if (a.column_stride != 1) {
      pack(blocks, a, rows.size(), k);
      return;
    }
    const std::int64_t stride_bytes = a.row_stride * static_cast<std::int64_t>(size_of(a.dtype));
    const bool converted = (blocks.unit == 1) != (a.dtype == DType::f32);
    // Rows that lie a multiple of 1 KiB apart would fight for the same few lines of the L1 cache.
    if (converted || k % blocks.unit != 0 || stride_bytes % 4 != 0 || (stride_bytes % 1024 == 0 && rows.size() > 1)) {
      stride_ = round_up(units_, line_units) + line_units;
      std::uint32_t* const copied = scratch<std::uint32_t>(ScratchUse::packed_a, rows.size() * stride_);
      blocks.copy_a(a, rows.size(), k, copied, stride_);
      data_ = copied;
    } else {
      stride_ = stride_bytes / 4;
      data_ = reinterpret_cast<const std::uint32_t*>(a.data);
    }
  }

  // The rows from `row` on, a multiple of mr.
  const std::uint32_t* rows_from(std::int64_t row) const { return data_ + row * (stride_ ? stride_ : units_); }
  std::int64_t row_stride() const { return stride_; }  // 0: packed

 private:
  void pack(const GemmBlocks& blocks, const MatrixView& a, std::int64_t rows, std::int64_t k) {
    std::uint32_t* const packed = scratch<std::uint32_t>(ScratchUse::packed_a, round_up(rows, mr_) * units_);
    blocks.pack_a(a, rows, k, packed);
    data_ = packed;
  }

  const std::uint32_t* data_ = nullptr;
  std::int64_t stride_ = 0, mr_, units_;
};

// The part of y in `rows` and `columns`; columns start at a multiple of nr from where packed_b starts. packed_b holds
// all of k for them.
void multiply_piece(const Product& product, Range rows, Range columns, const std::uint32_t* packed_b) {
  const GemmBlocks& blocks = *product.blocks;
  const std::int64_t units = product.units(), nr = blocks.nr, c_stride = round_up(columns.size(), nr);
  const bool exact = product.y.dtype == DType::f32 && product.alpha == 1;  // y itself can hold the sums
  const std::int64_t whole = exact ? columns.size() / nr * nr : 0;         // columns whose sums y holds
  float* const sums = whole < columns.size() ? scratch<float>(ScratchUse::result, rows.size() * c_stride) : nullptr;
  const auto y_at = [&](std::int64_t row, std::int64_t column) {
    const std::int64_t element = (rows.begin + row) * product.y.stride + columns.begin + column;
    return product.y.y + element * static_cast<std::int64_t>(size_of(product.y.dtype));
  };
  for (std::int64_t unit = 0; unit < units; unit += blocks.block_k) {
    const Range block{unit, std::min(units, unit + blocks.block_k)};
    const BlockOfA a(product, rows, block);
    for (std::int64_t column = 0; column < columns.size(); column += nr) {
      const std::uint32_t* const b = packed_b + column * units + unit * nr;
      for (std::int64_t row = 0; row < rows.size(); row += blocks.mr) {
        const bool in_y = column < whole;
        float* const c = in_y ? reinterpret_cast<float*>(y_at(row, column)) : sums + row * c_stride + column;
        blocks.multiply(a.rows_from(row), a.row_stride(), b, block.size(),
                        static_cast<int>(std::min<std::int64_t>(blocks.mr, rows.size() - row)), c,
                        in_y ? product.y.stride : c_stride, unit > 0 || (in_y && product.accumulate));
      }
    }
  }
  if (sums == nullptr) return;
  gemm_finish(sums + whole, c_stride, rows.size(), columns.size() - whole, product.alpha, product.accumulate,
              {y_at(0, whole), product.y.dtype, product.y.stride});
}

// How many columns of packed b fit the strip.
std::int64_t strip_columns(const Product& product) {
  const std::int64_t nr = product.blocks->nr;
  return std::max<std::int64_t>(12 * nr, strip_bytes / 4 / product.units() / nr * nr);  // a is read once a strip
}

void multiply(ThreadPool& pool, const Product& product) {
  const std::int64_t nr = product.blocks->nr, strip = strip_columns(product);
  const std::int64_t pieces = pieces_a_thread * pool.n_threads();
  const std::int64_t rows =
      round_up(std::clamp(ceil_div(product.m, pieces), least_rows, most_rows), product.blocks->mr);
  const std::int64_t row_pieces = ceil_div(product.m, rows);
  for (std::int64_t begin = 0; begin < product.n; begin += strip) {
    const std::int64_t end = std::min(product.n, begin + strip), groups = ceil_div(end - begin, nr);
    std::uint32_t* const packed = scratch<std::uint32_t>(ScratchUse::packed_b, groups * nr * product.units());
    pool.for_each(groups, [&](std::int64_t group, int) {
      const std::int64_t column = begin + group * nr;
      product.blocks->pack_b(product.b.at(0, column), product.k, std::min(nr, end - column),
                             packed + group * nr * product.units());
    });
    const std::int64_t column_pieces = std::min(ceil_div(pieces, row_pieces), groups);
    const std::int64_t columns = ceil_div(groups, column_pieces) * nr;
    const std::int64_t n_columns = ceil_div(end - begin, columns);
    pool.for_each(row_pieces * n_columns, [&](std::int64_t piece, int) {
      const std::int64_t row = piece / n_columns * rows, column = begin + piece % n_columns * columns;
      multiply_piece(product, {row, std::min(product.m, row + rows)}, {column, std::min(end, column + columns)},
                     packed + (column - begin) * product.units());
    });
  }
}

// All products at once: each strip of columns of each product is packed and multiplied by one thread.
void multiply_group(ThreadPool& pool, const std::vector<Product>& products) {
  struct Task {
    const Product* product;
    Range columns;
  };
  std::vector<Task> tasks;
  std::int64_t total = 0;
  for (const Product& product : products) total += product.m * product.n * product.k;
  const std::int64_t share = std::max<std::int64_t>(1, total / (pool.n_threads() * 2 * pieces_a_thread));
  for (const Product& product : products) {
    if (product.m == 0 || product.k == 0) continue;
    const std::int64_t nr = product.blocks->nr;
    const std::int64_t wanted = round_up(std::max<std::int64_t>(1, share / (product.m * product.k)), 2 * nr);
    const std::int64_t columns = std::min(wanted, strip_columns(product));
    for (std::int64_t begin = 0; begin < product.n; begin += columns) {
      tasks.push_back({&product, {begin, std::min(product.n, begin + columns)}});
    }
  }
  pool.for_each(static_cast<std::int64_t>(tasks.size()), [&](std::int64_t i, int) {
    const auto& [product, columns] = tasks[i];
    std::uint32_t* const packed =
        scratch<std::uint32_t>(ScratchUse::packed_b, round_up(columns.size(), product->blocks->nr) * product->units());
    product->blocks->pack_b(product->b.at(0, columns.begin), product->k, columns.size(), packed);
    for (std::int64_t row = 0; row < product->m; row += most_rows) {
      multiply_piece(*product, {row, std::min(product->m, row + most_rows)}, columns, packed);
    }
  });
}

MatrixView view_of(const Tensor& matrix, bool transposed) {
  const std::int64_t stride = matrix.shape[1];
  return transposed ? MatrixView{matrix.data, matrix.dtype, 1, stride}
                    : MatrixView{matrix.data, matrix.dtype, stride, 1};
}

Product product_of(const GemmArgs& args) {
  return {.a = view_of(args.a, args.transpose_a),
          .b = view_of(args.b, args.transpose_b),
          .m = args.y.shape[0],
          .n = args.y.shape[1],
          .k = args.a.shape[args.transpose_a ? 0 : 1],
          .y = {args.y.data, args.y.dtype, args.y.shape[1]},
          .alpha = args.alpha,
          .accumulate = args.accumulate,
          .blocks = &gemm_blocks(args.a.dtype, args.b.dtype)};
}

// One product for each expert that has rows; make(expert, first row, rows) gives its operands.
template <class Make>
void multiply_experts(Stream& stream, const Tensor& offsets, const Make& make) {
  const auto begin = offsets.span<std::int32_t>();
  std::vector<Product> products;
  for (std::size_t expert = 0; expert + 1 < begin.size(); ++expert) {
    const std::int64_t rows = begin[expert + 1] - begin[expert];
    if (rows > 0) products.push_back(product_of(make(static_cast<std::int64_t>(expert), begin[expert], rows)));
  }
  multiply_group(stream.pool(), products);
}

Tensor matrix_of(const Tensor& weight, std::int64_t expert) {
  return weight.rows(expert, 1).reshaped({weight.shape[1], weight.shape[2]});
}

Tensor rows_in(ScratchUse use, DType dtype, std::int64_t rows, std::int64_t width) {
  return {scratch<std::byte>(use, rows * width * static_cast<std::int64_t>(size_of(dtype))), dtype, {rows, width}};
}

// The rows of x that belong to experts, brought into their order where there is a gather.
Tensor rows_of(Stream& stream, const Tensor& x, const Tensor& gather, const Tensor& offsets, ScratchUse use) {
  const std::int64_t rows = offsets.span<std::int32_t>().back();
  if (!gather) return x.rows(0, rows);
  const Tensor gathered = rows_in(use, x.dtype, rows, x.shape[1]);
  if (rows > 0) moe_gather(stream, {.x = x, .token_of = gather.rows(0, rows), .rows = gathered});
  return gathered;
}

// The first rows of a tensor that may be absent.
Tensor first(const Tensor& tensor, std::int64_t rows) {
  return tensor ? tensor.rows(0, rows) : tensor;
}

}  // namespace

void gemm(Stream& stream, const GemmArgs& args) {
  multiply(stream.pool(), product_of(args));
}

void grouped_gemm(Stream& stream, const GroupedGemmArgs& args) {
  const Tensor x = rows_of(stream, args.x, args.gather, args.offsets, ScratchUse::expert_rows);
  multiply_experts(stream, args.offsets, [&](std::int64_t expert, std::int64_t begin, std::int64_t rows) {
    return GemmArgs{.a = x.rows(begin, rows),
                    .b = matrix_of(args.weight, expert),
                    .y = args.y.rows(begin, rows),
                    .transpose_b = true};
  });
  const std::int64_t rows = x.shape[0];
  if (args.activated && rows > 0)
    glu(stream,
        {.x = args.y.rows(0, rows), .row_weight = first(args.row_weight, rows), .y = args.activated.rows(0, rows)});
}

void grouped_gemm_input_gradient(Stream& stream, const GroupedGemmInputGradientArgs& args) {
  const Tensor dy = rows_of(stream, args.dy, args.gather, args.offsets, ScratchUse::expert_rows);
  const std::int64_t rows = dy.shape[0], in = args.weight.shape[2];
  Tensor dx = args.dx;
  if (args.gate_up) dx = rows_in(ScratchUse::expert_gradients, args.dy.dtype, rows, in);
  multiply_experts(stream, args.offsets, [&](std::int64_t expert, std::int64_t begin, std::int64_t count) {
    return GemmArgs{.a = dy.rows(begin, count), .b = matrix_of(args.weight, expert), .y = dx.rows(begin, count)};
  });
  if (!args.gate_up || rows == 0) return;
  glu_backward(stream, {.dy = dx,
                        .x = args.gate_up.rows(0, rows),
                        .row_weight = first(args.row_weight, rows),
                        .dx = args.d_gate_up.rows(0, rows),
                        .d_row_weight = first(args.d_row_weight, rows),
                        .y = first(args.activated, rows)});
}

void grouped_gemm_weight_gradient(Stream& stream, const GroupedGemmWeightGradientArgs& args) {
  const Tensor dy = rows_of(stream, args.dy, args.gather_dy, args.offsets, ScratchUse::expert_gradients);
  const Tensor x = rows_of(stream, args.x, args.gather_x, args.offsets, ScratchUse::expert_rows);
  multiply_experts(stream, args.offsets, [&](std::int64_t expert, std::int64_t begin, std::int64_t rows) {
    return GemmArgs{.a = dy.rows(begin, rows),
                    .b = x.rows(begin, rows),
                    .y = matrix_of(args.dweight, expert),
                    .transpose_a = true,
                    .accumulate = true};
  });
}

}  // namespace hearth::kernels::cpu

namespace hearth::kernels {
bool bf16_is_native() {
  return cpu::gemm_blocks_bf16() != nullptr;
}
}  // namespace hearth::kernels
