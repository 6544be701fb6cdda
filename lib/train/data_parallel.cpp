// SPDX-License-Identifier: Apache-2.0
#include "lib/train/data_parallel.h"

namespace hearth::train {

DataParallel::DataParallel(const comm::Mesh& mesh, nn::Model& model, const optim::Sharding& sharding)
    : ranks_(mesh.replicas()), model_(model) {
  const nn::ParameterSet& parameters = model.parameters();
  std::vector<Tensor> gradients, weights;
  for (const nn::Parameter& parameter : parameters.all()) {
    gradients.push_back(parameter.gradient);
    weights.push_back(parameter.weight);
  }
  gradient_bounds_ = sharding.bounds_in(parameters.gradients(), gradients);
  weight_bounds_ = sharding.bounds_in(parameters.weights(), weights);
}

void DataParallel::reduce(Stream& stream) {
  if (ranks_.size() == 1) return;
  comm::Pending gradients = ranks_.reduce_pieces(stream, model_.parameters().gradients(), gradient_bounds_);
  // The ledger is packed: its numbers, then the counts.
  const nn::Ledger& ledger = model_.ledger();
  const std::int64_t n_numbers =
      (ledger.router_z.data - ledger.head.data) / static_cast<std::int64_t>(sizeof(double)) + 1;
  comm::Pending numbers = ranks_.all_reduce(stream, Tensor(ledger.all.data, DType::f64, {n_numbers}));
  const auto n_counts = static_cast<std::int64_t>(ledger.all.bytes() / sizeof(std::int64_t)) - n_numbers;
  comm::Pending counts = ranks_.all_reduce(
      stream, Tensor(ledger.all.data + n_numbers * static_cast<std::int64_t>(sizeof(double)), DType::i64, {n_counts}));
  gradients.wait(stream);
  numbers.wait(stream);
  counts.wait(stream);
}

void DataParallel::add(Stream& stream, const Tensor& numbers) {
  if (ranks_.size() > 1) ranks_.all_reduce(stream, numbers).wait(stream);
}

void DataParallel::spread(Stream& stream) {
  if (ranks_.size() > 1) ranks_.gather_pieces(stream, model_.parameters().weights(), weight_bounds_).wait(stream);
}

}  // namespace hearth::train
