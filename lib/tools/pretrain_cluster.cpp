// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/pretrain_cluster.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "lib/base/json_value.h"
#include "lib/base/text.h"
#include "lib/nn/depth.h"
#include "lib/store/model_source.h"
#include "lib/tools/pretrain_plan.h"
#include "lib/train/cluster/advise.h"

namespace hearth::tools {
namespace {

constexpr std::int64_t planned_vocab = 32768;  // of --depth, where no data say another
constexpr std::size_t n_shown = 6;

bool is_published(const std::string& name) {
  const std::vector<std::string>& names = train::published_names();
  return std::find(names.begin(), names.end(), name) != names.end();
}

train::ModelShape shape_asked_for(const PretrainOptions& o) {
  if (o.depth.empty() == o.model.empty())
    throw Error(Kind::usage,
                "say what to plan: --depth N, or --model with a model.json, a folder or the name of a "
                "published model: " +
                    join(train::published_names(), ", "));
  if (!o.model.empty() && is_published(o.model) && !std::filesystem::exists(o.model))
    return train::published_shape(o.model);
  if (!o.model.empty()) {
    if (!std::filesystem::exists(o.model)) {
      throw Error(Kind::missing, o.model + ": neither a file, a folder nor a published model; known are " +
                                     join(train::published_names(), ", "));
    }
    if (std::filesystem::is_regular_file(o.model)) return train::shape_of(nn::read_config(o.model), o.model);
    return train::shape_of(store::open_model(o.model)->config(), o.model);
  }
  if (o.depth == "auto") throw Error(Kind::usage, "--nodes plans a given size: --depth N, not auto");
  return train::shape_of(nn::config_from_depth(depth_number(o.depth), o.moe, planned_vocab, o.context.value_or(4096)),
                         "depth " + o.depth);
}

// Rows of a step: what --batch-tokens asks for, or what suits the model, made to divide among many ranks.
std::int64_t batch_rows(const PretrainOptions& o, const train::Job& job) {
  const auto whole = [&](double tokens) {
    return std::max<std::int64_t>(1, std::llround(tokens / static_cast<double>(job.context)));
  };
  if (o.batch_tokens > 0) return whole(static_cast<double>(o.batch_tokens));
  // The batch grows with the square root of the run's tokens (Power Lines, 2025); anchored at 4 M for 200 G.
  const double tokens = o.tokens > 0 ? static_cast<double>(o.tokens) : 20 * train::count_parameters(job.shape).active;
  std::int64_t rows = 1;
  while (rows * 2 <= whole(4e6 * std::sqrt(tokens / 200e9))) rows *= 2;
  return rows;
}

train::Job job_asked_for(const PretrainOptions& o) {
  train::Job job;
  job.shape = shape_asked_for(o);
  job.cluster = {train::gpu_named(o.gpu), static_cast<int>(*o.nodes), static_cast<int>(o.gpus_per_node),
                 o.network * 1e9 / 8};
  job.mesh = o.mesh;
  job.context = o.context.value_or(job.shape.context);
  job.batch_rows = batch_rows(o, job);
  job.software.recomputed = -1;
  job.software.expert_headroom = o.moe_headroom;
  job.software.muon = o.optimizer == "muon";
  job.software.shard = nn::shard_from_name(o.shard);
  return job;
}

using Parts = std::vector<std::pair<const char*, double>>;

Parts seconds_of(const train::Prediction& p) {
  const train::Prediction::Seconds& s = p.seconds;
  return {{"matrix products", s.gemm},
          {"attention", s.attention},
          {"memory-bound kernels", s.memory_bound},
          {"recomputation", s.recompute},
          {"tensor ranks' exchange", s.tensor},
          {"expert ranks' exchange", s.dispatch},
          {"context ranks' exchange", s.context},
          {"pipeline sends", s.pipeline},
          {"data ranks' exchange", s.data},
          {"pipeline bubble", s.bubble},
          {"optimiser", s.optimizer},
          {"waiting for the slowest", s.straggling}};
}

Parts bytes_of(const train::Prediction& p) {
  const train::Prediction::Bytes& b = p.bytes;
  return {{"weights", b.weights},     {"fp32 masters", b.masters},    {"gradients", b.gradients},
          {"optimiser", b.optimizer}, {"activations", b.activations}, {"CUDA, NCCL", b.reserve}};
}

std::string share(double part, double whole) {
  return format_number(100 * part / whole, 2) + " %";
}

void print_model(const train::Job& job) {
  const train::ShapeCount count = train::count_parameters(job.shape);
  std::printf("model    %s: %zu layers, width %lld, %s parameters, %s met by a token\n", job.shape.name.c_str(),
              job.shape.layers.size(), static_cast<long long>(job.shape.hidden), human_count(count.total).c_str(),
              human_count(count.active).c_str());
  std::printf("cluster  %d nodes of %d %s, %s of memory each, %s Gbit/s of network for each\n", job.cluster.nodes,
              job.cluster.gpus_per_node, job.cluster.gpu.name.c_str(),
              human_bytes(job.cluster.gpu.memory_bytes).c_str(),
              format_number(job.cluster.network_rate * 8e-9, 4).c_str());
  std::printf("step     %lld rows of %lld tokens: %s\n\n", static_cast<long long>(job.batch_rows),
              static_cast<long long>(job.context),
              human_count(static_cast<double>(job.batch_rows * job.context)).c_str());
}

void print_table(const std::vector<train::Advice>& advice) {
  TextTable table(
      {"mesh", "rows a pass", "passes", "recomputed", "memory", "tokens/s", "of a GPU", "TFLOP/s", "of peak"});
  for (const train::Advice& a : advice) {
    const train::Prediction& p = a.prediction;
    table.add({a.mesh.text(), std::to_string(a.microbatch_rows), std::to_string(p.microbatches), share(p.recomputed, 1),
               human_bytes(p.bytes.total()), human_count(p.tokens_per_s), human_count(p.tokens_per_s_of_rank),
               format_number(p.flops_of_rank * 1e-12, 3), share(p.utilisation, 1)});
  }
  std::fputs(table.text().c_str(), stdout);
}

void print_parts(const train::Prediction& p) {
  std::printf("\nthe first, a step of %s\n", human_seconds(p.seconds.total()).c_str());
  for (const auto& [name, seconds] : seconds_of(p)) {
    if (seconds > 0)
      std::printf("  %-26s %10s  %s\n", name, human_seconds(seconds).c_str(),
                  share(seconds, p.seconds.total()).c_str());
  }
  std::printf("parameters and gradients sent among data ranks: %s a rank and step\n",
              human_bytes(p.data_bytes).c_str());
  std::printf("memory of the fullest rank\n");
  for (const auto& [name, bytes] : bytes_of(p)) std::printf("  %-26s %10s\n", name, human_bytes(bytes).c_str());
}

Json to_json(const train::Advice& a) {
  const train::Prediction& p = a.prediction;
  Json seconds = Json::object(), bytes = Json::object();
  for (const auto& [name, value] : seconds_of(p)) seconds[name] = value;
  for (const auto& [name, value] : bytes_of(p)) bytes[name] = value;
  return {{"mesh",
           {{"dp", a.mesh.data},
            {"pp", a.mesh.pipeline},
            {"cp", a.mesh.context},
            {"tp", a.mesh.tensor},
            {"ep", a.mesh.expert}}},
          {"microbatch_rows", a.microbatch_rows},
          {"microbatches", p.microbatches},
          {"recomputed", p.recomputed},
          {"step_s", p.seconds.total()},
          {"seconds", seconds},
          {"bytes", bytes},
          {"data_bytes", p.data_bytes},
          {"tokens_per_s", p.tokens_per_s},
          {"flops_per_s_of_a_gpu", p.flops_of_rank},
          {"utilisation", p.utilisation}};
}

Json to_json(const train::Job& job, const std::vector<train::Advice>& advice) {
  const train::ShapeCount count = train::count_parameters(job.shape);
  Json meshes = Json::array();
  for (const train::Advice& a : advice) meshes.push_back(to_json(a));
  return {{"schema", "hearth.pretrain.cluster/1"},
          {"model", {{"name", job.shape.name}, {"parameters", count.total}, {"active_parameters", count.active}}},
          {"gpu", job.cluster.gpu.name},
          {"nodes", job.cluster.nodes},
          {"gpus_per_node", job.cluster.gpus_per_node},
          {"context", job.context},
          {"batch_rows", job.batch_rows},
          {"meshes", meshes}};
}

}  // namespace

int plan_cluster(const PretrainOptions& o, const Context& context) {
  if (!o.common.dry_run) throw Error(Kind::usage, "--nodes plans for a cluster that is not at hand: add --dry-run");
  const train::Job job = job_asked_for(o);
  const std::vector<train::Advice> advice = train::advise(job, n_shown);
  if (context.json) {
    std::printf("%s\n", dump_json(to_json(job, advice)).c_str());
    return advice.empty() ? 1 : 0;
  }
  print_model(job);
  if (advice.empty()) {
    std::printf(
        "no mesh of %d ranks holds this model: take more nodes, GPUs with more memory, or a smaller --context "
        "or another --batch-tokens (so many rows must divide among the data ranks)\n",
        job.cluster.n_ranks());
    return 1;
  }
  print_table(advice);
  print_parts(advice.front().prediction);
  if (o.tokens > 0) {
    const double seconds = static_cast<double>(o.tokens) / advice.front().prediction.tokens_per_s;
    std::printf("%s tokens: %s, %s GPU hours\n", human_count(static_cast<double>(o.tokens)).c_str(),
                human_seconds(seconds).c_str(), human_count(seconds / 3600 * job.cluster.n_ranks()).c_str());
  }
  return 0;
}

}  // namespace hearth::tools
