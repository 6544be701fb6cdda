// SPDX-License-Identifier: Apache-2.0
#include "lib/nn/rope_table.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace hearth::nn {
namespace {
constexpr double two_pi = 2 * std::numbers::pi;

// Llama 3.1: long wavelengths are stretched by factor, short ones kept, those between blended.
double llama3(double frequency, const RopeScaling& scaling) {
  const double original = static_cast<double>(scaling.original_context);
  const double wavelength = two_pi / frequency;
  if (wavelength < original / scaling.high_frequency) return frequency;
  if (wavelength > original / scaling.low_frequency) return frequency / scaling.factor;
  const double share =
      (original / wavelength - scaling.low_frequency) / (scaling.high_frequency - scaling.low_frequency);
  return (1 - share) * frequency / scaling.factor + share * frequency;
}

// YaRN: the dimension whose wavelength fits `turns` times into the original context.
double dimension_of(double turns, const Rope& rope) {
  const double original = static_cast<double>(rope.scaling.original_context);
  return static_cast<double>(rope.dims) * std::log(original / (turns * two_pi)) / (2 * std::log(rope.theta));
}

struct Ramp {
  double low, high;
  double operator()(double dimension) const { return std::clamp((dimension - low) / (high - low), 0.0, 1.0); }
};

Ramp yarn_ramp(const Rope& rope) {
  double low = dimension_of(rope.scaling.beta_fast, rope), high = dimension_of(rope.scaling.beta_slow, rope);
  if (rope.scaling.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, static_cast<double>(rope.dims - 1));
  return {low, low == high ? high + 0.001 : high};
}

double yarn_multiplier(const RopeScaling& scaling) {
  if (scaling.attention_factor) return *scaling.attention_factor;
  const auto mscale = [&](double weight) {
    return scaling.factor <= 1 ? 1.0 : 0.1 * weight * std::log(scaling.factor) + 1;
  };
  if (scaling.mscale && scaling.mscale_all_dim) return mscale(*scaling.mscale) / mscale(*scaling.mscale_all_dim);
  return mscale(1);
}
}  // namespace

RopeTable resolve_rope(const Rope& rope, std::int64_t head_dim) {
  RopeTable table;
  table.softmax_scale = static_cast<float>(1 / std::sqrt(static_cast<double>(head_dim)));
  const RopeScaling& scaling = rope.scaling;
  if (rope.dims > 0 && scaling.kind == RopeScaling::Kind::yarn) {
    table.multiplier = static_cast<float>(yarn_multiplier(scaling));
  }
  for (std::int64_t pair = 0; pair < rope.dims / 2; ++pair) {
    double frequency = std::pow(rope.theta, -2.0 * static_cast<double>(pair) / static_cast<double>(rope.dims));
    switch (scaling.kind) {
      case RopeScaling::Kind::base:
        break;
      case RopeScaling::Kind::linear:
        frequency /= scaling.factor;
        break;
      case RopeScaling::Kind::llama3:
        frequency = llama3(frequency, scaling);
        break;
      case RopeScaling::Kind::yarn: {
        const double stretched = yarn_ramp(rope)(static_cast<double>(pair));
        frequency = stretched * frequency / scaling.factor + (1 - stretched) * frequency;
        break;
      }
    }
    table.inverse_frequency.push_back(static_cast<float>(frequency));
  }
  return table;
}

}  // namespace hearth::nn
