// SPDX-License-Identifier: Apache-2.0
// hearth pretrain: tokens in, a trained model out.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/options.h"
#include "lib/device/context.h"
#include "lib/tools/tool.h"

namespace hearth::tools {

struct PretrainOptions {
  // what to train
  std::string depth, model;
  bool moe = false;
  std::optional<double> hours;
  std::optional<std::int64_t> context, moe_experts, moe_k, moe_ffn, moe_shared;
  // on what
  std::vector<std::string> data, weights;
  std::optional<double> max_epochs;
  std::string tokenizer;
  // where and how long
  std::string output, resume = "auto";
  std::optional<std::int64_t> steps;
  std::uint64_t tokens = 0;  // here and below 0: not given
  std::optional<double> epochs;
  double max_hours = 0;
  std::int64_t eval_every = 250, checkpoint_every = 500, keep = 2, keep_every = 0, compare_every = 500, stop_at = 0;
  double watchdog_s = 600;
  std::uint64_t eval_tokens = 1 << 18;
  // how
  std::string optimizer = "muon", schedule = "wsd", dtype = "fp32";
  std::optional<double> learning_rate, final_lr;
  double warmup = 0.02, decay = 0.4, weight_decay = 0.1, beta2 = 0.95, clip = 1, z_loss = 1e-5;
  double moe_gamma = 1e-3, moe_balance = 1e-4, moe_headroom = 2;
  std::uint64_t batch_tokens = 0, microbatch_tokens = 0, recompute = 0;
  std::string cuda_graphs = "on";
  std::string gemm = "cublaslt", attention = "portable", grouped_gemm = "own";
  bool exact = false;
  bool check_kernels = false;
  // a plan for elsewhere
  std::optional<std::int64_t> nodes;
  std::int64_t gpus_per_node = 8;
  std::string gpu = "h100";
  double network = 400;  // Gbit/s of each GPU

  comm::MeshShape mesh;
  std::string shard = "optimizer";
  CommonOptions common;
};

Command pretrain_command(const std::vector<std::string>& argv);

// Trains; returns the exit code. Throws Error{stopped} after a good checkpoint when stopped early.
int run(const PretrainOptions& options, Context& context);

}  // namespace hearth::tools
