// SPDX-License-Identifier: Apache-2.0
#include "lib/train/data_parallel.h"

namespace hearth::train {
namespace {

constexpr nn::Copies all_copies[] = {nn::Copies::data, nn::Copies::data_and_tensor, nn::Copies::expert_data};

}  // namespace

DataParallel::DataParallel(const comm::Mesh& mesh, nn::Model& model, const optim::Optimizer& optimizer)
    : mesh_(mesh), model_(model) {
  const nn::ParameterSet& parameters = model.parameters();
  for (const nn::Copies copies : all_copies) {
    std::vector<Tensor> gradients, weights;
    for (const nn::Parameter& parameter : parameters.all()) {
      const bool among = parameter.spec.copies == copies;
      gradients.push_back(among ? parameter.gradient : Tensor{});
      weights.push_back(among ? parameter.weight : Tensor{});
    }
    const optim::Sharding& sharding = optimizer.sharding(copies);
    bounds_[static_cast<std::size_t>(copies)] = {sharding.bounds_in(parameters.gradients(copies), gradients),
                                                 sharding.bounds_in(parameters.weights(copies), weights)};
  }
}

comm::Piece DataParallel::share_of(std::int64_t n) const {
  return comm::piece_of(n, mesh_.data().rank(), mesh_.data().size());
}

std::int64_t DataParallel::n_passes(std::int64_t n, std::int64_t rows_at_once) const {
  return (comm::piece_of(n, 0, mesh_.data().size()).count + rows_at_once - 1) / rows_at_once;
}

comm::Communicator& DataParallel::ranks_of(nn::Copies copies) const {
  return copies == nn::Copies::expert_data ? mesh_.expert_replicas() : mesh_.replicas();
}

void DataParallel::reduce(Stream& stream) {
  if (alone()) return;
  std::vector<comm::Pending> pending;
  for (const nn::Copies copies : all_copies) {
    const Tensor& gradients = model_.parameters().gradients(copies);
    if (gradients.n_elements() == 0) continue;
    if (copies == nn::Copies::data_and_tensor) mesh_.tensor().all_reduce(stream, gradients).wait(stream);
    pending.push_back(
        ranks_of(copies).reduce_pieces(stream, gradients, bounds_[static_cast<std::size_t>(copies)].gradients));
  }
  reduce_ledger(stream);
  for (comm::Pending& each : pending) each.wait(stream);
}

// Tensor ranks have the same, stages different layers of it.
void DataParallel::reduce_ledger(Stream& stream) {
  // The ledger is packed: its numbers, then the counts.
  const nn::Ledger& ledger = model_.ledger();
  const std::int64_t n_numbers =
      (ledger.router_z.data - ledger.head.data) / static_cast<std::int64_t>(sizeof(double)) + 1;
  const auto n_counts = static_cast<std::int64_t>(ledger.all.bytes() / sizeof(std::int64_t)) - n_numbers;
  const Tensor numbers(ledger.all.data, DType::f64, {n_numbers});
  const Tensor counts(ledger.all.data + n_numbers * static_cast<std::int64_t>(sizeof(double)), DType::i64, {n_counts});
  for (comm::Communicator* ranks : {&mesh_.replicas(), &mesh_.pipeline()}) {
    if (ranks->size() == 1) continue;
    ranks->all_reduce(stream, numbers).wait(stream);
    ranks->all_reduce(stream, counts).wait(stream);
  }
}

void DataParallel::add(Stream& stream, const Tensor& numbers) {
  if (!alone()) mesh_.world().all_reduce(stream, numbers).wait(stream);
}

void DataParallel::spread(Stream& stream) {
  for (const nn::Copies copies : all_copies) {
    const Tensor& weights = model_.parameters().weights(copies);
    if (ranks_of(copies).size() == 1 || weights.n_elements() == 0) continue;
    ranks_of(copies).gather_pieces(stream, weights, bounds_[static_cast<std::size_t>(copies)].weights).wait(stream);
  }
}

double DataParallel::seconds() const {
  double seconds = 0;
  for (const comm::Communicator* group : {&mesh_.world(), &mesh_.pipeline(), &mesh_.context(), &mesh_.tensor(),
                                          &mesh_.expert(), &mesh_.replicas(), &mesh_.expert_replicas()})
    seconds += group->traffic().seconds;
  return seconds;
}

}  // namespace hearth::train
