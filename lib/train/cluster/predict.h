// SPDX-License-Identifier: Apache-2.0
// What a run would cost on machines that are not at hand: memory of a rank, time of a step by part. Sums of
// hardware.h's rates over what one step does; no run is simulated.
//
// A step is m microbatches through p stages (1F1B):
//   step = (m + (p - 1) / interleave) * slowest stage + what of the data ranks' exchange nothing hides + optimiser
#pragma once
#include <cstdint>
#include <string>

#include "lib/comm/mesh.h"
#include "lib/nn/sharding.h"
#include "lib/train/cluster/hardware.h"
#include "lib/train/cluster/shape.h"

namespace hearth::train {

// How the program that runs it works. The defaults are hearth's; others only serve to check published runs.
struct Software {
  Precision precision = Precision::bf16;
  int interleave = 1;  // model chunks of a pipeline rank
  bool experts_over_tensor =
      false;                   // experts whole, over tensor ranks as well (Megatron's folding); else sharded there
  bool once_per_node = false;  // the dispatch sends a token once to a node
  double tensor_hidden = 0;    // share of tensor collectives that computing hides
  double dispatch_hidden = 0;  // the same of the experts' all_to_all, beside the shared expert
  double recomputed = 0;       // share of layers whose forward pass runs again; negative: as many as memory asks for
  double expert_headroom = 2;  // of what expert ranks keep: room for so many times the mean of rows
  bool muon = true;
  nn::Shard shard = nn::Shard::optimizer;  // what data ranks share out; parameters: FSDP
};

struct Job {
  ModelShape shape;
  Cluster cluster;
  comm::MeshShape mesh;              // with data filled in
  std::int64_t context = 0;          // tokens of a row
  std::int64_t batch_rows = 0;       // of a step, over all ranks
  std::int64_t microbatch_rows = 1;  // of a rank's pass
  double imbalance = 1;              // the busiest expert rank's tokens over the mean
  Software software = {};
};

struct Prediction {
  // Seconds of a step on the slowest stage's ranks; parts that overlap count what is left over.
  struct Seconds {
    double gemm = 0, attention = 0, memory_bound = 0, recompute = 0;
    double tensor = 0, dispatch = 0, context = 0, pipeline = 0, data = 0;  // collectives
    double bubble = 0, optimizer = 0, straggling = 0;
    double total() const;
  } seconds;
  // Bytes of the fullest rank.
  struct Bytes {
    double weights = 0, masters = 0, gradients = 0, optimizer = 0, activations = 0, reserve = 0;
    double total() const { return weights + masters + gradients + optimizer + activations + reserve; }
  } bytes;
  double data_bytes = 0;  // that a rank sends in a step to those with the same parameters
  double recomputed = 0;  // share of layers
  bool fits = false;
  std::int64_t microbatches = 0;
  double tokens_per_s = 0;  // of all ranks
  double tokens_per_s_of_rank = 0;
  double flops_of_rank = 0;  // a second, as train_flops_per_token counts
  double utilisation = 0;    // of the data sheet's bf16 rate
};

// Throws Error{config} for a job whose parts do not divide.
Prediction predict(const Job& job);
// Why the parts of a job do not divide; empty: they do.
std::string why_impossible(const Job& job);

}  // namespace hearth::train
