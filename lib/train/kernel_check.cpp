// SPDX-License-Identifier: Apache-2.0
#include "lib/train/kernel_check.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/text.h"
#include "lib/comm/mesh.h"
#include "lib/device/memory.h"
#include "lib/train/evaluate.h"

namespace hearth::train {
namespace {

// The relative difference of two correct implementations: rounding, and in mixtures a token near a tie that goes to
// another expert. What a wrong kernel gives is of order 1.
constexpr double tolerance_f32 = 2e-3, tolerance_bf16 = 0.15;
constexpr std::uint32_t most_tokens = 128;

data::Batch sample(const data::HeldOut& held_out) {
  data::Row row = held_out.rows().front();
  std::uint32_t left = most_tokens;
  std::vector<data::Piece> pieces;
  for (data::Piece piece : row.pieces) {
    piece.n_tokens = std::min(piece.n_tokens, left);
    left -= piece.n_tokens;
    if (piece.n_tokens > 0) pieces.push_back(piece);
  }
  row.pieces = pieces;
  return held_out.assemble(std::span(&row, 1), 1);
}

struct Side {
  double loss = 0;
  std::vector<std::vector<float>> gradients;  // by parameter; of the own rows, where they are shared out; empty: none
};

// Whether gradients are summed over the ranks, and shared out.
bool has_sums(const nn::Model& model) {
  return model.settings().shard.shard != nn::Shard::optimizer;
}

Side run(Stream& stream, nn::Model& model, const data::Batch& batch) {
  model.parameters().zero_gradients(stream);
  Side side;
  model.begin_step();
  model.add(stream, view_of(batch), nn::cross_entropy(static_cast<double>(batch.n_targets)));
  model.finish_step(stream);
  if (has_sums(model)) model.units().reduce(stream);
  std::vector<std::uint8_t> ledger = host_copy<std::uint8_t>(stream, model.ledger().all);
  side.loss = model.result_of(Tensor(ledger.data(), model.ledger().all.shape)).loss;
  for (const nn::Parameter& parameter : model.parameters().all()) {
    const Tensor& gradient = has_sums(model) ? parameter.own_gradient : parameter.gradient;
    if (gradient)
      side.gradients.push_back(host_copy<float>(stream, gradient));
    else
      side.gradients.emplace_back();
  }
  model.parameters().zero_gradients(stream);
  model.begin_step();
  return side;
}

// The same by the reference kernels, which need the weights on the host.
Side run_reference(Context& context, nn::Model& model, const data::Batch& batch) {
  Stream reference(context.pool, HostKernels::ref);
  if (context.stream.is_host()) return run(reference, model, batch);
  nn::ModelSettings settings = model.settings();
  settings.device = {};
  settings.max_tokens = view_of(batch).n_tokens();
  nn::Model host(model.config(), model.parameters().dtype(), settings);
  for (std::size_t i = 0; i < model.parameters().all().size(); ++i) {
    const nn::Parameter &from = model.parameters().all()[i], &to = host.parameters().all()[i];
    if (to.weight)
      context.stream.copy(from.weight, to.weight);
    else if (from.own.count > 0)
      context.stream.copy(from.own_weight, to.own_weight);
  }
  context.stream.wait();
  return run(reference, host, batch);
}

// |a - b| and |b| of two vectors, squared; of rows that are shared out the sums over all ranks' are a whole tensor's.
struct Distances {
  std::vector<double> squares;  // by parameter two

  Distances(const Side& a, const Side& b) {
    for (std::size_t i = 0; i < b.gradients.size(); ++i) {
      double difference = 0, norm = 0;
      for (std::size_t j = 0; j < b.gradients[i].size(); ++j) {
        const double of_b = b.gradients[i][j], apart = a.gradients[i][j] - of_b;
        difference += apart * apart;
        norm += of_b * of_b;
      }
      squares.insert(squares.end(), {difference, norm});
    }
  }

  void sum(Stream& stream, const comm::Mesh& mesh, const nn::ParameterSet& parameters) {
    std::vector<double> others = squares, experts = squares;
    for (std::size_t i = 0; i < squares.size(); ++i)
      (parameters.all()[i / 2].spec.copies == nn::Copies::expert_data ? others : experts)[i] = 0;
    const auto all = [](std::vector<double>& values) {
      return Tensor(values.data(), {static_cast<std::int64_t>(values.size())});
    };
    mesh.replicas().all_reduce(stream, all(others)).wait(stream);
    mesh.expert_replicas().all_reduce(stream, all(experts)).wait(stream);
    for (std::size_t i = 0; i < squares.size(); ++i) squares[i] = others[i] + experts[i];
  }

  // |a - b| / |b|; a vector of zeros is measured against 1e-6.
  double relative(std::size_t parameter) const {
    return std::sqrt(squares[2 * parameter]) / std::max(std::sqrt(squares[2 * parameter + 1]), 1e-6);
  }
};

}  // namespace

std::string check_kernels(Context& context, nn::Model& model, const data::HeldOut& held_out) {
  const data::Batch batch = sample(held_out);
  const Side fast = run(context.stream, model, batch), slow = run_reference(context, model, batch);
  const double loss = std::abs(fast.loss - slow.loss) / std::max(std::abs(slow.loss), 1e-6);
  Stream on_host(context.pool);  // where the numbers are
  Distances distances(fast, slow);
  if (context.mesh != nullptr && has_sums(model)) distances.sum(on_host, *context.mesh, model.parameters());
  double worst = 0;
  std::string worst_name;
  for (std::size_t i = 0; i < slow.gradients.size(); ++i) {
    const double difference = distances.relative(i);
    if (!std::isnan(worst) && !(difference <= worst)) {
      worst = difference;
      worst_name = model.parameters().all()[i].spec.name;
    }
  }
  double most[2] = {loss, worst};  // over all ranks
  if (context.mesh != nullptr) {
    context.mesh->world().all_reduce(on_host, Tensor(most, {2}), comm::Reduce::max).wait(on_host);
  }
  const bool here = worst == most[1] && !worst_name.empty();
  const std::string text = "loss differs by " + format_number(most[0], 2) + ", gradients by at most " +
                           format_number(most[1], 2) + (here ? " (" + worst_name + ")" : "");
  const double tolerance = model.parameters().dtype() == DType::f32 ? tolerance_f32 : tolerance_bf16;
  if (!(most[0] <= tolerance) || !(most[1] <= tolerance)) {
    throw Error(Kind::internal, "the fast kernels disagree with the reference: " + text + ", relative, where " +
                                    format_number(tolerance, 2) + " is allowed: run `hearth doctor`");
  }
  return text;
}

}  // namespace hearth::train
