// SPDX-License-Identifier: Apache-2.0
// What GPUs and links do in a second: data sheets, and the share of them that training is known to reach. Every share
// is named with its source in hardware.cpp; together they are checked against published runs in
// tests/lib/train/test_cluster.cpp.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::train {

struct Gpu {
  std::string name;
  double bf16_flops = 0, fp8_flops = 0;      // a second, dense; fp8 0: none
  double memory_bytes = 0, memory_rate = 0;  // bytes; bytes a second
  double link_rate = 0;                      // NVLink, bytes a second one way
  int processors = 0;                        // streaming multiprocessors
};
// a100, h100, h200, h800. Throws Error{usage} that lists them.
const Gpu& gpu_named(std::string_view name);

struct Cluster {
  Gpu gpu;
  int nodes = 1, gpus_per_node = 8;
  double network_rate = 50e9;  // bytes a second one way, of each GPU (400 Gbit/s)
  int n_ranks() const { return nodes * gpus_per_node; }
};

enum class Precision { bf16, fp8 };

// Seconds of `groups` products [m, k] x [k, n] in one launch: whole tiles, in whole waves over the processors, or what
// memory takes where that is more.
double gemm_seconds(const Gpu& gpu, Precision precision, double groups, double m, double n, double k);

// Seconds of attention over `flops`, of which a masked key counts nothing, at this context, heads of so many
// elements.
double attention_seconds(const Gpu& gpu, double flops, std::int64_t context, std::int64_t head_dim, bool backward);

// Seconds to read or write so many bytes of GPU memory.
double memory_seconds(const Gpu& gpu, double bytes);

// A group of ranks that lies together: `ranks` of them over `span` neighbouring ranks of the job.
struct Group {
  int ranks = 1, span = 1;
};

// Each rank holds `bytes` / ranks before all_gather or after reduce_scatter.
double gather_seconds(const Cluster& cluster, const Group& group, double bytes);
// Each rank sends `bytes` in all, spread evenly over the group. once_per_node: of what goes to several experts on a
// node one copy crosses the network (DeepEP); copies is then how many a token has.
double exchange_seconds(const Cluster& cluster, const Group& group, double bytes, bool once_per_node, double copies);

}  // namespace hearth::train
