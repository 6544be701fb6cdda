// SPDX-License-Identifier: Apache-2.0
#include "kernels/adamw.h"

#include <cmath>

#include "kernels/backend.h"
#include "kernels/ref/values.h"

namespace hearth::kernels::ref {

void adamw(Stream&, const AdamwArgs& args) {
  Values parameter = read(args.parameter), m = read(args.m), v = read(args.v);
  const Values gradient = read(args.gradient);
  const double beta1 = args.beta1, beta2 = args.beta2, step = static_cast<double>(args.step);
  for (std::size_t i = 0; i < parameter.size(); ++i) {
    const double g = args.gradient_scale * gradient[i];
    m[i] = beta1 * m[i] + (1 - beta1) * g;
    v[i] = beta2 * v[i] + (1 - beta2) * g * g;
    const double m_hat = m[i] / (1 - std::pow(beta1, step)), v_hat = v[i] / (1 - std::pow(beta2, step));
    parameter[i] -= args.learning_rate * (m_hat / (std::sqrt(v_hat) + args.epsilon) + args.weight_decay * parameter[i]);
  }
  write(args.parameter, parameter);
  write(args.m, m);
  write(args.v, v);
  write(args.copy, read(args.parameter));  // rounded from what the master holds
}

}  // namespace hearth::kernels::ref
