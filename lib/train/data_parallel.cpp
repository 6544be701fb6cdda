// SPDX-License-Identifier: Apache-2.0
#include "lib/train/data_parallel.h"

namespace hearth::train {

DataParallel::DataParallel(const comm::Mesh& mesh, nn::Model& model) : mesh_(mesh), model_(model) {}

comm::Piece DataParallel::share_of(std::int64_t n) const {
  return comm::piece_of(n, mesh_.data().rank(), mesh_.data().size());
}

std::int64_t DataParallel::n_passes(std::int64_t n, std::int64_t rows_at_once) const {
  return (comm::piece_of(n, 0, mesh_.data().size()).count + rows_at_once - 1) / rows_at_once;
}

void DataParallel::reduce(Stream& stream) {
  if (alone()) return;
  model_.units().reduce(stream);
  reduce_ledger(stream);
}

// Tensor ranks have the same, stages different layers of it.
void DataParallel::reduce_ledger(Stream& stream) {
  // The ledger is packed: its numbers, then the counts, then the rounds.
  const nn::Ledger& ledger = model_.ledger();
  const std::int64_t n_numbers =
      (ledger.router_z.data - ledger.head.data) / static_cast<std::int64_t>(sizeof(double)) + 1;
  const auto n_counts = static_cast<std::int64_t>(ledger.all.bytes() / sizeof(std::int64_t)) - n_numbers - 1;
  const Tensor numbers(ledger.all.data, DType::f64, {n_numbers});
  const Tensor counts(ledger.all.data + n_numbers * static_cast<std::int64_t>(sizeof(double)), DType::i64, {n_counts});
  for (comm::Communicator* ranks : {&mesh_.replicas(), &mesh_.pipeline()}) {
    if (ranks->size() == 1) continue;
    ranks->all_reduce(stream, numbers).wait(stream);
    ranks->all_reduce(stream, counts).wait(stream);
    if (mesh_.shape().expert > 1) ranks->all_reduce(stream, ledger.rounds, comm::Reduce::max).wait(stream);
  }
}

void DataParallel::add(Stream& stream, const Tensor& numbers) {
  if (!alone()) mesh_.world().all_reduce(stream, numbers).wait(stream);
}

void DataParallel::spread(Stream& stream) {
  if (!alone()) model_.units().spread(stream);
}

double DataParallel::seconds() const {
  double seconds = 0;
  for (const comm::Communicator* group : {&mesh_.world(), &mesh_.pipeline(), &mesh_.context(), &mesh_.tensor(),
                                          &mesh_.expert(), &mesh_.replicas(), &mesh_.expert_replicas()})
    seconds += group->traffic().seconds;
  return seconds;
}

}  // namespace hearth::train
