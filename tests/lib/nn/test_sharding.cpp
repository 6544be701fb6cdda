// SPDX-License-Identifier: Apache-2.0
#include "lib/nn/sharding.h"

#include <algorithm>

#include "lib/nn/depth.h"
#include "lib/nn/parameters.h"
#include "tests/support/catch.h"

namespace hearth::nn {
namespace {

ParameterSpec spec(const char* name, Shape shape, Role role, std::size_t unit, std::int64_t n_matrices = 1) {
  ParameterSpec made;
  made.name = name;
  made.shape = made.whole = shape;
  made.role = role;
  made.n_matrices = made.n_whole_matrices = n_matrices;
  made.unit = unit;
  return made;
}

const std::vector<ParameterSpec>& specs() {
  static const std::vector<ParameterSpec> all{
      spec("embedding", {1001, 16}, Role::embedding, 0),    spec("q", {32, 16}, Role::matrix, 1),
      spec("selection_bias", {8}, Role::selection_bias, 1), spec("experts.gate_up", {8, 24, 16}, Role::matrix, 1, 16),
      spec("gate_up", {96, 16}, Role::matrix, 2, 2),        spec("norm", {16}, Role::norm, 2),
  };
  return all;
}

std::int64_t row_elements(const ParameterSpec& spec) {
  return spec.shape.n_elements() / spec.shape[0];
}

}  // namespace

TEST_CASE("every row has one owner, in order, and matrices of Muon stay whole") {
  for (const int n_ranks : {1, 2, 3, 4, 7, 64}) {
    for (const bool muon : {false, true}) {
      INFO(n_ranks << " ranks, muon " << muon);
      const Sharding sharding(specs(), Parallel({.data = n_ranks}, {}), muon);
      for (std::size_t i = 0; i < specs().size(); ++i) {
        INFO(specs()[i].name);
        std::int64_t row = 0;
        const std::int64_t unit = !muon ? 1 : i == 1 ? 32 : i == 4 ? 48 : 1;
        for (int rank = 0; rank < n_ranks; ++rank) {
          const RowRange range = sharding.rows(i, rank);
          if (!specs()[i].trainable()) {
            CHECK(range.count == specs()[i].shape[0]);
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

TEST_CASE("shares are even over all units, to within what may not part") {
  const ModelConfig config = config_from_depth(12, false, 4096, 512);
  const std::vector<ParameterSpec> specs = parameters_of(config);
  for (const int n_ranks : {2, 4, 16, 60}) {
    for (const bool muon : {false, true}) {
      INFO(n_ranks << " ranks, muon " << muon);
      const Sharding sharding(specs, Parallel({.data = n_ranks}, {}), muon);
      double total = 0, most = 0, largest = 0;
      for (int rank = 0; rank < n_ranks; ++rank) {
        std::int64_t elements = 0;
        for (std::size_t i = 0; i < specs.size(); ++i)
          elements += sharding.rows(i, rank).count * row_elements(specs[i]);
        total += static_cast<double>(elements), most = std::max(most, static_cast<double>(elements));
      }
      for (const ParameterSpec& each : specs) {
        const std::int64_t together = muon && each.role == Role::matrix ? rows_of_whole_matrices(each) : 1;
        largest = std::max(largest, static_cast<double>(together * row_elements(each)));
      }
      CHECK(most <= total / n_ranks + largest);
      std::int64_t fullest = 0;
      const Parallel where = fullest_rank(specs, Parallel({.data = n_ranks}, {}), muon);
      for (std::size_t i = 0; i < specs.size(); ++i) fullest += sharding.rows(i, where).count * row_elements(specs[i]);
      CHECK(static_cast<double>(fullest) == most);
    }
  }
}

TEST_CASE("a unit is spread over as many ranks as its rows or matrices allow") {
  const std::vector<ParameterSpec> specs = parameters_of(config_from_depth(3, false, 4096, 512));
  const Sharding sharding(specs, Parallel({.data = 4}, {}), false);
  for (std::size_t unit = 0; unit < 5; ++unit) {
    std::int64_t total = 0, most = 0;
    for (int rank = 0; rank < 4; ++rank) {
      std::int64_t elements = 0;
      for (std::size_t i = 0; i < specs.size(); ++i)
        if (specs[i].unit == unit) elements += sharding.rows(i, rank).count * row_elements(specs[i]);
      total += elements, most = std::max(most, elements);
    }
    CHECK(static_cast<double>(most) == Approx(static_cast<double>(total) / 4).epsilon(0.01));
  }
}

TEST_CASE("tensor ranks own the same rows of their parts, whatever divides the vocabulary") {
  const ModelConfig config = config_from_depth(4, true, 501, 64);
  for (const int data : {2, 3}) {
    const comm::MeshShape shape{.data = data, .tensor = 2};
    const auto specs_of = [&](int rank) {
      return parameters_of(config, Parallel(shape, comm::coordinates_of(shape, rank)));
    };
    const std::vector<ParameterSpec> first = specs_of(0), second = specs_of(1);
    const Sharding of_first(first, Parallel(shape, comm::coordinates_of(shape, 0)), true);
    const Sharding of_second(second, Parallel(shape, comm::coordinates_of(shape, 1)), true);
    for (std::size_t i = 0; i < first.size(); ++i) {
      if (first[i].shape != second[i].shape) continue;
      for (int rank = 0; rank < data; ++rank) {
        CHECK(of_first.rows(i, rank).first == of_second.rows(i, rank).first);
        CHECK(of_first.rows(i, rank).count == of_second.rows(i, rank).count);
      }
    }
  }
}

TEST_CASE("what a rank keeps falls as more is shared out, as planned") {
  const ModelConfig config = config_from_depth(12, false, 512, 64);
  for (const DType dtype : {DType::f32, DType::bf16}) {
    const ParameterSet::Bytes one = ParameterSet::plan(config, dtype, Purpose::train);
    for (const int n_ranks : {2, 4}) {
      const auto plan = [&](Shard shard) {
        const Parallel parallel({.data = n_ranks}, {});
        return ParameterSet::plan(config, dtype, Purpose::train, parallel, {shard, true});
      };
      const auto share = [&](std::size_t now, std::size_t before) {
        return static_cast<double>(now) / static_cast<double>(before);
      };
      const ParameterSet::Bytes first = plan(Shard::optimizer), second = plan(Shard::gradients),
                                third = plan(Shard::parameters);
      // Two units of fourteen are whole at a time.
      const double expected = 1.0 / n_ranks, whole = 2.0 / 12;
      CHECK(share(first.weights, one.weights) == Approx(1).epsilon(0.001));
      CHECK(share(first.gradients, one.gradients) == Approx(1).epsilon(0.001));
      CHECK(second.weights == first.weights);
      CHECK(share(second.gradients, one.gradients) == Approx(expected + whole).margin(0.05));
      CHECK(third.gradients == second.gradients);
      CHECK(share(third.weights, one.weights) == Approx(expected + whole).margin(0.05));
      CHECK(third.masters == first.masters);
      if (dtype == DType::bf16) CHECK(share(first.masters, one.masters) == Approx(expected).margin(0.05));
    }
  }
}

}  // namespace hearth::nn
