// SPDX-License-Identifier: Apache-2.0
#include "lib/base/machine.h"

#include <sys/resource.h>
#include <unistd.h>

#include <fstream>

#include "lib/base/text.h"
#include "lib/base/thread_pool.h"

namespace hearth {
namespace {

std::string cpu_model() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) return std::string(trim(line.substr(line.find(':') + 1)));
  }
  return "unknown";
}

std::string widest_isa() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512bf16")) return "avx512_bf16";
  if (__builtin_cpu_supports("avx512bw")) return "avx512";
  if (__builtin_cpu_supports("avx2")) return "avx2";
  return "baseline";
}

std::uint64_t memory_limit() {
  auto bytes = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  std::uint64_t limit = 0;
  for (const char* file : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    if (std::ifstream(file) >> limit && limit > 0 && limit < bytes) bytes = limit;
  }
  return bytes;
}

}  // namespace

Machine this_machine() {
  char host[256] = {};
  ::gethostname(host, sizeof host - 1);
  return {host, cpu_model(), widest_isa(), available_cores(), memory_limit()};
}

std::uint64_t peak_memory_bytes() {
  struct rusage usage {};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace hearth
