// SPDX-License-Identifier: Apache-2.0
#include "lib/optim/sharding.h"

#include "tests/support/catch.h"

namespace hearth::optim {
namespace {

nn::ParameterSpec spec(const char* name, Shape shape, nn::Role role, std::int64_t n_matrices = 1) {
  nn::ParameterSpec made;
  made.name = name;
  made.shape = made.whole = shape;
  made.role = role;
  made.n_matrices = made.n_whole_matrices = n_matrices;
  return made;
}

const std::vector<nn::ParameterSpec>& specs() {
  static const std::vector<nn::ParameterSpec> all{
      spec("embedding", {1001, 16}, nn::Role::embedding),    spec("q", {32, 16}, nn::Role::matrix),
      spec("selection_bias", {8}, nn::Role::selection_bias), spec("experts.gate_up", {8, 24, 16}, nn::Role::matrix, 16),
      spec("gate_up", {96, 16}, nn::Role::matrix, 2),        spec("norm", {16}, nn::Role::norm),
  };
  return all;
}

}  // namespace

TEST_CASE("every row has one owner, in order, and matrices of Muon stay whole") {
  for (const int n_ranks : {1, 2, 3, 4, 7, 64}) {
    for (const bool muon : {false, true}) {
      INFO(n_ranks << " ranks, muon " << muon);
      const Sharding sharding(cuttable(specs(), muon, nn::Copies::data), n_ranks);
      for (std::size_t i = 0; i < specs().size(); ++i) {
        INFO(specs()[i].name);
        std::int64_t row = 0;
        const std::int64_t unit = !muon ? 1 : i == 1 ? 32 : i == 4 ? 48 : 1;
        for (int rank = 0; rank < n_ranks; ++rank) {
          const RowRange range = sharding.rows(i, rank);
          if (!specs()[i].trainable()) {
            CHECK(range.count == 0);
            continue;
          }
          if (range.count == 0) continue;
          CHECK(range.first == row);
          CHECK(range.first % unit == 0);
          row += range.count;
        }
        if (specs()[i].trainable()) CHECK(row == specs()[i].shape[0]);
      }
    }
  }
}

TEST_CASE("the shares are about equal, and one after another in memory") {
  constexpr int n_ranks = 4;
  const Sharding sharding(cuttable(specs(), false, nn::Copies::data), n_ranks);
  // As ParameterSet lays them out: aligned to 64 bytes.
  std::vector<float> memory(40000);
  std::vector<Tensor> tensors;
  std::size_t at = 0, trainable = 0;
  for (const nn::ParameterSpec& each : specs()) {
    if (!each.trainable()) {
      tensors.emplace_back();
      continue;
    }
    tensors.emplace_back(memory.data() + at, each.shape);
    trainable += static_cast<std::size_t>(each.shape.n_elements());
    at += (static_cast<std::size_t>(each.shape.n_elements()) + 15) / 16 * 16;
  }
  const Tensor all(memory.data(), {static_cast<std::int64_t>(at)});
  const auto bounds = sharding.bounds_in(all, tensors);
  REQUIRE(bounds.size() == n_ranks + 1);
  for (int rank = 0; rank < n_ranks; ++rank) {
    const auto r = static_cast<std::size_t>(rank);
    CHECK(static_cast<double>(bounds[r + 1] - bounds[r]) ==
          Approx(static_cast<double>(trainable) / n_ranks).epsilon(0.05));
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      const RowRange range = sharding.rows(i, rank);
      if (range.count == 0) continue;
      const Tensor rows = tensors[i].rows(range.first, range.count);
      CHECK(rows.data >= all.data + 4 * bounds[r]);
      CHECK(rows.data + rows.bytes() <= all.data + 4 * bounds[r + 1]);
    }
  }
}

}  // namespace hearth::optim
