// SPDX-License-Identifier: Apache-2.0
// The GPU as the kernels meet it.
#include <algorithm>
#include <functional>
#include <optional>

#include "kernels/cuda_backend.h"
#include "lib/base/text.h"
#include "lib/device/cuda_api.h"
#include "lib/device/memory.h"
#include "lib/tools/doctor_checks.h"
#include "lib/train/ceiling.h"

namespace hearth::tools::doctor {
namespace {

Finding fact(const std::string& name, const std::string& value, double number = 0, const std::string& unit = "") {
  return {"gpu", name, Status::fact, value, "", number, unit};
}

// Of a few runs after the first, by the device's clock.
double best_seconds(Stream& stream, const std::function<void()>& run) {
  double best = 1e30;
  for (int i = 0; i < 4; ++i) {
    Event begin(stream.device()), end(stream.device());
    begin.record(stream);
    run();
    end.record(stream);
    end.wait();
    if (i > 0) best = std::min(best, end.seconds_since(begin));
  }
  return best;
}

// Bytes read and written a second by a copy, doubled in size until it takes long enough to be timed well.
double copy_rate(Stream& stream) {
  constexpr double long_enough_s = 1e-3;
  for (std::int64_t bytes = 1 << 22;; bytes *= 2) {
    Arena memory(static_cast<std::size_t>(2 * bytes), stream.device());
    const Tensor from = memory.allocate(DType::u8, {bytes}), to = memory.allocate(DType::u8, {bytes});
    const double seconds = best_seconds(stream, [&] { stream.copy(from, to); });
    if (seconds > long_enough_s || bytes >= (std::int64_t{1} << 31)) return 2.0 * static_cast<double>(bytes) / seconds;
  }
}

std::vector<Finding> check(Stream& stream) {
  const auto free = static_cast<double>(stream.device().api().free_bytes());
  const double copied = copy_rate(stream), multiplied = train::matrix_rate(stream, DType::bf16);
  return {fact("free memory", human_bytes(free), free, "bytes"),
          fact("copy of memory, read and written", human_bytes(copied) + "/s", copied, "bytes/s"),
          fact("product of two matrices, bf16", human_count(multiplied) + "FLOP/s", multiplied, "FLOP/s"),
          training_step(stream)};
}

}  // namespace

std::vector<Finding> gpu_checks(ThreadPool& pool) {
  const std::vector<Library> facts = cuda_facts();
  if (facts.empty()) return {fact("CUDA", "not in this hearth: build it with a cuda-* preset to use GPUs")};
  std::vector<Finding> found;
  for (const Library& each : facts) found.push_back(fact(each.name, each.version));
  // What throws is a finding of that name and status.
  const auto attempt = [&](const char* name, Status problem, const std::function<void()>& body) {
    try {
      body();
      return true;
    } catch (const Error& error) {
      found.push_back({"gpu", name, problem, error.what(), "", 0, ""});
      return false;
    }
  };
  attempt("cuBLASLt", Status::warning, [&] { found.push_back(fact("cuBLASLt", kernels::cuda_blas().version)); });
  attempt("cuDNN", Status::fact, [&] { found.push_back(fact("cuDNN", kernels::cuda_dnn().version)); });
  std::optional<Device> device;
  if (!attempt("usable", Status::warning, [&] { device = Device::cuda(); })) return found;
  attempt("usable", Status::failed, [&] {
    Stream stream(*device, pool);
    for (Finding& each : check(stream)) found.push_back(std::move(each));
    found.push_back({"gpu", "usable", Status::good, device->api().name(), "", 0, ""});
  });
  return found;
}

}  // namespace hearth::tools::doctor
