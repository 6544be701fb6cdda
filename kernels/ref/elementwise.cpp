// SPDX-License-Identifier: Apache-2.0
// Elementwise operations and sums.
#include "kernels/elementwise.h"

#include "kernels/backend.h"
#include "kernels/ref/values.h"

namespace hearth::kernels::ref {

void add(Stream&, const AddArgs& args) {
  Values y = read(args.a);
  const Values b = read(args.b);
  for (std::size_t i = 0; i < y.size(); ++i) y[i] += b[i];
  write(args.y, y);
}

void cast(Stream&, const CastArgs& args) {
  write(args.y, read(args.x));
}

void fill(Stream&, const FillArgs& args) {
  write(args.y, Values(args.y.n_elements(), args.value));
}

void scale(Stream&, const ScaleArgs& args) {
  Values y = read(args.x);
  for (double& value : y) value *= args.factor;
  write(args.y, y);
}

void add_bias(Stream&, const AddBiasArgs& args) {
  Values y = read(args.y);
  const Values bias = read(args.bias);
  for (std::size_t i = 0; i < y.size(); ++i) y[i] += bias[i % bias.size()];
  write(args.y, y);
}

void sum_of_squares(Stream&, const SumOfSquaresArgs& args) {
  for (const double value : read(args.x)) *args.total.as<double>() += value * value;
}

void sum(Stream&, const SumArgs& args) {
  const Values x = read(args.x), weight = args.weight ? read(args.weight) : Values(x.size(), 1);
  for (std::size_t i = 0; i < x.size(); ++i) *args.total.as<double>() += weight[i] * x[i];
}

void sum_rows(Stream&, const SumRowsArgs& args) {
  const Values x = read(args.x);
  Values total = read(args.total);
  for (std::size_t i = 0; i < x.size(); ++i) total[i % total.size()] += x[i];
  write(args.total, total);
}

}  // namespace hearth::kernels::ref
