// SPDX-License-Identifier: Apache-2.0
#include "kernels/backend.h"
#include "kernels/cuda/launch.cuh"

namespace hearth::kernels::cuda {
namespace {

struct Table {
  const int* positions;
  const float* inverse_frequency;
  float* cos_sin;
  int64_t half;
  float multiplier;
  __device__ void operator()(int64_t i) const {
    const int64_t token = i / half, pair = i % half;
    const float angle = static_cast<float>(positions[token]) * inverse_frequency[pair];
    cos_sin[token * 2 * half + pair] = multiplier * cosf(angle);
    cos_sin[token * 2 * half + half + pair] = multiplier * sinf(angle);
  }
};

// A thread turns n pairs, or copies n elements behind the rotary ones.
template <int n, class T>
struct Rotate {
  const T* x;
  const float* cos_sin;
  T* y;
  int64_t heads, head_dim, half;
  float sign;
  __device__ void operator()(int64_t i) const {
    const int64_t per_head = (head_dim - half) / n, head = i / per_head, at = i % per_head * n;
    const T* from = x + head * head_dim;
    T* to = y + head * head_dim;
    float a[n], b[n], cosine[n], sine[n];
    if (at >= half) {
      load<n>(from + half + at, a);
      store<n>(to + half + at, a);
      return;
    }
    const float* table = cos_sin + head / heads * 2 * half;
    load<n>(from + at, a);
    load<n>(from + half + at, b);
    load<n>(table + at, cosine);
    load<n>(table + half + at, sine);
    for (int j = 0; j < n; ++j) {
      const float first = a[j] * cosine[j] - sign * b[j] * sine[j];
      b[j] = b[j] * cosine[j] + sign * a[j] * sine[j];
      a[j] = first;
    }
    store<n>(to + at, a);
    store<n>(to + half + at, b);
  }
};

}  // namespace

void rope_table(Stream& stream, const RopeTableArgs& args) {
  const int64_t half = args.inverse_frequency.shape[0];
  each(stream, args.positions.shape[0] * half,
       Table{data<const int>(args.positions), data<const float>(args.inverse_frequency), data<float>(args.cos_sin),
             half, args.multiplier});
}

void rope(Stream& stream, const RopeArgs& args) {
  const int64_t heads = args.x.shape[1], head_dim = args.x.shape[2], half = args.cos_sin.shape[2];
  with_type(args.x.dtype, [&](auto type) {
    using T = decltype(type);
    const auto run = [&](auto n) {
      each(stream, args.x.shape[0] * heads * ((head_dim - half) / n),
           Rotate<n, T>{data<const T>(args.x), data<const float>(args.cos_sin), data<T>(args.y), heads, head_dim, half,
                        args.backward ? -1.0f : 1.0f});
    };
    if (half % 8 == 0 && in_eights(head_dim, args.x, args.y, args.cos_sin))
      run(std::integral_constant<int, 8>{});
    else
      run(std::integral_constant<int, 1>{});
  });
}

}  // namespace hearth::kernels::cuda
