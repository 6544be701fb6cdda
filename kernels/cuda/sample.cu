// SPDX-License-Identifier: Apache-2.0
// A block chooses a row's token. The cuts and the draw are one search each: for the first element, by falling logit or
// by place, at which the running total of elements or of probabilities reaches a goal. Elements are told apart by
// 64-bit keys, greater towards the beginning of that order; the search halves the interval of keys that holds the
// answer and sums only what lies in it. Sums are f64 in a fixed order: the same bits each time.
#include "kernels/cuda/launch.cuh"

namespace hearth::kernels::cuda {
namespace {

using Key = unsigned long long;
constexpr int threads = 256;

enum class Order { logit, place };
enum class Total { elements, probability };

// Grows with the float, -0 like 0; NaN at either end.
__device__ __forceinline__ std::uint32_t ordered(float x) {
  const std::uint32_t bits = __float_as_uint(x == 0 ? 0.0f : x);
  return bits >> 31 != 0 ? ~bits : bits | 0x80000000u;
}

struct Row {
  const float* logits;
  int vocab;
  double greatest, temperature;

  template <Order order>
  __device__ Key key(int i) const {
    const Key place = ~static_cast<std::uint32_t>(i);
    return order == Order::place ? place : static_cast<Key>(ordered(logits[i])) << 32 | place;
  }
  // Of the softmax, before it is normalised.
  template <Total total>
  __device__ double term(int i) const {
    return total == Total::elements ? 1.0 : exp((static_cast<double>(logits[i]) - greatest) / temperature);
  }
};

struct Add {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a + b;
  }
};
struct Greater {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a > b ? a : b;
  }
};

// Of all threads' x, the same for all of them; parts: shared.
template <class T, class Combine>
__device__ T reduce(T x, Key* parts, const Combine& combine) {
  static_assert(sizeof(T) == sizeof(Key));
  T* const of_warps = reinterpret_cast<T*>(parts);
  for (int lanes = warp / 2; lanes > 0; lanes /= 2) x = combine(x, __shfl_xor_sync(~0u, x, lanes));
  __syncthreads();
  if (threadIdx.x % warp == 0) of_warps[threadIdx.x / warp] = x;
  __syncthreads();
  x = of_warps[0];
  for (int i = 1; i < threads / warp; ++i) x = combine(x, of_warps[i]);
  return x;
}

// How many elements have keys in [low, high), and the sum of their terms.
struct Sums {
  double terms = 0;
  long long n = 0;
};
template <Order order, Total total>
__device__ Sums sums_of(const Row& row, Key low, Key high, Key* parts) {
  Sums sums;
  for (int i = static_cast<int>(threadIdx.x); i < row.vocab; i += threads) {
    const Key key = row.key<order>(i);
    if (key < low || key >= high) continue;
    sums.terms += row.term<total>(i);
    ++sums.n;
  }
  return {reduce(sums.terms, parts, Add{}), reduce(sums.n, parts, Add{})};
}

// The key of the first of the n elements with keys in [low, high) at which the running total passes `goal` (or reaches
// it, unless `past`); the last one's where none does.
template <Order order, Total total>
__device__ Key first_at(const Row& row, Key low, Key high, long long n, double goal, bool past, Key* parts) {
  double before = 0;  // of the elements at and above high
  while (n > 1) {
    const Key middle = low + (high - low) / 2;
    const Sums upper = sums_of<order, total>(row, middle, high, parts);
    const double reached = before + upper.terms;
    if ((past ? reached > goal : reached >= goal) || upper.n == n) {
      low = middle, n = upper.n;
    } else {
      high = middle, n -= upper.n, before = reached;
    }
  }
  Key found = 0;
  for (int i = static_cast<int>(threadIdx.x); i < row.vocab; i += threads) {
    const Key key = row.key<order>(i);
    if (key >= low && key < high) found = key;
  }
  return reduce(found, parts, Greater{});
}

// The number in [0, 1) of ref/sample.cpp: Philox 4x32-10 under `seed`, counter (draw, stream).
__device__ double uniform(std::uint64_t seed, std::uint64_t stream, std::uint64_t draw) {
  std::uint32_t c[4] = {static_cast<std::uint32_t>(draw), static_cast<std::uint32_t>(draw >> 32),
                        static_cast<std::uint32_t>(stream), static_cast<std::uint32_t>(stream >> 32)};
  std::uint32_t k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53u} * c[0], b = std::uint64_t{0xCD9E8D57u} * c[2];
    const std::uint32_t next[4] = {static_cast<std::uint32_t>(b >> 32) ^ c[1] ^ k0, static_cast<std::uint32_t>(b),
                                   static_cast<std::uint32_t>(a >> 32) ^ c[3] ^ k1, static_cast<std::uint32_t>(a)};
    for (int i = 0; i < 4; ++i) c[i] = next[i];
    k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
  }
  return static_cast<double>((static_cast<std::uint64_t>(c[0]) << 32 | c[1]) >> 11) * 0x1p-53;
}

struct Choice {
  const float* logits;
  const long long *streams, *draws;
  int* ids;
  float* log_prob;  // or none
  int vocab, top_k;
  double temperature, top_p;
  std::uint64_t seed;
};

// The place of the token drawn at u.
__device__ int draw(const Row& row, const Choice& c, double u, Key* parts) {
  const Key end = (static_cast<Key>(ordered(static_cast<float>(row.greatest))) + 1) << 32;
  const bool some = c.top_k > 0 && c.top_k < row.vocab;
  if (!some && c.top_p >= 1) {
    constexpr Key last = Key{1} << 32;
    const Sums all = sums_of<Order::place, Total::probability>(row, 0, last, parts);
    const Key at = first_at<Order::place, Total::probability>(row, 0, last, all.n, u * all.terms, true, parts);
    return static_cast<int>(~static_cast<std::uint32_t>(at));
  }
  Key low = 0;
  if (some) low = first_at<Order::logit, Total::elements>(row, 0, end, row.vocab, c.top_k, false, parts);
  Sums kept = sums_of<Order::logit, Total::probability>(row, low, end, parts);
  if (c.top_p < 1) {
    low = first_at<Order::logit, Total::probability>(row, low, end, kept.n, c.top_p * kept.terms, false, parts);
    kept = sums_of<Order::logit, Total::probability>(row, low, end, parts);
  }
  const Key at = first_at<Order::logit, Total::probability>(row, low, end, kept.n, u * kept.terms, true, parts);
  return static_cast<int>(~static_cast<std::uint32_t>(at));
}

__global__ void __launch_bounds__(threads) sample_kernel(Choice c) {
  HEARTH_SHARED(Key, threads / warp, shared);
  Key* const parts = &shared[0];
  const int64_t at = blockIdx.x;
  Row row{c.logits + at * c.vocab, c.vocab, 0, 1};
  Key first = 0;
  long long n_nan = 0;
  for (int i = static_cast<int>(threadIdx.x); i < c.vocab; i += threads) {
    n_nan += row.logits[i] != row.logits[i] ? 1 : 0;
    const Key key = row.key<Order::logit>(i);
    first = key > first ? key : first;
  }
  n_nan = reduce(n_nan, parts, Add{});
  first = reduce(first, parts, Greater{});
  int id = static_cast<int>(~static_cast<std::uint32_t>(first));
  row.greatest = row.logits[n_nan == 0 ? id : 0];
  const bool usable = n_nan == 0 && row.greatest - row.greatest == 0;
  double log_prob = 0;
  if (usable) {
    if (c.log_prob != nullptr)
      log_prob = log(sums_of<Order::place, Total::probability>(row, 0, Key{1} << 32, parts).terms);
    row.temperature = c.temperature;
    if (c.temperature > 0)
      id = draw(row, c,
                uniform(c.seed, static_cast<std::uint64_t>(c.streams[at]), static_cast<std::uint64_t>(c.draws[at])),
                parts);
  }
  if (threadIdx.x != 0) return;
  c.ids[at] = usable ? id : -1;
  if (c.log_prob != nullptr)
    c.log_prob[at] = usable ? static_cast<float>(row.logits[id] - row.greatest - log_prob) : -INFINITY;
}

}  // namespace

void sample(Stream& stream, const SampleArgs& args) {
  const Choice choice{data<const float>(args.logits),
                      data<const long long>(args.streams),
                      data<const long long>(args.draws),
                      data<int>(args.ids),
                      data<float>(args.log_prob),
                      static_cast<int>(args.logits.shape[1]),
                      args.top_k,
                      args.temperature,
                      args.top_p,
                      args.seed};
  launch(stream, sample_kernel, {static_cast<unsigned>(args.logits.shape[0]), threads}, choice);
}

}  // namespace hearth::kernels::cuda
