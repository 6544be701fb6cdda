// SPDX-License-Identifier: Apache-2.0
// Optimiser steps against torch's own, schedules, clipping, and that the state is all that resuming needs.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/adamw.h"
#include "kernels/muon.h"
#include "lib/base/json_value.h"
#include "lib/base/rng.h"
#include "lib/nn/depth.h"
#include "lib/optim/optimizer.h"
#include "lib/optim/schedule.h"
#include "tests/support/catch.h"

using namespace hearth;
using namespace hearth::optim;

namespace {
const Json& golden() {
  static const Json json = read_json(std::string(HEARTH_SOURCE_DIR) + "/tests/golden/optim.json");
  return json;
}

double worst(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0;
  for (std::size_t i = 0; i < b.size(); ++i) difference = std::max<double>(difference, std::abs(a[i] - b[i]));
  return difference;
}

void fill(nn::ParameterSet& parameters, std::uint64_t seed, bool gradients) {
  Rng rng(seed);
  for (nn::Parameter& parameter : parameters.all()) {
    const Tensor& tensor = gradients ? parameter.gradient : parameter.master;
    if (!tensor) continue;
    for (float& value : tensor.span<float>()) value = static_cast<float>(0.1 * rng.normal());
  }
}

std::vector<float> weights_of(const nn::ParameterSet& parameters) {
  std::vector<float> all;
  for (const nn::Parameter& parameter : parameters.all()) {
    const auto span = parameter.master.span<float>();
    all.insert(all.end(), span.begin(), span.end());
  }
  return all;
}

nn::ModelConfig tiny() {
  nn::ModelConfig config = nn::config_from_depth(2, true, 64, 32);
  config.hidden = 16;
  for (auto& [name, block] : config.blocks) {
    block.attention = {.heads = 2, .kv_heads = 1, .head_dim = 8};
    block.rope.dims = 8;
    if (block.feed_forward.moe) {
      block.feed_forward.moe->ffn = block.feed_forward.moe->shared_ffn = 8;
    } else {
      block.feed_forward.ffn = 24;
    }
  }
  nn::check_config(config);
  return config;
}

// Applies the steps of golden run `name`; the parameter's values at the end.
std::vector<float> replay(Stream& stream, const std::string& name, float learning_rate) {
  const Json& run = golden().at(name);
  const Shape shape(run.at("shape").get<std::vector<std::int64_t>>());
  auto values = run.at("start").get<std::vector<float>>();
  std::vector<float> first(values.size()), second(values.size());
  const Buffer workspace(static_cast<std::size_t>(kernels::muon_workspace_bytes(shape)));
  std::int64_t step = 0;
  for (const Json& json : run.at("gradients")) {
    const auto gradient = json.get<std::vector<float>>();
    if (name.rfind("adamw", 0) == 0) {
      kernels::AdamwArgs args;
      args.parameter = Tensor(values.data(), shape), args.gradient = Tensor(gradient.data(), shape);
      args.m = Tensor(first.data(), shape), args.v = Tensor(second.data(), shape);
      args.learning_rate = learning_rate, args.step = ++step;
      args.weight_decay = name == "adamw_decay" ? 0.1f : 0;
      kernels::adamw(stream, args);
    } else {
      kernels::MuonArgs args;
      args.parameter = Tensor(values.data(), shape), args.gradient = Tensor(gradient.data(), shape);
      args.buffer = Tensor(first.data(), shape);
      args.workspace = Tensor(workspace.data(), DType::u8, {static_cast<std::int64_t>(workspace.bytes())});
      args.learning_rate = learning_rate, args.weight_decay = 0.1f, args.compute = DType::f32;
      args.update_scale = 0.2f * std::sqrt(static_cast<float>(std::max(shape[-1], shape[-2])));
      kernels::muon(stream, args);
    }
  }
  return values;
}
}  // namespace

TEST_CASE("five steps of AdamW and Muon are torch's") {
  ThreadPool pool(2);
  const auto learning_rate = golden().at("learning_rate").get<float>();
  for (const HostKernels kernels : {HostKernels::ref, HostKernels::cpu}) {
    Stream stream(pool, kernels);
    for (const char* name : {"adamw", "adamw_decay", "muon_wide", "muon_tall", "muon_batch"}) {
      INFO(name);
      CHECK(worst(replay(stream, name, learning_rate), golden().at(name).at("end").get<std::vector<float>>()) < 2e-5);
    }
  }
}

TEST_CASE("each kind of parameter gets its optimiser, and the state is named after it") {
  const nn::ParameterSet parameters(tiny(), DType::f32, nn::Purpose::train);
  const Optimizer optimizer(parameters, {});
  std::vector<std::string> names;
  for (const StateTensor& state : optimizer.state()) names.push_back(state.name);
  const auto has = [&](const char* name) { return std::count(names.begin(), names.end(), name) == 1; };
  for (const char* name : {"embedding.m", "embedding.v", "head.v", "layers.0.attention.norm.m", "layers.1.ffn.router.m",
                           "layers.1.ffn.experts.gate_up.momentum", "layers.0.attention.q.momentum"}) {
    INFO(name);
    CHECK(has(name));
  }
  CHECK_FALSE(has("layers.0.attention.q.m"));
  CHECK(std::none_of(names.begin(), names.end(),
                     [](const std::string& name) { return name.find("selection_bias") != std::string::npos; }));
  OptimizerSettings adamw;
  adamw.muon = false;
  CHECK(Optimizer(parameters, adamw).state().size() == 2 * (parameters.all().size() - 1));
  CHECK(Optimizer::plan_bytes(tiny(), adamw) > Optimizer::plan_bytes(tiny(), {}));
}

TEST_CASE("steps, state and masters restored give the same bits as never stopping") {
  ThreadPool pool(2);
  Stream stream(pool);
  for (const DType dtype : {DType::f32, DType::bf16}) {
    const auto take = [&](Optimizer& optimizer, nn::ParameterSet& parameters, int from, int to) {
      for (int step = from; step < to; ++step) {
        fill(parameters, 100 + static_cast<std::uint64_t>(step), true);
        optimizer.step(stream, parameters, 0.01, optimizer.gradient_norm(stream, parameters));
      }
    };
    nn::ParameterSet straight(tiny(), dtype, nn::Purpose::train);
    fill(straight, 1, false);
    Optimizer through(straight, {});
    take(through, straight, 0, 4);

    nn::ParameterSet before(tiny(), dtype, nn::Purpose::train), after(tiny(), dtype, nn::Purpose::train);
    fill(before, 1, false);
    Optimizer first(before, {}), second(after, {});
    take(first, before, 0, 2);
    for (std::size_t i = 0; i < before.all().size(); ++i) {
      const Tensor& master = before.all()[i].master;
      std::memcpy(after.all()[i].master.data, master.data, master.bytes());
    }
    after.refresh_weights(stream);
    for (std::size_t i = 0; i < first.state().size(); ++i) {
      const Tensor& state = first.state()[i].tensor;
      std::memcpy(second.state()[i].tensor.data, state.data, state.bytes());
    }
    second.set_steps(first.steps());
    take(second, after, 2, 4);
    CHECK(weights_of(after) == weights_of(straight));
    for (const nn::Parameter& parameter : after.all()) {
      if (parameter.weight.dtype != DType::bf16) continue;
      const auto masters = parameter.master.span<float>();
      CHECK(std::equal(masters.begin(), masters.end(), parameter.weight.span<bf16>().begin(),
                       [](float master, bf16 weight) { return bf16(master).bits == weight.bits; }));
    }
  }
}

TEST_CASE("a gradient beyond the clip acts as one of the clip's norm") {
  ThreadPool pool(1);
  Stream stream(pool);
  OptimizerSettings settings;
  settings.muon = false;
  nn::ParameterSet large(tiny(), DType::f32, nn::Purpose::train), small(tiny(), DType::f32, nn::Purpose::train);
  fill(large, 3, true);
  Optimizer a(large, settings), b(small, settings);
  const double norm = a.gradient_norm(stream, large);
  double squares = 0;
  for (const nn::Parameter& parameter : large.all()) {
    if (!parameter.gradient) continue;
    for (const float g : parameter.gradient.span<float>()) squares += static_cast<double>(g) * g;
  }
  CHECK(norm == Approx(std::sqrt(squares)));
  REQUIRE(norm > 1);
  fill(small, 3, true);
  for (nn::Parameter& parameter : small.all()) {
    if (!parameter.gradient) continue;
    for (float& g : parameter.gradient.span<float>()) g /= static_cast<float>(norm);
  }
  a.step(stream, large, 0.01, norm);
  b.step(stream, small, 0.01, b.gradient_norm(stream, small));
  for (std::size_t i = 0; i < a.state().size(); ++i) {
    const auto left = a.state()[i].tensor.span<float>(), right = b.state()[i].tensor.span<float>();
    for (std::size_t j = 0; j < left.size(); ++j) REQUIRE(left[j] == Approx(right[j]).epsilon(1e-4).margin(1e-12));
  }
  large.all()[0].gradient.span<float>()[5] = std::nanf("");
  CHECK_FALSE(std::isfinite(a.gradient_norm(stream, large)));
}

TEST_CASE("schedules") {
  const Schedule wsd{Schedule::Kind::wsd, 100, 10, 39, 0};
  CHECK(wsd.factor(0) == Approx(0.1));
  CHECK(wsd.factor(9) == 1);
  CHECK(wsd.factor(60) == 1);
  CHECK(wsd.factor(61) == Approx(39.0 / 40));
  CHECK(wsd.factor(99) == Approx(1.0 / 40));
  CHECK(wsd.factor(100) == 0);
  const Schedule cosine{Schedule::Kind::cosine, 100, 10, 0, 0.1};
  const auto expected = golden().at("cosine").get<std::vector<double>>();
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CHECK(cosine.factor(10 + static_cast<std::int64_t>(i)) == Approx(expected[i]));
  }
}
