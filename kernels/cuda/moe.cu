// SPDX-License-Identifier: Apache-2.0
// Tokens to their experts and back, and rows of the embedding's table. The sort is a counting sort over chunks of
// choices: counts of each chunk, then where each chunk's rows of each expert start, then the rank within the chunk; so
// it is stable and its result a function of the choices alone.
#include "kernels/backend.h"
#include "kernels/cuda/rows.cuh"

namespace hearth::kernels::cuda {
namespace {

constexpr int chunk = 256;

// starts[c, e] = how many choices of chunk c name expert e.
__global__ void __launch_bounds__(chunk)
    count_chunk(const int* expert_ids, int* starts, int64_t n_choices, int64_t experts) {
  HEARTH_DYNAMIC_SHARED(int, counts);
  for (int64_t e = threadIdx.x; e < experts; e += chunk) counts[e] = 0;
  __syncthreads();
  const int64_t choice = static_cast<int64_t>(blockIdx.x) * chunk + threadIdx.x;
  if (choice < n_choices) atomicAdd(&counts[expert_ids[choice]], 1);
  __syncthreads();
  for (int64_t e = threadIdx.x; e < experts; e += chunk) starts[blockIdx.x * experts + e] = counts[e];
}

// Turns counts into starts: first over the chunks of each expert, then over the experts. One block.
__global__ void __launch_bounds__(1024) scan_chunks(int* starts, int* offsets, int64_t n_chunks, int64_t experts) {
  for (int64_t e = threadIdx.x; e < experts; e += 1024) {
    int sum = 0;
    for (int64_t c = 0; c < n_chunks; ++c) {
      const int count = starts[c * experts + e];
      starts[c * experts + e] = sum;
      sum += count;
    }
    offsets[e + 1] = sum;
  }
  __syncthreads();
  if (threadIdx.x != 0) return;
  offsets[0] = 0;
  for (int64_t e = 0; e < experts; ++e) offsets[e + 1] += offsets[e];
}

__global__ void __launch_bounds__(chunk)
    place_chunk(const int* expert_ids, const int* starts, const int* offsets, int* row_of, int* token_of,
                int64_t n_choices, int64_t experts, int64_t k) {
  HEARTH_SHARED(int, chunk, ids);
  const int64_t choice = static_cast<int64_t>(blockIdx.x) * chunk + threadIdx.x;
  const int mine = choice < n_choices ? expert_ids[choice] : -1;
  ids[threadIdx.x] = mine;
  __syncthreads();
  if (mine < 0) return;
  int rank = 0;
  for (int i = 0; i < static_cast<int>(threadIdx.x); ++i) rank += ids[i] == mine ? 1 : 0;
  const int row = offsets[mine] + starts[blockIdx.x * experts + mine] + rank;
  row_of[choice] = row;
  token_of[row] = static_cast<int>(choice / k);
}

template <int n, class T>
struct Gather {
  const T* x;
  const int* token_of;
  T* rows;
  int64_t hidden;
  __device__ void operator()(int64_t i) const {
    const int64_t row = i * n / hidden, column = i * n % hidden;
    float value[n];
    load<n>(x + token_of[row] * hidden + column, value);
    store<n>(rows + i * n, value);
  }
};

template <int n, class T>
struct Combine {
  const T* rows;
  const int* row_of;
  const float* weights;
  const T* base;
  T* y;
  int64_t hidden, k;
  __device__ void operator()(int64_t i) const {
    const int64_t token = i * n / hidden, column = i * n % hidden;
    float sum[n] = {}, value[n];
    if (base != nullptr) load<n>(base + i * n, sum);
    for (int64_t choice = token * k; choice < (token + 1) * k; ++choice) {
      const float weight = weights != nullptr ? weights[choice] : 1.0f;
      load<n>(rows + row_of[choice] * hidden + column, value);
      for (int j = 0; j < n; ++j) sum[j] += weight * value[j];
    }
    store<n>(y + i * n, sum);
  }
};

// A row group takes one choice.
template <int per_row, int n, class T>
struct CombineBackward {
  const T *dy, *rows;
  const int* row_of;
  const float* weights;
  T* d_rows;
  float* d_weights;
  int64_t hidden, k;
  __device__ void operator()(int64_t choice, float* parts) const {
    using Group = RowGroup<per_row>;
    const int64_t token = choice / k, row = row_of[choice];
    const float weight = weights[choice];
    float sum = 0, d[n], value[n];
    for (int64_t i = Group::lane() * n; i < hidden; i += per_row * n) {
      load<n>(dy + token * hidden + i, d);
      load<n>(rows + row * hidden + i, value);
      for (int j = 0; j < n; ++j) {
        sum += d[j] * value[j];
        d[j] *= weight;
      }
      store<n>(d_rows + row * hidden + i, d);
    }
    sum = Group::sum(sum, parts);
    if (Group::lane() == 0) d_weights[choice] = sum;
  }
};

// The counts are few, and all threads of a warp read the same.
struct Arrived {
  const int* counts;
  int* expert_ids;
  int64_t ranks, experts, first, n_here, begin;
  __device__ void operator()(int64_t i) const {
    int64_t end = -begin;  // of the rows looked at
    for (int64_t rank = 0; rank < ranks; ++rank) {
      for (int64_t e = 0; e < n_here; ++e) {
        end += counts[rank * experts + first + e];
        if (i >= end) continue;
        expert_ids[i] = static_cast<int>(e);
        return;
      }
    }
  }
};

struct Permute {
  const int* row_of;
  const float* from;
  float* to;
  bool to_rows;
  __device__ void operator()(int64_t choice) const {
    const int row = row_of[choice];
    to_rows ? to[row] = from[choice] : to[choice] = from[row];
  }
};

template <class Run, class... Tensors>
void by_eights(int64_t width, const Run& run, const Tensors&... tensors) {
  if (in_eights(width, tensors...))
    run(std::integral_constant<int, 8>{});
  else
    run(std::integral_constant<int, 1>{});
}

}  // namespace

std::size_t moe_sort_scratch(int64_t choices, int64_t experts) {
  return static_cast<std::size_t>(ceil_div(choices, chunk) * experts) * sizeof(int);
}

void moe_sort(Stream& stream, const MoeSortArgs& args) {
  const int64_t n_choices = args.expert_ids.n_elements(), experts = args.offsets.shape[0] - 1;
  if (n_choices == 0) return stream.zero(args.offsets);
  const int64_t n_chunks = ceil_div(n_choices, chunk);
  auto* starts = reinterpret_cast<int*>(stream.state<State>().scratch(moe_sort_scratch(n_choices, experts)));
  const auto grid = static_cast<unsigned>(n_chunks);
  launch(stream, count_chunk, {grid, chunk, static_cast<std::size_t>(experts) * sizeof(int)},
         data<const int>(args.expert_ids), starts, n_choices, experts);
  launch(stream, scan_chunks, {1, 1024}, starts, data<int>(args.offsets), n_chunks, experts);
  launch(stream, place_chunk, {grid, chunk}, data<const int>(args.expert_ids), starts, data<const int>(args.offsets),
         data<int>(args.row_of), data<int>(args.token_of), n_choices, experts, args.expert_ids.shape[1]);
}

void moe_gather(Stream& stream, const MoeGatherArgs& args) {
  const int64_t hidden = args.x.shape[1];
  with_type(args.x.dtype, [&](auto type) {
    using T = decltype(type);
    by_eights(
        hidden,
        [&](auto n) {
          each(stream, args.rows.n_elements() / n,
               Gather<n, T>{data<const T>(args.x), data<const int>(args.token_of), data<T>(args.rows), hidden});
        },
        args.x, args.rows);
  });
}

void moe_combine(Stream& stream, const MoeCombineArgs& args) {
  const int64_t hidden = args.y.shape[1];
  with_type(args.y.dtype, [&](auto type) {
    using T = decltype(type);
    by_eights(
        hidden,
        [&](auto n) {
          each(stream, args.y.n_elements() / n,
               Combine<n, T>{data<const T>(args.rows), data<const int>(args.row_of), data<const float>(args.weights),
                             data<const T>(args.base), data<T>(args.y), hidden, args.row_of.shape[1]});
        },
        args.rows, args.base, args.y);
  });
}

void moe_combine_backward(Stream& stream, const MoeCombineBackwardArgs& args) {
  const int64_t hidden = args.dy.shape[1];
  with_type(args.dy.dtype, [&](auto type) {
    using T = decltype(type);
    by_width(
        hidden,
        [&](auto per_row, auto n) {
          each_row<per_row>(stream, args.row_of.n_elements(),
                            CombineBackward<per_row, n, T>{data<const T>(args.dy), data<const T>(args.rows),
                                                           data<const int>(args.row_of),
                                                           data<const float>(args.weights), data<T>(args.d_rows),
                                                           data<float>(args.d_weights), hidden, args.row_of.shape[1]});
        },
        args.dy, args.rows, args.d_rows);
  });
}

void moe_arrived(Stream& stream, const MoeArrivedArgs& args) {
  each(stream, args.expert_ids.n_elements(),
       Arrived{data<const int>(args.counts), data<int>(args.expert_ids), args.counts.shape[0], args.counts.shape[1],
               args.first, args.n_here, args.begin});
}

void moe_to_rows(Stream& stream, const MoeToRowsArgs& args) {
  if (args.row_of.n_elements() == 0) return;
  each(stream, args.row_of.n_elements(),
       Permute{data<const int>(args.row_of), data<const float>(args.choices), data<float>(args.rows), true});
}

void moe_from_rows(Stream& stream, const MoeFromRowsArgs& args) {
  if (args.row_of.n_elements() == 0) return;
  each(stream, args.row_of.n_elements(),
       Permute{data<const int>(args.row_of), data<const float>(args.rows), data<float>(args.choices), false});
}

namespace {

template <int n, class T>
struct TakeRows {
  const int* ids;
  const T* table;
  T* y;
  int64_t hidden, first, vocab;
  __device__ void operator()(int64_t i) const {
    const int64_t row = ids[i * n / hidden] - first;
    float value[n] = {};
    if (row >= 0 && row < vocab) load<n>(table + row * hidden + i * n % hidden, value);
    store<n>(y + i * n, value);
  }
};

constexpr int embedding_columns = 256;  // of a warp, eight a lane

// A warp looks whether its token is the first of its id; if so, it adds the gradients of all tokens of that id, in
// order, to the id's row (embedding_columns of it).
template <class T>
__global__ void __launch_bounds__(128) embedding_gradient(const int* ids, const T* dy, float* d_table, int64_t tokens,
                                                          int64_t hidden, int64_t first, int64_t vocab) {
  const int64_t token = static_cast<int64_t>(blockIdx.x) * 4 + threadIdx.x / warp;
  const int lane = static_cast<int>(threadIdx.x) % warp;
  if (token >= tokens) return;
  const int id = ids[token];
  if (id < first || id >= first + vocab) return;
  float* const row_of_id = d_table + (id - first) * hidden;
  for (int64_t at = 0; at < token; at += warp) {
    if (__any_sync(~0u, at + lane < token && ids[at + lane] == id)) return;
  }
  float sums[8] = {};
  const int64_t column = static_cast<int64_t>(blockIdx.y) * embedding_columns + lane;
  for (int j = 0; j < 8; ++j) {
    if (column + j * warp < hidden) sums[j] = row_of_id[column + j * warp];
  }
  for (int64_t at = token; at < tokens; at += warp) {
    unsigned same = __ballot_sync(~0u, at + lane < tokens && ids[at + lane] == id);
    for (; same != 0; same &= same - 1) {
      const int64_t row = at + __ffs(static_cast<int>(same)) - 1;
      for (int j = 0; j < 8; ++j) {
        if (column + j * warp < hidden) sums[j] += to_float(dy[row * hidden + column + j * warp]);
      }
    }
  }
  for (int j = 0; j < 8; ++j) {
    if (column + j * warp < hidden) row_of_id[column + j * warp] = sums[j];
  }
}

}  // namespace

void embedding(Stream& stream, const EmbeddingArgs& args) {
  const int64_t vocab = args.table.shape[0], hidden = args.table.shape[1];
  with_type(args.y.dtype, [&](auto type) {
    using T = decltype(type);
    by_eights(
        hidden,
        [&](auto n) {
          each(stream, args.y.n_elements() / n,
               TakeRows<n, T>{data<const int>(args.ids), data<const T>(args.table), data<T>(args.y), hidden, args.first,
                              vocab});
        },
        args.table, args.y);
  });
}

void embedding_backward(Stream& stream, const EmbeddingBackwardArgs& args) {
  const int64_t tokens = args.dy.shape[0], hidden = args.dy.shape[1];
  with_type(args.dy.dtype, [&](auto type) {
    using T = decltype(type);
    launch(
        stream, embedding_gradient<T>,
        {dim3(static_cast<unsigned>(ceil_div(tokens, 4)), static_cast<unsigned>(ceil_div(hidden, embedding_columns))),
         128},
        data<const int>(args.ids), data<const T>(args.dy), data<float>(args.d_table), tokens, hidden, args.first,
        args.d_table.shape[0]);
  });
}

}  // namespace hearth::kernels::cuda
