// SPDX-License-Identifier: Apache-2.0
// Names, memory and the random start of a model's parameters.
#include <algorithm>
#include <cmath>
#include <map>

#include "lib/nn/depth.h"
#include "lib/nn/parameters.h"
#include "tests/lib/nn/golden.h"
#include "tests/support/catch.h"

using namespace hearth;
using namespace hearth::nn;

TEST_CASE("a random start depends on seed, name and index alone") {
  const ModelConfig small = config_from_depth(2, true, 500, 64);
  ModelConfig deeper = small;
  deeper.layers.insert(deeper.layers.begin() + 1, 0);  // other tensors come before and between
  const auto start = [](const ModelConfig& config, int threads, std::uint64_t seed, const char* name) {
    ThreadPool pool(threads);
    Stream stream(pool);
    ParameterSet parameters(config, DType::f32, Purpose::train);
    parameters.initialise(stream, seed);
    return values_of(parameters.get(name).master);
  };
  for (const char* name : {"embedding", "layers.0.attention.q", "head"}) {
    const auto expected = start(small, 1, 1, name);
    CHECK(start(small, 2, 1, name) == expected);
    CHECK(start(deeper, 3, 1, name) == expected);
    CHECK(start(small, 1, 2, name) != expected);
  }
  CHECK(start(small, 1, 1, "embedding") != start(small, 1, 1, "head"));
}

TEST_CASE("each tensor starts with its own mean and deviation") {
  ThreadPool pool(2);
  Stream stream(pool);
  ParameterSet parameters(config_from_depth(3, true, 2000, 64), DType::bf16, Purpose::train);
  parameters.initialise(stream, 5);
  for (const Parameter& parameter : parameters.all()) {
    double sum = 0, squares = 0;
    for (const float value : parameter.master.span<float>()) sum += value, squares += static_cast<double>(value) * value;
    const auto n = static_cast<double>(parameter.master.n_elements());
    INFO(parameter.spec.name);
    CHECK(sum / n == Approx(parameter.spec.init_mean).margin(5 * parameter.spec.init_std / std::sqrt(n) + 1e-9));
    const double variance = squares / n - (sum / n) * (sum / n);
    CHECK(std::sqrt(std::max(0.0, variance)) == Approx(parameter.spec.init_std).epsilon(std::min(0.5, 5 / std::sqrt(2 * n))).margin(1e-6));
    CHECK(parameter.weight.dtype == (parameter.spec.always_f32() ? DType::f32 : DType::bf16));
    CHECK(static_cast<float>(values_of(parameter.weight)[0]) == Approx(values_of(parameter.master)[0]).epsilon(0.01));
    CHECK(static_cast<bool>(parameter.gradient) == parameter.spec.trainable());
  }
}

TEST_CASE("the plan of parameters is what they take") {
  const ModelConfig config = config_from_depth(2, true, 300, 64);
  for (const DType dtype : {DType::f32, DType::bf16}) {
    for (const Purpose purpose : {Purpose::run, Purpose::train}) {
      const ParameterSet parameters(config, dtype, purpose);
      std::size_t weights = 0, masters = 0, gradients = 0;
      for (const Parameter& parameter : parameters.all()) {
        weights += parameter.weight.bytes();
        if (parameter.master && parameter.master.data != parameter.weight.data) masters += parameter.master.bytes();
        if (parameter.gradient) gradients += parameter.gradient.bytes();
      }
      const ParameterSet::Bytes plan = ParameterSet::plan(config, dtype, purpose);
      const std::size_t gaps = 64 * parameters.all().size();
      CHECK((plan.weights >= weights && plan.weights < weights + gaps));
      CHECK(plan.masters == masters);
      CHECK((plan.gradients >= gradients && plan.gradients < gradients + gaps));
    }
  }
  CHECK_THROWS_WITH(ParameterSet(config, DType::f16, Purpose::run), Catch::Contains("f32 or bf16, not in f16"));
}

// Every rank of a mesh starts with its rows of one rank's start, and together they have all of it.
TEST_CASE("the parts of a mesh are those of the whole, from the same start") {
  ThreadPool pool(1);
  Stream stream(pool);
  const ModelConfig config = config_from_depth(4, true, 501, 64);
  ParameterSet whole(config, DType::f32, Purpose::train);
  whole.initialise(stream, 3);
  const std::vector<comm::MeshShape> shapes{{.data = 1, .tensor = 2},
                                            {.data = 2, .expert = 2},
                                            {.data = 1, .pipeline = 3},
                                            {.data = 2, .pipeline = 2, .context = 2, .tensor = 2, .expert = 4}};
  for (const comm::MeshShape& shape : shapes) {
    INFO(shape.text());
    std::map<std::string, std::vector<int>> holders;  // by tensor and element
    for (int rank = 0; rank < shape.n_ranks(); ++rank) {
      const Parallel parallel(shape, comm::coordinates_of(shape, rank));
      ParameterSet parts(config, DType::f32, Purpose::train, {}, parallel);
      parts.initialise(stream, 3);
      for (const Parameter& part : parts.all()) {
        INFO(part.spec.name << " of rank " << rank);
        const Tensor& all = whole.get(part.spec.name).master;
        if (part.own.count == 0) continue;
        std::vector<float> expected(static_cast<std::size_t>(part.master.n_elements()));
        take_rows(part.spec, all, part.own, Tensor(expected.data(), part.master.shape));
        CHECK(values_of(part.master) == expected);
        std::vector<int>& held = holders[part.spec.name];
        held.resize(static_cast<std::size_t>(all.n_elements()));
        const std::int64_t row = part.spec.shape.n_elements() / part.spec.shape[0];
        part.spec.for_runs([&](std::int64_t begin, std::int64_t whole_begin, std::int64_t count) {
          for (std::int64_t i = 0; i < count; ++i) {
            const std::int64_t of_part = (begin + i) / row;
            if (of_part >= part.own.first && of_part < part.own.first + part.own.count)
              ++held[static_cast<std::size_t>(whole_begin + i)];
          }
        });
      }
    }
    for (const Parameter& parameter : whole.all()) {
      INFO(parameter.spec.name);
      const std::vector<int>& held = holders[parameter.spec.name];
      REQUIRE(held.size() == static_cast<std::size_t>(parameter.master.n_elements()));
      CHECK(std::ranges::count(held, held.front()) == std::ssize(held));  // all elements on equally many ranks
      CHECK(held.front() > 0);
    }
  }
}
