// SPDX-License-Identifier: Apache-2.0
// Elementwise operations and AdamW: a thread takes eight elements where addresses allow, else one.
#include "kernels/backend.h"
#include "kernels/cuda/launch.cuh"
#include "kernels/step.h"

namespace hearth::kernels::cuda {
namespace {

template <int n, class A, class B, class Y>
struct Add {
  const A* a;
  const B* b;
  Y* y;
  __device__ void operator()(int64_t i) const {
    float x[n], other[n];
    load<n>(a + i * n, x);
    load<n>(b + i * n, other);
    for (int j = 0; j < n; ++j) x[j] += other[j];
    store<n>(y + i * n, x);
  }
};

template <int n, class X, class Y>
struct Scale {
  const X* x;
  Y* y;
  float factor;
  const float* factor_at;  // or none
  __device__ void operator()(int64_t i) const {
    float value[n];
    load<n>(x + i * n, value);
    const float by = factor_at != nullptr ? *factor_at : factor;
    for (int j = 0; j < n; ++j) value[j] *= by;
    store<n>(y + i * n, value);
  }
};

template <class Y>
struct Fill {
  Y* y;
  float value;
  __device__ void operator()(int64_t i) const { store(y + i, value); }
};

template <class Y, class B>
struct AddBias {
  Y* y;
  const B* bias;
  int64_t width;
  __device__ void operator()(int64_t i) const { store(y + i, to_float(y[i]) + to_float(bias[i % width])); }
};

template <int n>
struct Adamw {
  float *p, *m, *v;
  const float* g;
  Bf16* copy;
  float beta1, beta2, epsilon, learning_rate, decay, gradient_scale, correction1, correction2;
  const double* control;  // or none
  __device__ void operator()(int64_t i) const {
    float rate = learning_rate, scale = gradient_scale, first_correction = correction1, second_correction = correction2;
    if (control != nullptr) {
      if (control[StepControl::taken] == 0) return;
      rate = static_cast<float>(control[StepControl::learning_rate]);
      scale = static_cast<float>(control[StepControl::gradient_scale]);
      first_correction = static_cast<float>(control[StepControl::correction1]);
      second_correction = static_cast<float>(control[StepControl::correction2]);
    }
    float parameter[n], first[n], second[n], gradient[n];
    load<n>(p + i * n, parameter);
    load<n>(m + i * n, first);
    load<n>(v + i * n, second);
    load<n>(g + i * n, gradient);
    for (int j = 0; j < n; ++j) {
      const float scaled = scale * gradient[j];
      first[j] = beta1 * first[j] + (1 - beta1) * scaled;
      second[j] = beta2 * second[j] + (1 - beta2) * scaled * scaled;
      const float step = first[j] * first_correction / (sqrtf(second[j] * second_correction) + epsilon);
      parameter[j] -= rate * (step + decay * parameter[j]);
    }
    store<n>(p + i * n, parameter);
    store<n>(m + i * n, first);
    store<n>(v + i * n, second);
    if (copy != nullptr) store<n>(copy + i * n, parameter);
  }
};

// run<8>() or run<1>() with how often it must be called.
template <class Run, class... Tensors>
void in_packs(const Run& run, const Tensor& y, const Tensors&... others) {
  const int64_t count = y.n_elements();
  if (in_eights(count, y, others...))
    run(std::integral_constant<int, 8>{}, count / 8);
  else
    run(std::integral_constant<int, 1>{}, count);
}

}  // namespace

void add(Stream& stream, const AddArgs& args) {
  with_type(args.a.dtype, [&](auto a) {
    with_type(args.b.dtype, [&](auto b) {
      with_type(args.y.dtype, [&](auto y) {
        using A = decltype(a);
        using B = decltype(b);
        using Y = decltype(y);
        in_packs(
            [&](auto n, int64_t count) {
              each(stream, count, Add<n, A, B, Y>{data<const A>(args.a), data<const B>(args.b), data<Y>(args.y)});
            },
            args.y, args.a, args.b);
      });
    });
  });
}

namespace {
void scale_into(Stream& stream, const Tensor& x, float factor, const Tensor& y, const Tensor& factor_tensor = {}) {
  with_type(x.dtype, [&](auto x_type) {
    with_type(y.dtype, [&](auto y_type) {
      using X = decltype(x_type);
      using Y = decltype(y_type);
      in_packs(
          [&](auto n, int64_t count) {
            each(stream, count, Scale<n, X, Y>{data<const X>(x), data<Y>(y), factor, data<const float>(factor_tensor)});
          },
          y, x);
    });
  });
}
}  // namespace

void cast(Stream& stream, const CastArgs& args) {
  scale_into(stream, args.x, 1, args.y);
}
void scale(Stream& stream, const ScaleArgs& args) {
  scale_into(stream, args.x, args.factor, args.y, args.factor_tensor);
}

void fill(Stream& stream, const FillArgs& args) {
  with_type(args.y.dtype, [&](auto y) {
    each(stream, args.y.n_elements(), Fill<decltype(y)>{data<decltype(y)>(args.y), args.value});
  });
}

void add_bias(Stream& stream, const AddBiasArgs& args) {
  with_type(args.y.dtype, [&](auto y) {
    with_type(args.bias.dtype, [&](auto bias) {
      using Y = decltype(y);
      using B = decltype(bias);
      each(stream, args.y.n_elements(), AddBias<Y, B>{data<Y>(args.y), data<const B>(args.bias), args.y.shape[1]});
    });
  });
}

void adamw(Stream& stream, const AdamwArgs& args) {
  const auto correction = [&](double beta) {
    return static_cast<float>(1 / (1 - std::pow(beta, static_cast<double>(args.step))));
  };
  in_packs(
      [&](auto n, int64_t count) {
        each(stream, count,
             Adamw<n>{data<float>(args.parameter), data<float>(args.m), data<float>(args.v),
                      data<const float>(args.gradient), data<Bf16>(args.copy), args.beta1, args.beta2, args.epsilon,
                      args.learning_rate, args.weight_decay, args.gradient_scale, correction(args.beta1),
                      correction(args.beta2), data<const double>(args.control)});
      },
      args.parameter, args.gradient, args.m, args.v, args.copy);
}

}  // namespace hearth::kernels::cuda
