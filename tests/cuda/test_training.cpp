// SPDX-License-Identifier: Apache-2.0
// Whole training steps of a tiny dense and a tiny mixture model on CUDA: the losses, gradients and weights of the host.
#include <cmath>

#include "kernels/cuda_backend.h"
#include "kernels/elementwise.h"
#include "lib/base/json_value.h"
#include "lib/base/rng.h"
#include "lib/nn/model.h"
#include "lib/optim/optimizer.h"
#include "tests/cuda/support.h"
#include "tests/support/catch.h"

namespace hearth::nn {
namespace {

ModelConfig tiny(bool mixture) {
  const std::string attention =
      R"("mixer": {"kind": "gqa", "heads": 4, "kv_heads": 2, "head_dim": 16, "qk_norm": true},
         "rope": {"theta": 10000, "dims": 16})";
  const std::string text = R"({"schema": "hearth.model/1", "vocab": 96, "hidden": 32, "context": 64, "blocks": {
      "dense": {)" + attention +
                           R"(, "ffn": {"kind": "glu", "ffn": 48}},
      "mixture": {)" + attention +
                           R"(, "ffn": {"kind": "moe", "experts": 4, "k": 2, "ffn": 16, "shared_ffn": 16,
        "router": {"score": "sigmoid", "selection_bias": true}}}},
      "layers": ["dense", ")" +
                           (mixture ? "mixture" : "dense") + R"("]})";
  return parse_config(parse_json(text, "the test's model"), "the test's model");
}

// 60 tokens in three documents, some without a target.
struct Text {
  std::vector<std::int32_t> ids, positions, cu_seqlens{0, 21, 22, 60}, targets;
  std::vector<float> weights;
  explicit Text(std::uint64_t seed) {
    Rng rng(seed);
    for (std::int32_t i = 0; i < 60; ++i) {
      ids.push_back(static_cast<std::int32_t>(rng.below(96)));
      positions.push_back(i < 21 ? i : i < 22 ? 0 : i - 22);
      const bool last = i == 20 || i == 21 || i == 59;
      targets.push_back(last ? -1 : static_cast<std::int32_t>(rng.below(96)));
      weights.push_back(last ? 0.0f : 1.0f);
    }
  }
  Batch view() const {
    return {.ids = {ids.data(), {60}},
            .positions = {positions.data(), {60}},
            .cu_seqlens = {cu_seqlens.data(), {4}},
            .targets = {targets.data(), {60}},
            .token_weight = {weights.data(), {60}},
            .embeddings = {}};
  }
};

// What three steps of two microbatches each leave.
struct Run {
  std::vector<double> losses, norms;
  ExpertCounts counts;
  std::vector<std::vector<float>> gradients, masters;  // gradients of the first step
  std::vector<float> log_probs;
};

Run train(const Device& device, bool mixture, DType dtype, std::size_t activation_bytes,
          const GpuKernels& kernels = {}) {
  ThreadPool pool(2);
  Stream stream(device, pool);
  stream.choose(kernels);
  ModelSettings settings;
  settings.gpu_kernels = kernels;
  settings.device = device;
  settings.max_tokens = 64;
  settings.activation_bytes = activation_bytes;
  settings.balance_coefficient = 0.01f;
  settings.router_z_coefficient = 0.001f;
  Model model(tiny(mixture), dtype, settings);
  model.parameters().initialise(stream, 5);
  optim::Optimizer optimizer(model.parameters(), {});
  const test::Waits before = test::Waits::so_far();
  Run run;
  for (std::uint64_t step = 0; step < 3; ++step) {
    model.parameters().zero_gradients(stream);
    model.begin_step();
    double loss = 0;
    for (std::uint64_t microbatch = 0; microbatch < 2; ++microbatch) {
      const Text text(2 * step + microbatch);
      const StepResult result = model.forward_backward(stream, text.view(), cross_entropy(114, 1e-4f));
      loss += result.loss + result.balance_loss + result.router_z_loss;
      CHECK(result.weighted_tokens == 57);
    }
    run.losses.push_back(loss);
    run.norms.push_back(optimizer.gradient_norm(stream, model.parameters()));
    if (step == 0) {
      run.counts = model.expert_counts();
      for (const Parameter& each : model.parameters().all())
        run.gradients.push_back(each.gradient ? host_copy<float>(stream, each.gradient) : std::vector<float>());
    }
    update_selection_bias(stream, model.parameters(), model.ledger().counts);
    optimizer.step(stream, model.parameters(), 0.01, run.norms.back());
  }
  for (const Parameter& each : model.parameters().all()) run.masters.push_back(host_copy<float>(stream, each.master));
  run.log_probs.resize(60);
  const Text text(9);
  model.log_probs(stream, text.view(), Tensor(run.log_probs.data(), {60}));
  CHECK(model.activation_peak_bytes() <= model.plan().activations);
  CHECK((test::Waits::so_far() - before).device_allocations == 0);  // all was planned, scratch memory of kernels too
  return run;
}

// |a - b| / |b|.
double difference(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  double squares = 0, norm = 1e-12;
  for (std::size_t i = 0; i < a.size(); ++i) {
    squares += std::pow(static_cast<double>(a[i]) - b[i], 2);
    norm += static_cast<double>(b[i]) * b[i];
  }
  return std::sqrt(squares / norm);
}

void check_against_host(bool mixture, DType dtype, const GpuKernels& kernels = {}) {
  // In bf16 a router's near tie may fall differently, and Muon makes much of small differences.
  const double loss_tolerance = dtype == DType::f32 ? 1e-5 : 1e-2;
  const double tolerance = dtype == DType::f32 ? 1e-3 : mixture ? 0.2 : 0.05;
  const Run host = train({}, mixture, dtype, 0), gpu = train(test::gpu(), mixture, dtype, 0, kernels);
  INFO((mixture ? "mixture " : "dense ") << name_of(dtype));
  for (std::size_t step = 0; step < 3; ++step) {
    CHECK(gpu.losses[step] == Approx(host.losses[step]).epsilon(loss_tolerance));
    CHECK(gpu.norms[step] == Approx(host.norms[step]).epsilon(10 * loss_tolerance));
  }
  if (dtype == DType::f32) CHECK(gpu.counts == host.counts);
  for (std::size_t i = 0; i < host.gradients.size(); ++i) {
    INFO("parameter " << i);
    CHECK(difference(gpu.gradients[i], host.gradients[i]) < tolerance);
    // A selection bias has no gradient and moves by the sign of its expert's load: one other choice can turn it.
    if (dtype == DType::f32 || !host.gradients[i].empty())
      CHECK(difference(gpu.masters[i], host.masters[i]) < tolerance);
  }
  CHECK(difference(gpu.log_probs, host.log_probs) < tolerance);
}

TEST_CASE("training steps on CUDA agree with the host's, dense and mixture") {
  check_against_host(GENERATE(false, true), GENERATE(DType::f32, DType::bf16));
}

TEST_CASE("training steps with cuDNN's attention agree with the host's") {
  try {
    kernels::cuda_dnn();
  } catch (const Error& error) {
    WARN("not tried: " << error.what());
    return;
  }
  check_against_host(GENERATE(false, true), DType::bf16, {.attention = GpuKernels::Attention::cudnn});
}

TEST_CASE("recomputed blocks and other schedules give the same bits on CUDA") {
  const Run plain = train(test::gpu(), true, DType::bf16, 0);
  const test::Schedule schedule(11);
  const MemoryPlan all = plan_memory(tiny(true), DType::bf16, {.device = test::gpu(), .max_tokens = 64});
  const Run recomputed = train(test::gpu(), true, DType::bf16, all.activations - 1);
  CHECK(plain.losses == recomputed.losses);
  CHECK(plain.masters == recomputed.masters);
}

TEST_CASE("an objective of its own sees the device's results, and bad token ids are refused") {
  const Device device = GENERATE(true, false) ? test::gpu() : Device();
  ThreadPool pool(1);
  Stream stream(device, pool);
  ModelSettings settings;
  settings.device = device;
  settings.max_tokens = 60;
  settings.logits_rows = 2;
  Model model(tiny(false), DType::f32, settings);
  model.parameters().initialise(stream, 5);
  Text text(1);
  const StepResult plain = model.forward_backward(stream, text.view(), cross_entropy(57));
  const auto gradient = host_copy<float>(stream, model.parameters().get("head").gradient);
  model.parameters().zero_gradients(stream);
  Objective own;
  own.normaliser = 57;
  own.evaluate = [](const Batch& batch, const TokenResults& results, const TokenDerivatives& derivatives) {
    double loss = 0;
    for (std::int64_t t = 0; t < batch.n_tokens(); ++t) {
      loss -= batch.token_weight.as<float>()[t] * results.log_prob.as<float>()[t] / 57;
      derivatives.d_log_prob.as<float>()[t] = -batch.token_weight.as<float>()[t] / 57;
    }
    return loss;
  };
  CHECK(model.forward_backward(stream, text.view(), own).loss == Approx(plain.loss));
  CHECK(difference(host_copy<float>(stream, model.parameters().get("head").gradient), gradient) < 1e-5);

  std::vector<float> logits(2 * 96);
  model.logits(stream, text.view(), {3, 50}, Tensor(logits.data(), {2, 96}));
  std::vector<float> log_probs(60);
  model.log_probs(stream, text.view(), Tensor(log_probs.data(), {60}));
  double sum = 0;
  for (int v = 0; v < 96; ++v) sum += std::exp(static_cast<double>(logits[96 + static_cast<std::size_t>(v)]));
  CHECK(log_probs[50] == Approx(logits[96 + static_cast<std::size_t>(text.targets[50])] - std::log(sum)).epsilon(1e-4));

  text.ids[7] = 96;
  CHECK_THROWS_WITH(model.forward_backward(stream, text.view(), cross_entropy(57)), Catch::Contains("token id 96"));
}

}  // namespace
}  // namespace hearth::nn
