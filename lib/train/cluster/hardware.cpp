// SPDX-License-Identifier: Apache-2.0
#include "lib/train/cluster/hardware.h"

#include <algorithm>
#include <cmath>

#include "lib/base/error.h"

namespace hearth::train {
namespace {

// Products: cuBLAS reaches 770 to 800 of 989 TFLOP/s on an H200 that is not throttled, for minutes; 720 to 790 on H100.
constexpr double gemm_share = 0.76;
// fp8 products: DeepGEMM's 1,550 of 1,979 are a best case; scaling and accumulating at block borders cost the rest.
constexpr double fp8_gemm_share = 0.66;
// A tile's first and last steps, as steps along k.
constexpr double tile_start = 192;
constexpr double tile_m = 128, tile_n = 256;

// cuDNN 9.19 on H200, causal, head size 128: 484 TFLOP/s at 2,048 tokens to 688 at 32,768 forward, 370 to 581 backward.
constexpr double attention_share = 0.71, attention_half = 780;
constexpr double attention_backward_share = 0.61, attention_backward_half = 1100;
constexpr double wide_head_share =
    0.85;  // of that, heads of 192 and 128 (MLA): 522 to 643 forward, 352 to 442 backward

constexpr double memory_share = 0.80;   // RMSNorm and the like: 79 % of the data sheet
constexpr double link_share = 0.75;     // NCCL's ring on NVLink
constexpr double network_share = 0.85;  // the same on InfiniBand
constexpr double launch_s = 4e-6;
constexpr double link_start_s = 12e-6, network_start_s = 30e-6;

// Data sheets; memory as programs see it.
const std::vector<Gpu>& gpus() {
  static const std::vector<Gpu> table{{"a100", 312e12, 0, 84e9, 2.04e12, 300e9, 108},
                                      {"h100", 989e12, 1979e12, 84e9, 3.35e12, 450e9, 132},
                                      {"h200", 989e12, 1979e12, 149e9, 4.8e12, 450e9, 132},
                                      {"h800", 989e12, 1979e12, 84e9, 3.35e12, 200e9, 132}};
  return table;
}

// Bytes a second into each rank of a ring. Among nodes its members of one node pass their networks' bytes on to one
// another, so that all their links carry a part.
double ring_rate(const Cluster& cluster, const Group& group) {
  const double link = cluster.gpu.link_rate * link_share;
  if (group.span <= cluster.gpus_per_node) return link;
  const double in_a_node = std::max(1.0, static_cast<double>(group.ranks) * cluster.gpus_per_node / group.span);
  return std::min(link, in_a_node * cluster.network_rate * network_share);
}

}  // namespace

const Gpu& gpu_named(std::string_view name) {
  std::string known;
  for (const Gpu& gpu : gpus()) {
    if (gpu.name == name) return gpu;
    known += (known.empty() ? "" : ", ") + gpu.name;
  }
  throw Error(Kind::usage, "no GPU '" + std::string(name) + "'; known: " + known);
}

double gemm_seconds(const Gpu& gpu, Precision precision, double groups, double m, double n, double k) {
  if (groups * m * n * k <= 0) return 0;
  const bool fp8 = precision == Precision::fp8;
  const double rate = fp8 ? gpu.fp8_flops * fp8_gemm_share : gpu.bf16_flops * gemm_share;
  const double width = n <= tile_n / 2 ? tile_n / 2 : tile_n;
  const double tiles = groups * std::ceil(m / tile_m) * std::ceil(n / width);
  const double waves = std::ceil(tiles / gpu.processors);
  const double arithmetic = waves * gpu.processors * 2 * tile_m * width * (k + tile_start) / rate;
  const double bytes = 2 * groups * (m * k + n * k + m * n);
  // fp8: both operands are read in bf16 and written as fp8 before.
  const double casting = fp8 ? memory_seconds(gpu, 3 * groups * (m * k + n * k)) : 0;
  return std::max(arithmetic, memory_seconds(gpu, bytes)) + casting + launch_s;
}

double attention_seconds(const Gpu& gpu, double flops, std::int64_t context, std::int64_t head_dim, bool backward) {
  const double share = (backward ? attention_backward_share : attention_share) * (head_dim > 128 ? wide_head_share : 1);
  const double half = backward ? attention_backward_half : attention_half;
  const double n = static_cast<double>(context);
  return flops / (gpu.bf16_flops * share * n / (n + half)) + launch_s;
}

double memory_seconds(const Gpu& gpu, double bytes) {
  return bytes / (gpu.memory_rate * memory_share);
}

double gather_seconds(const Cluster& cluster, const Group& group, double bytes) {
  if (group.ranks <= 1) return 0;
  const double start = group.span <= cluster.gpus_per_node ? link_start_s : network_start_s;
  return bytes * (group.ranks - 1) / group.ranks / ring_rate(cluster, group) + start;
}

double exchange_seconds(const Cluster& cluster, const Group& group, double bytes, bool once_per_node, double copies) {
  if (group.ranks <= 1) return 0;
  const double n_nodes = std::max(1.0, std::ceil(static_cast<double>(group.span) / cluster.gpus_per_node));
  double far = bytes * (1 - 1 / n_nodes);
  if (once_per_node && copies > 1) far = bytes / copies * (n_nodes - 1) * (1 - std::pow(1 - 1 / n_nodes, copies));
  const double near = bytes * (1 - 1.0 / group.ranks);  // what crosses the network is passed on inside the node
  return std::max(near / (cluster.gpu.link_rate * link_share), far / (cluster.network_rate * network_share)) +
         (n_nodes > 1 ? network_start_s : link_start_s);
}

}  // namespace hearth::train
