// SPDX-License-Identifier: Apache-2.0
// Muon: momentum and the scaling by the norm in kernels of our own, the Newton-Schulz iteration as products, one matrix
// of a batch after another. A tall matrix is iterated on as it lies, with x^T x in place of x x^T, which gives the
// transpose of the same.
#include "kernels/backend.h"
#include "kernels/cuda/matmul.h"
#include "kernels/cuda/rows.cuh"
#include "kernels/step.h"

namespace hearth::kernels::cuda {
namespace {

constexpr int threads = 256;
constexpr float quintic_a = 3.4445f, quintic_b = -4.7750f, quintic_c = 2.0315f;

// buffer and u = what the step goes along, of one matrix a block, divided by its norm and stored as x.
template <class T>
struct Momentum {
  const float* gradient;
  float* buffer;
  T* x;
  int64_t size;
  float gradient_scale, momentum;
  bool nesterov;
  const double* control;  // or none

  __device__ float along(int64_t i, float by) const {
    return nesterov ? by * gradient[i] + momentum * buffer[i] : buffer[i];
  }
  __device__ void operator()(int64_t matrix, float* parts) const {
    if (control != nullptr && control[StepControl::taken] == 0) return;
    const float by = control != nullptr ? static_cast<float>(control[StepControl::gradient_scale]) : gradient_scale;
    float squares = 0;
    for (int64_t i = matrix * size + threadIdx.x; i < (matrix + 1) * size; i += threads) {
      buffer[i] = momentum * buffer[i] + by * gradient[i];
      squares += along(i, by) * along(i, by);
    }
    const float scale = 1 / (sqrtf(block_sum<threads>(squares, parts)) + 1e-7f);
    for (int64_t i = matrix * size + threadIdx.x; i < (matrix + 1) * size; i += threads)
      store(x + i, scale * along(i, by));
  }
};

// out = factor * in + other (rounded as stored).
template <class T>
struct Combine {
  const T *in, *other;
  T* out;
  float factor, other_factor;
  __device__ void operator()(int64_t i) const {
    store(out + i, factor * to_float(in[i]) + other_factor * to_float(other[i]));
  }
};

template <class T>
struct Apply {
  float* parameter;
  const T* x;
  Bf16* copy;
  float learning_rate, update_scale, weight_decay;
  const double* control;  // or none
  __device__ void operator()(int64_t i) const {
    if (control != nullptr && control[StepControl::taken] == 0) return;
    const float rate = control != nullptr ? static_cast<float>(control[StepControl::learning_rate]) : learning_rate;
    const float p = parameter[i] - rate * (update_scale * to_float(x[i]) + weight_decay * parameter[i]);
    parameter[i] = p;
    if (copy != nullptr) store(copy + i, p);
  }
};

struct Workspace {
  Tensor x, change, a, b;
};

// Five steps of the quintic on x; its result lies in x or change, whichever is returned.
template <class T>
Tensor newton_schulz(Stream& stream, const Workspace& w, bool tall) {
  Tensor x = w.x, change = w.change;
  for (int step = 0; step < 5; ++step) {
    if (tall)
      multiply(stream, {.a = x, .b = x, .y = w.a, .transpose_a = true});
    else
      multiply(stream, {.a = x, .b = x, .y = w.a, .transpose_b = true});
    multiply(stream, {.a = w.a, .b = w.a, .y = w.b});
    each(stream, w.a.n_elements(),
         Combine<T>{data<const T>(w.a), data<const T>(w.b), data<T>(w.b), quintic_b, quintic_c});
    if (tall)
      multiply(stream, {.a = x, .b = w.b, .y = change});
    else
      multiply(stream, {.a = w.b, .b = x, .y = change});
    each(stream, x.n_elements(), Combine<T>{data<const T>(x), data<const T>(change), data<T>(change), quintic_a, 1});
    std::swap(x, change);
  }
  return x;
}

template <class T>
void run(Stream& stream, const MuonArgs& args) {
  const Shape& shape = args.parameter.shape;
  const int64_t rows = shape[-2], columns = shape[-1], size = rows * columns, side = std::min(rows, columns);
  const int64_t batch = args.parameter.n_elements() / size;
  std::byte* next = args.workspace.data;
  const auto take = [&](int64_t height, int64_t width) {
    const Tensor tensor(next, args.compute, {height, width});
    next += (tensor.bytes() + 15) / 16 * 16;
    return tensor;
  };
  const Workspace w{take(rows, columns), take(rows, columns), take(side, side), take(side, side)};
  for (int64_t i = 0; i < batch; ++i) {
    const int64_t begin = i * size;
    each_row<threads>(
        stream, 1,
        Momentum<T>{data<const float>(args.gradient) + begin, data<float>(args.buffer) + begin, data<T>(w.x), size,
                    args.gradient_scale, args.momentum, args.nesterov, data<const double>(args.control)});
    const Tensor x = newton_schulz<T>(stream, w, rows > columns);
    each(stream, size,
         Apply<T>{data<float>(args.parameter) + begin, data<const T>(x),
                  args.copy ? data<Bf16>(args.copy) + begin : nullptr, args.learning_rate, args.update_scale,
                  args.weight_decay, data<const double>(args.control)});
  }
}

}  // namespace

void muon(Stream& stream, const MuonArgs& args) {
  if (args.compute == DType::bf16)
    run<Bf16>(stream, args);
  else
    run<float>(stream, args);
}

}  // namespace hearth::kernels::cuda
