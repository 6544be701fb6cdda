// SPDX-License-Identifier: Apache-2.0
// The single checks of `hearth doctor`. Each returns what it found; none throws for what it finds.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "lib/base/dtype.h"
#include "lib/device/context.h"

namespace hearth::tools::doctor {

enum class Status { fact, good, warning, failed };

struct Finding {
  std::string group;  // "machine", "libraries", "files", "arithmetic", "gpu"
  std::string name;   // "bf16 products"
  Status status = Status::fact;
  std::string value;   // for people: "native", "231 GFLOP/s"
  std::string advice;  // what to do about a warning or failure
  double number = 0;   // for programs, where the value is a quantity; its unit stands in unit
  std::string unit;
};

std::vector<Finding> machine_facts(Context& context);
std::vector<Finding> library_versions();
// pdftotext, and whether parsers run without network.
std::vector<Finding> parser_checks();
std::vector<Finding> file_checks(const std::filesystem::path& temporary_folder, ThreadPool& pool);

// Exact mode: whether a row of a product depends on anything but that row, over all row counts up to 130 and some more.
Finding exact_rows(Context& context, DType dtype);
// The rate of a large product, in FLOP/s: what training is measured against.
Finding gemm_ceiling(Context& context, DType dtype);
Finding bf16_support();
// One training step of a small mixture-of-experts model by the kernels of the stream and by the reference.
Finding training_step(Stream& stream);

// What there is of CUDA; of the GPU the tools would use: what it copies and multiplies, and whether it trains rightly.
// No GPU is no failure.
std::vector<Finding> gpu_checks(ThreadPool& pool);

// A rank's rates, and what of them is below 80 % of the median over all ranks.
struct RankRates {
  std::string node;
  double copy = 0, product = 0, link = 0;  // bytes/s, FLOP/s, bytes/s (its better neighbour)
  bool healthy = true;                     // a training step gives what the reference gives
};
// "n2 memory copy 3 GB/s, 41 % of the median" for each.
std::vector<std::string> slow_nodes(const std::vector<RankRates>& ranks);

}  // namespace hearth::tools::doctor
