// SPDX-License-Identifier: Apache-2.0
#include "kernels/rope.h"

#include <cmath>

#include "kernels/backend.h"
#include "kernels/ref/values.h"

namespace hearth::kernels::ref {

void rope_table(Stream&, const RopeTableArgs& args) {
  const std::vector<std::int64_t> positions = read_indices(args.positions);
  const std::int64_t half = args.inverse_frequency.shape[0];
  const auto frequency = args.inverse_frequency.span<float>();
  Values table(positions.size() * 2 * half);
  for (std::size_t token = 0; token < positions.size(); ++token) {
    for (std::int64_t i = 0; i < half; ++i) {
      const float angle = static_cast<float>(positions[token]) * frequency[i];
      table[(token * 2 + 0) * half + i] = args.multiplier * std::cos(static_cast<double>(angle));
      table[(token * 2 + 1) * half + i] = args.multiplier * std::sin(static_cast<double>(angle));
    }
  }
  write(args.cos_sin, table);
}

void rope(Stream&, const RopeArgs& args) {
  const std::int64_t tokens = args.x.shape[0], heads = args.x.shape[1], head_dim = args.x.shape[2];
  const std::int64_t half = args.cos_sin.shape[2];
  const Values x = read(args.x), table = read(args.cos_sin);
  Values y = x;
  for (std::int64_t token = 0; token < tokens; ++token) {
    for (std::int64_t head = 0; head < heads; ++head) {
      const std::int64_t base = (token * heads + head) * head_dim;
      for (std::int64_t i = 0; i < half; ++i) {
        const double cosine = table[(token * 2 + 0) * half + i];
        const double sine = (args.backward ? -1 : 1) * table[(token * 2 + 1) * half + i];
        y[base + i] = x[base + i] * cosine - x[base + i + half] * sine;
        y[base + i + half] = x[base + i + half] * cosine + x[base + i] * sine;
      }
    }
  }
  write(args.y, y);
}

}  // namespace hearth::kernels::ref
