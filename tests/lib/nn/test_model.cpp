// SPDX-License-Identifier: Apache-2.0
// The whole model: logits and gradients against transformers and against finite differences, and what must not change
// them. Trusts kernels/ (their own tests hold them against oracles).
#include <cmath>

#include "lib/nn/model.h"
#include "tests/lib/nn/golden.h"
#include "tests/support/catch.h"

using namespace hearth;
using namespace hearth::nn;

namespace {
constexpr HostKernels both[] = {HostKernels::ref, HostKernels::cpu};

ModelSettings settings_for(std::int64_t max_tokens, std::size_t activation_bytes = 0) {
  return {.purpose = Purpose::train,
          .max_tokens = max_tokens,
          .logits_rows = max_tokens,
          .activation_bytes = activation_bytes,
          .balance_coefficient = 0.05f,
          .router_z_coefficient = 0.01f};
}

StepResult step(Model& model, Stream& stream, const Batch& batch, double normaliser, float z_loss = 0.01f) {
  return model.forward_backward(stream, batch, cross_entropy(normaliser, z_loss));
}

double total_loss(const StepResult& result) { return result.loss + result.balance_loss + result.router_z_loss; }

const std::vector<std::int64_t> lengths = {7, 1, 9, 5};
constexpr double n_weighted = 20;  // some normaliser
}  // namespace

TEST_CASE("logits, loss and every gradient are transformers'") {
  ThreadPool pool(2);
  for (const char* name : {"qwen3", "qwen3_moe", "dots1", "llama"}) {
    const Golden golden(name);
    for (const HostKernels kernels : both) {
      Stream stream(pool, kernels);
      const Batch batch = golden.batch();
      ModelSettings settings = settings_for(batch.n_tokens());
      settings.balance_coefficient = settings.router_z_coefficient = 0;
      Model model(golden.config(), DType::f32, settings);
      load(model, stream, golden);

      auto logits = all_logits(model, stream, batch);
      INFO(name << (kernels == HostKernels::ref ? ", ref" : ", cpu"));
      CHECK(relative_error({logits.data(), golden.get("logits").shape}, golden.get("logits")) < 1e-5);
      std::vector<float> log_prob(static_cast<std::size_t>(batch.n_tokens()));
      const Tensor log_probs(log_prob.data(), {batch.n_tokens()});
      model.log_probs(stream, batch, log_probs);
      CHECK(relative_error(log_probs, golden.get("log_prob")) < 1e-5);

      double normaliser = 0;
      for (const float weight : batch.token_weight.span<float>()) normaliser += weight;
      const StepResult result = step(model, stream, batch, normaliser);
      CHECK(result.loss == Approx(golden.get("loss").as<float>()[0]).epsilon(1e-5));
      CHECK(result.weighted_tokens == Approx(normaliser));
      for (const Parameter& parameter : model.parameters().all()) {
        if (!parameter.gradient) continue;
        INFO(parameter.spec.name);
        CHECK(relative_error(parameter.gradient, golden.get("gradient." + parameter.spec.name)) < 1e-4);
      }
    }
  }
}

// Along its own gradient, each tensor's loss must change as the gradient says: this covers what transformers has not
// (z-loss, router losses, chunked masks, partial rope, all in one model).
TEST_CASE("gradients are the loss's finite differences") {  // a seed with no token between two experts
  ThreadPool pool(2);
  Stream stream(pool, HostKernels::ref);
  const OwnedBatch batch = random_batch(lengths, 61, 5);
  Model model(varied_config(), DType::f32, settings_for(batch.view().n_tokens()));
  randomise(model, stream, 61);
  step(model, stream, batch.view(), n_weighted);
  std::vector<std::vector<float>> gradients;
  for (const Parameter& parameter : model.parameters().all()) {
    gradients.push_back(parameter.gradient ? values_of(parameter.gradient) : std::vector<float>{});
  }
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    if (gradients[i].empty()) continue;
    const auto values = model.parameters().all()[i].master.span<float>();
    const std::vector<float> start(values.begin(), values.end());
    double norm = 0;
    for (const float g : gradients[i]) norm += static_cast<double>(g) * g;
    norm = std::sqrt(norm);
    constexpr double distance = 1e-3;
    const auto loss_at = [&](double along) {
      for (std::size_t j = 0; j < values.size(); ++j) {
        values[j] = static_cast<float>(start[j] + along * gradients[i][j] / norm);
      }
      const double loss = total_loss(step(model, stream, batch.view(), n_weighted));
      std::copy(start.begin(), start.end(), values.begin());
      return loss;
    };
    INFO(model.parameters().all()[i].spec.name);
    REQUIRE(norm > 0);
    CHECK((loss_at(distance) - loss_at(-distance)) / (2 * distance) == Approx(norm).epsilon(0.01).margin(2e-4));
  }
}

TEST_CASE("recomputing blocks changes memory, not one bit") {
  ThreadPool pool(2);
  for (const DType dtype : {DType::f32, DType::bf16}) {
    Stream stream(pool);
    const OwnedBatch batch = random_batch(lengths, 61, 7);
    const std::int64_t tokens = batch.view().n_tokens();
    std::vector<float> expected;
    double loss = 0;
    std::size_t budget = 0;
    std::int64_t most_recomputed = 0;
    for (bool fits = true; fits;) {
      Model model(varied_config(), dtype, settings_for(tokens, budget));
      randomise(model, stream, 10);
      const StepResult result = step(model, stream, batch.view(), n_weighted);
      CHECK(model.activation_peak_bytes() == model.plan().activations);
      if (expected.empty()) {
        expected = all_gradients(model);
        loss = total_loss(result);
      }
      CHECK(all_gradients(model) == expected);
      CHECK(total_loss(result) == loss);
      CHECK(model.expert_counts()[1] != std::vector<std::int64_t>(5, 0));
      most_recomputed = model.plan().recomputed_blocks;
      budget = model.plan().activations - 1;
      try {
        plan_memory(varied_config(), dtype, settings_for(tokens, budget));
      } catch (const Error&) {
        fits = false;
      }
    }
    CHECK(most_recomputed >= 2);
    CHECK_THROWS_WITH(plan_memory(varied_config(), dtype, settings_for(tokens, 1000)),
                      Catch::Contains("even with every block recomputed"));
  }
}

TEST_CASE("same bits for any number of threads") {
  const OwnedBatch batch = random_batch({70, 30, 28}, 61, 9);
  std::vector<float> expected;
  for (const int n_threads : {1, 2, 3}) {
    ThreadPool pool(n_threads);
    Stream stream(pool);
    Model model(varied_config(), DType::f32, settings_for(128));
    model.parameters().initialise(stream, 3);
    randomise(model, stream, 12);
    step(model, stream, batch.view(), n_weighted);
    if (expected.empty()) expected = all_gradients(model);
    CHECK(all_gradients(model) == expected);
  }
}

TEST_CASE("a document's logits do not change when its neighbour does") {
  ThreadPool pool(2);
  for (const HostKernels kernels : both) {
    Stream stream(pool, kernels);
    OwnedBatch batch = random_batch({9, 12}, 61, 11);
    Model model(varied_config(), DType::f32, settings_for(21));
    randomise(model, stream, 14);
    const auto before = all_logits(model, stream, batch.view());
    for (int i = 0; i < 9; ++i) batch.ids[static_cast<std::size_t>(i)] = (batch.ids[static_cast<std::size_t>(i)] + 7) % 61;
    const auto after = all_logits(model, stream, batch.view());
    CHECK_FALSE(std::equal(before.begin(), before.begin() + 9 * 61, after.begin()));
    CHECK(std::equal(before.begin() + 9 * 61, before.end(), after.begin() + 9 * 61));
  }
}

TEST_CASE("neither packing nor accumulation changes loss or gradient") {
  ThreadPool pool(2);
  Stream stream(pool);
  const OwnedBatch batch = random_batch(lengths, 61, 13);
  Model whole(varied_config(), DType::f32, settings_for(22));
  randomise(whole, stream, 14);
  const StepResult at_once = step(whole, stream, batch.view(), n_weighted);

  Model parts(varied_config(), DType::f32, settings_for(22));
  randomise(parts, stream, 14);
  StepResult sum;
  for (const auto& [begin, end] : {std::pair<std::size_t, std::size_t>{2, 4}, {0, 1}, {1, 2}}) {
    const StepResult part = step(parts, stream, documents(batch, begin, end).view(), n_weighted);
    sum.loss += part.loss;
    sum.balance_loss += part.balance_loss;
    sum.negative_log_prob += part.negative_log_prob;
  }
  CHECK(sum.loss == Approx(at_once.loss).epsilon(1e-6));
  CHECK(sum.balance_loss == Approx(at_once.balance_loss).epsilon(1e-6));
  CHECK(sum.negative_log_prob == Approx(at_once.negative_log_prob).epsilon(1e-6));
  CHECK(parts.expert_counts() == whole.expert_counts());
  for (std::size_t i = 0; i < whole.parameters().all().size(); ++i) {
    const Parameter& parameter = whole.parameters().all()[i];
    INFO(parameter.spec.name);
    if (parameter.gradient) CHECK(relative_error(parts.parameters().all()[i].gradient, parameter.gradient) < 1e-5);
  }
}

TEST_CASE("bf16 stays near f32") {
  ThreadPool pool(2);
  Stream stream(pool);
  const OwnedBatch batch = random_batch({40, 24}, 61, 15);
  Model exact(varied_config(), DType::f32, settings_for(64)), rounded(varied_config(), DType::bf16, settings_for(64));
  for (Model* model : {&exact, &rounded}) randomise(*model, stream, 16);
  const double expected = step(exact, stream, batch.view(), 64).loss;
  CHECK(step(rounded, stream, batch.view(), 64).loss == Approx(expected).epsilon(5e-3));
  const auto a = all_gradients(exact), b = all_gradients(rounded);
  double dot = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) dot += a[i] * b[i], aa += a[i] * a[i], bb += b[i] * b[i];
  CHECK(dot / std::sqrt(aa * bb) > 0.99);
}

TEST_CASE("an objective that looks first gives what a known one gives") {
  ThreadPool pool(2);
  Stream stream(pool);
  const OwnedBatch batch = random_batch(lengths, 61, 17);
  Model known(varied_config(), DType::f32, settings_for(22)), looking(varied_config(), DType::f32, settings_for(22));
  for (Model* model : {&known, &looking}) randomise(*model, stream, 18);
  const double expected = step(known, stream, batch.view(), n_weighted).loss;
  Objective objective = cross_entropy(n_weighted);
  objective.evaluate = [](const Batch& seen, const TokenResults& results, const TokenDerivatives& derivatives) {
    double loss = 0;
    for (std::int64_t t = 0; t < seen.n_tokens(); ++t) {
      if (seen.targets.as<std::int32_t>()[t] < 0) continue;
      const double weight = seen.token_weight.as<float>()[t] / n_weighted;
      const double normaliser = results.log_normaliser.as<float>()[t];
      loss += weight * (0.01 * normaliser * normaliser - results.log_prob.as<float>()[t]);
      derivatives.d_log_prob.as<float>()[t] = static_cast<float>(-weight);
      derivatives.d_log_normaliser.as<float>()[t] = static_cast<float>(2 * 0.01 * weight * normaliser);
    }
    return loss;
  };
  CHECK(looking.forward_backward(stream, batch.view(), objective).loss == Approx(expected).epsilon(1e-6));
  for (std::size_t i = 0; i < known.parameters().all().size(); ++i) {
    const Parameter& parameter = known.parameters().all()[i];
    if (parameter.gradient) CHECK(relative_error(looking.parameters().all()[i].gradient, parameter.gradient) < 1e-5);
  }
}

TEST_CASE("embeddings may come from outside the table") {
  ThreadPool pool(2);
  Stream stream(pool);
  const OwnedBatch batch = random_batch({6}, 61, 19);
  Model model(varied_config(), DType::f32, settings_for(6));
  randomise(model, stream, 16);
  const auto expected = all_logits(model, stream, batch.view());
  std::vector<float> rows;
  const auto table = model.parameters().get("embedding").weight.span<float>();
  for (const std::int32_t id : batch.ids) rows.insert(rows.end(), table.begin() + id * 16, table.begin() + id * 16 + 16);
  Batch given = batch.view();
  given.embeddings = Tensor(rows.data(), {6, 16});
  CHECK(all_logits(model, stream, given) == expected);
}

TEST_CASE("selection biases move towards the experts that got less, and their mean stays") {
  ThreadPool pool(1);
  Stream stream(pool);
  Model model(varied_config(), DType::f32, settings_for(4));
  const std::vector<std::int64_t> first{10, 0, 4, 4, 2}, second{1, 2, 3, 4};
  update_selection_bias(stream, model.parameters(), {{}, {first.data(), {5}}, {second.data(), {4}}}, 0.5f);
  const auto bias = values_of(model.parameters().get("layers.1.ffn.selection_bias").master);  // signs -1 1 0 0 1
  CHECK(bias[0] == Approx(0.5 * (-1 - 0.2)));
  CHECK(bias[1] == Approx(0.5 * (1 - 0.2)));
  CHECK(bias[2] == Approx(0.5 * (0 - 0.2)));
  CHECK(bias[4] == Approx(0.5 * (1 - 0.2)));
  CHECK(std::abs(bias[0] + bias[1] + bias[2] + bias[3] + bias[4]) < 1e-6);
}

TEST_CASE("a model of one layer, one token, one document") {
  ThreadPool pool(2);
  for (const HostKernels kernels : both) {
    Stream stream(pool, kernels);
    ModelConfig config = varied_config();
    config.layers = {1};
    OwnedBatch batch = random_batch({1}, 61, 21);
    batch.targets[0] = 3, batch.weights[0] = 1;
    Model model(config, DType::f32, settings_for(8));
    randomise(model, stream, 18);
    CHECK(std::isfinite(step(model, stream, batch.view(), 1).loss));
    CHECK(model.activation_peak_bytes() < model.plan().activations);
  }
  CHECK_THROWS_WITH(Model(varied_config(), DType::f32, settings_for(0)), Catch::Contains("needs at least 1"));
}
