// SPDX-License-Identifier: Apache-2.0
// The plan for clusters that are not at hand, held against what others have published and against our own memory plan.
#include <cmath>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/nn/depth.h"
#include "lib/nn/model.h"
#include "lib/optim/optimizer.h"
#include "lib/train/cluster/advise.h"
#include "tests/support/catch.h"

namespace hearth::train {
namespace {

Software software(Precision precision, int interleave = 1) {
  Software s;
  s.precision = precision;
  s.interleave = interleave;
  s.tensor_hidden = 0.5;  // Megatron-LM's overlap of tensor ranks' exchange
  s.recomputed = 0;
  s.muon = false;
  return s;
}

Software mixture(Software s, double dispatch_hidden, bool once_per_node) {
  s.experts_over_tensor = true;
  s.dispatch_hidden = dispatch_hidden;
  s.once_per_node = once_per_node;
  return s;
}

Software recomputing(Software s, double share) {
  s.recomputed = share;
  return s;
}

Software sharded(Software s) {
  s.shard = nn::Shard::parameters;
  return s;
}

struct Published {
  std::string source, model;
  int nodes;
  comm::MeshShape mesh;  // dp, pp, cp, tp, ep
  std::int64_t context, batch_rows, microbatch_rows;
  Software software;
  double tokens_per_s;  // of a GPU; 0: tflops instead
  double tflops;        // of a GPU, counting causal attention
};

// Layouts as the sources give them.
// clang-format off
const std::vector<Published>& published_runs() {
  constexpr Precision bf16 = Precision::bf16, fp8 = Precision::fp8;
  static const std::vector<Published> runs{
      {"Llama 3 paper", "llama-3.1-405b", 1024, {64, 16, 1, 8, 1}, 8192, 2048, 1, software(bf16, 6), 0, 430},
      {"Llama 3 paper", "llama-3.1-405b", 2048, {128, 16, 1, 8, 1}, 8192, 2048, 1, software(bf16, 6), 0, 400},
      {"Megatron-Bridge 26.04", "llama-3.1-405b", 128, {8, 8, 2, 8, 1}, 8192, 1536, 1, software(fp8, 8), 328, 0},
      {"Megatron-Bridge 25.11", "llama-3.1-405b", 128, {8, 8, 2, 8, 1}, 8192, 512, 1, software(fp8, 8), 292, 0},
      {"Megatron-Bridge 25.11", "llama-3.1-70b", 8, {2, 8, 1, 4, 1}, 8192, 128, 1, software(fp8, 5), 1602, 0},
      {"Megatron-Bridge 25.11", "llama-3.1-8b", 1, {8, 1, 1, 1, 1}, 8192, 128, 1, sharded(software(fp8)), 14451, 0},
      {"NeMo AutoModel", "llama-3.1-70b", 8, {32, 1, 1, 2, 1}, 8192, 128, 1,
       recomputing(sharded(software(bf16)), 1), 866.8, 0},
      {"LLM.Q", "qwen2.5-7b", 1, {8, 1, 1, 1, 1}, 1024, 512, 8, software(bf16), 14000, 0},
      {"Megatron MoE ModelZoo, balanced", "mixtral-8x22b", 16, {8, 8, 1, 2, 8}, 4096, 256, 1,
       mixture(software(bf16), 0, false), 0, 465},
      {"Megatron MoE ModelZoo, balanced", "qwen3-235b-a22b", 32, {16, 8, 1, 2, 32}, 4096, 2048, 1,
       mixture(software(bf16, 4), 0.8, true), 0, 320},
      {"the same without overlap", "qwen3-235b-a22b", 32, {16, 8, 1, 2, 32}, 4096, 2048, 1,
       mixture(software(bf16, 4), 0, true), 0, 245},
      {"NeMo AutoModel", "qwen3-30b-a3b", 1, {8, 1, 1, 1, 8}, 4096, 512, 4,
       mixture(sharded(software(bf16)), 0, true), 12040, 0},
      {"Megatron-Bridge 25.09, balanced", "deepseek-v3", 128, {64, 8, 1, 2, 64}, 4096, 8192, 1,
       recomputing(mixture(software(fp8, 4), 0.8, true), 0.1), 1297, 0},
      {"NeMo AutoModel", "deepseek-v3", 32, {32, 8, 1, 1, 32}, 4096, 512, 1, mixture(software(bf16), 0, true), 1002, 0},
      {"NeMo AutoModel", "gpt-oss-120b", 8, {64, 1, 1, 1, 64}, 4096, 512, 2,
       mixture(sharded(software(bf16)), 0, true), 7626, 0},
  };
  return runs;
}
// clang-format on

Job job_of(const Published& run) {
  return {published_shape(run.model),
          {gpu_named("h100"), run.nodes, 8},
          run.mesh,
          run.context,
          run.batch_rows,
          run.microbatch_rows,
          1,
          run.software};
}

Job small_job() {
  Job job;
  job.shape = published_shape("llama-3.1-8b");
  job.cluster = {gpu_named("h100"), 4, 8};
  job.mesh = {32, 1, 1, 1, 1};
  job.context = 8192;
  job.batch_rows = 128;
  job.software.recomputed = -1;
  return job;
}

}  // namespace

TEST_CASE("published models have the parameters they are known for") {
  const std::vector<std::pair<std::string, double>> known{
      {"llama-3.1-8b", 8.030e9},     {"llama-3.1-70b", 70.55e9},    {"llama-3.1-405b", 405.85e9},
      {"qwen2.5-7b", 7.615e9},       {"mixtral-8x7b", 46.70e9},     {"mixtral-8x22b", 140.63e9},
      {"qwen3-30b-a3b", 30.53e9},    {"qwen3-235b-a22b", 235.09e9}, {"gpt-oss-120b", 116.8e9},
      {"mistral-small-4", 118.97e9}, {"deepseek-v3", 671.0e9}};
  CHECK(published_names().size() == known.size());
  for (const auto& [name, parameters] : known) {
    INFO(name);
    CHECK(count_parameters(published_shape(name)).total == Approx(parameters).epsilon(0.001));
  }
  CHECK_THROWS_AS(published_shape("llama-9"), Error);
}

TEST_CASE("a model of our own counts as lib/nn counts it") {
  for (const bool moe : {false, true}) {
    const nn::ModelConfig config = nn::config_from_depth(12, moe, 32768, 2048);
    const ModelShape shape = shape_of(config, "depth 12");
    const nn::ParameterCount count = nn::count_parameters(config);
    CHECK(count_parameters(shape).total == Approx(static_cast<double>(count.total)).epsilon(0.001));
    CHECK(count_parameters(shape).active == Approx(static_cast<double>(count.active)).epsilon(0.001));
    CHECK(train_flops_per_token(shape, 2048) == Approx(nn::train_flops_per_token(config, 2048)).epsilon(0.001));
  }
}

TEST_CASE("predicted speeds are within a quarter of the published ones") {
  for (const Published& run : published_runs()) {
    const Prediction p = predict(job_of(run));
    const double ratio =
        run.tokens_per_s > 0 ? p.tokens_per_s_of_rank / run.tokens_per_s : p.flops_of_rank / (run.tflops * 1e12);
    INFO(run.model << " on " << run.nodes * 8 << " H100, " << run.source << ": predicted over published " << ratio);
    CHECK(ratio > 0.75);
    CHECK(ratio < 1.25);
  }
}

TEST_CASE("memory of one rank is what the model's own plan says") {
  for (const bool moe : {false, true}) {
    const nn::ModelConfig config = nn::config_from_depth(12, moe, 32768, 2048);
    Job job;
    job.shape = shape_of(config, "depth 12");
    job.cluster = {gpu_named("h100"), 1, 1};
    job.mesh = {1, 1, 1, 1, 1};
    job.context = 2048;
    job.batch_rows = job.microbatch_rows = 4;
    const Prediction p = predict(job);

    nn::ModelSettings settings;
    settings.max_tokens = 4 * 2048;
    const nn::MemoryPlan plan = nn::plan_memory(config, DType::bf16, settings);
    const auto bytes = [](std::size_t n) { return Approx(static_cast<double>(n)); };
    INFO((moe ? "mixture" : "dense"));
    CHECK(p.bytes.weights == bytes(plan.weights).epsilon(0.01));
    CHECK(p.bytes.masters == bytes(plan.masters).epsilon(0.01));
    CHECK(p.bytes.gradients == bytes(plan.gradients).epsilon(0.01));
    CHECK(p.bytes.activations == bytes(plan.activations).epsilon(0.25));
  }
}

TEST_CASE("what expert and context ranks keep is predicted as the model's own plan says") {
  const nn::ModelConfig config = nn::config_from_depth(12, true, 32768, 2048);
  Job job;
  job.shape = shape_of(config, "depth 12");
  job.cluster = {gpu_named("h100"), 1, 4};
  job.context = 2048;
  const auto activations = [&](const comm::MeshShape& mesh, double headroom) {
    INFO(mesh.text() << ", headroom " << headroom);
    job.mesh = mesh;
    job.microbatch_rows = 4 * mesh.context;  // as many tokens a rank
    job.batch_rows = mesh.data * job.microbatch_rows;
    job.software.expert_headroom = headroom;
    nn::ModelSettings settings;
    settings.max_tokens = job.microbatch_rows * job.context;
    settings.parallel = nn::Parallel(mesh, {});
    settings.expert_headroom = headroom;
    const double predicted = predict(job).bytes.activations;
    CHECK(predicted == Approx(nn::plan_memory(config, DType::bf16, settings).activations).epsilon(0.25));
    return predicted;
  };
  const comm::MeshShape spread{.data = 4, .expert = 4};
  CHECK(activations(spread, 1) < activations(spread, 2));
  CHECK(activations(spread, 100) == activations(spread, 4));  // what can come at most
  activations({.data = 2, .context = 2}, 2);
  activations({.data = 1, .context = 4}, 2);
}

TEST_CASE("context ranks exchange heads or go round a ring as the model does") {
  Job job = small_job();
  const auto context_s = [&](const comm::MeshShape& mesh, std::int64_t kv_heads) {
    for (LayerShape& layer : job.shape.layers) layer.attention.kv_heads = kv_heads;
    job.mesh = mesh;
    return predict(job).seconds.context;
  };
  const comm::MeshShape four{.data = 8, .context = 4};
  CHECK(context_s(four, 2) < context_s(four, 32));  // nothing hides the exchange of heads
}

TEST_CASE("what data ranks share out of a model is predicted as the model's own plan says") {
  const nn::ModelConfig config = nn::config_from_depth(12, false, 4096, 2048);
  constexpr int n_ranks = 4;
  Job job;
  job.shape = shape_of(config, "depth 12");
  job.cluster = {gpu_named("h100"), 1, n_ranks};
  job.mesh = {n_ranks, 1, 1, 1, 1};
  job.context = 2048;
  job.batch_rows = 8;
  for (const nn::Shard shard : {nn::Shard::optimizer, nn::Shard::gradients, nn::Shard::parameters}) {
    INFO(nn::name_of(shard));
    job.software.shard = shard;
    const Prediction p = predict(job);
    const nn::Parallel parallel(job.mesh, {});
    const nn::ParameterSet::Bytes bytes =
        nn::ParameterSet::plan(config, DType::bf16, nn::Purpose::train, parallel, {shard, true});
    const auto near = [](double n) { return Approx(n).epsilon(0.1); };
    CHECK(p.bytes.weights == near(static_cast<double>(bytes.weights)));
    CHECK(p.bytes.masters == near(static_cast<double>(bytes.masters)));
    CHECK(p.bytes.gradients == near(static_cast<double>(bytes.gradients)));
    CHECK(p.data_bytes == near(nn::exchanged_bytes(bytes, shard, p.microbatches, parallel, false)));
  }
}

TEST_CASE("what makes a cluster better or work smaller shows in the prediction") {
  const Job job = small_job();
  const Prediction base = predict(job);
  Job changed = job;
  changed.cluster.network_rate *= 10;
  CHECK(predict(changed).seconds.data <= base.seconds.data);
  changed = job;
  changed.mesh = {8, 4, 1, 1, 1};
  const Prediction pipelined = predict(changed);
  CHECK(base.seconds.bubble == 0);
  CHECK(pipelined.seconds.bubble > 0);
  CHECK(pipelined.bytes.weights < base.bytes.weights / 2);
  changed.batch_rows *= 4;  // more microbatches: the bubble's share falls
  const Prediction longer = predict(changed);
  CHECK(longer.seconds.bubble / longer.seconds.total() < pipelined.seconds.bubble / pipelined.seconds.total());
  changed = job;
  changed.mesh = {4, 1, 1, 8, 1};
  CHECK(predict(changed).bytes.weights == Approx(base.bytes.weights / 8).epsilon(0.01));
  CHECK(predict(changed).seconds.tensor > 0);
  changed = job;
  changed.software.recomputed = 0;
  changed.cluster.gpu.memory_bytes = predict(changed).bytes.total() * 0.95;
  changed.software.recomputed = -1;
  const Prediction tight = predict(changed);
  CHECK(tight.fits);
  CHECK(tight.recomputed > 0);
  CHECK(tight.recomputed < 1);
  CHECK(tight.seconds.recompute > 0);
}

TEST_CASE("advice fits, divides and is sorted") {
  Job job = small_job();
  job.shape = published_shape("mistral-small-4");
  job.cluster = {gpu_named("h200"), 16, 8};
  job.batch_rows = 1024;
  job.mesh = {};
  const std::vector<Advice> advice = advise(job, 5);
  REQUIRE(advice.size() == 5);
  for (const Advice& a : advice) {
    job.mesh = a.mesh;
    job.microbatch_rows = a.microbatch_rows;
    CHECK(why_impossible(job) == "");
    CHECK(a.prediction.fits);
    CHECK(a.prediction.tokens_per_s >= 0.99 * advice.back().prediction.tokens_per_s);
  }
  job.mesh = {0, 1, 1, 2, 8};
  const std::vector<Advice> kept = advise(job, 3);
  REQUIRE(!kept.empty());
  for (const Advice& a : kept) CHECK((a.mesh.tensor == 2 && a.mesh.expert == 8));
  job.mesh = {};
  job.cluster.nodes = 1;
  CHECK(advise(job, 5).empty());
}

TEST_CASE("a job whose parts do not divide is refused by name") {
  const auto why = [](const comm::MeshShape& mesh, std::int64_t batch_rows, const char* model) {
    Job job = small_job();
    job.shape = published_shape(model);
    job.mesh = mesh;
    job.batch_rows = batch_rows;
    return why_impossible(job);
  };
  CHECK(why({16, 1, 1, 1, 1}, 128, "llama-3.1-8b") == "the mesh has 16 ranks, the cluster 32");
  CHECK(why({32, 1, 1, 1, 1}, 100, "llama-3.1-8b") ==
        "100 rows of a step do not divide among 32 data ranks in microbatches of 1");
  CHECK(why({2, 1, 1, 16, 1}, 128, "llama-3.1-8b") == "8 key-value heads do not divide among 16 tensor ranks");
  CHECK(why({32, 1, 1, 1, 16}, 128, "mixtral-8x7b") == "8 experts do not divide among 16 expert ranks");
  CHECK_THROWS_AS(gpu_named("k80"), Error);
}

}  // namespace hearth::train
