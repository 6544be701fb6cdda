// SPDX-License-Identifier: Apache-2.0
// What this process runs on, as recorded in provenance and shown by `hearth doctor`.
#pragma once
#include <cstdint>
#include <string>

namespace hearth {

struct Machine {
  std::string host;
  std::string cpu;            // "AMD EPYC ..."
  std::string isa;            // "avx512_bf16", "avx512", "avx2" or "baseline": the widest the kernels may use
  int n_cores = 1;            // this process may run on
  std::uint64_t memory_bytes = 0;  // physical, or the cgroup's limit where that is lower
};

Machine this_machine();
std::uint64_t peak_memory_bytes();  // the process's maximum resident set so far

}  // namespace hearth
