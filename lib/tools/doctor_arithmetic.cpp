// SPDX-License-Identifier: Apache-2.0
// What the kernels can do on this machine: exactness, bf16, speed, and agreement with the reference.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/gemm.h"
#include "lib/base/rng.h"
#include "lib/base/text.h"
#include "lib/device/memory.h"
#include "lib/nn/depth.h"
#include "lib/nn/model.h"
#include "lib/tools/doctor_checks.h"
#include "lib/train/ceiling.h"

namespace hearth::tools::doctor {
namespace {

constexpr double step_tolerance = 1e-4;  // of the gradients' norm; rounding of f32 gives some 1e-6

// Normal random numbers as f32 or bf16.
Buffer random_numbers(std::int64_t count, DType dtype, std::uint64_t seed) {
  Buffer buffer(static_cast<std::size_t>(count) * size_of(dtype));
  Rng rng(seed);
  for (std::int64_t i = 0; i < count; ++i) {
    const auto value = static_cast<float>(rng.normal());
    if (dtype == DType::f32) {
      reinterpret_cast<float*>(buffer.data())[i] = value;
    } else {
      reinterpret_cast<bf16*>(buffer.data())[i] = bf16(value);
    }
  }
  return buffer;
}

// The first row count at which a row of x w^T differs from the same row of the product of all rows; 0: none.
std::int64_t first_inexact_count(Stream& stream, DType dtype, std::int64_t n, std::int64_t k) {
  constexpr std::int64_t all_rows = 259, every_count_to = 130;
  const Buffer x = random_numbers(all_rows * k, dtype, 1), w = random_numbers(n * k, dtype, 2);
  Buffer whole(static_cast<std::size_t>(all_rows * n) * sizeof(float)), part(whole.bytes());
  const auto product = [&](std::int64_t first, std::int64_t count, Buffer& y) {
    const Tensor rows = Tensor(x.data(), dtype, {all_rows, k}).rows(first, count);
    kernels::gemm(stream, {.a = rows,
                           .b = Tensor(w.data(), dtype, {n, k}),
                           .y = Tensor(y.data(), DType::f32, {count, n}),
                           .transpose_b = true});
  };
  product(0, all_rows, whole);
  for (std::int64_t count = 1; count < all_rows; count += count < every_count_to ? 1 : 32) {
    const std::int64_t first = (count * 37) % (all_rows - count + 1);
    product(first, count, part);
    const std::size_t row_bytes = static_cast<std::size_t>(n) * sizeof(float);
    if (std::memcmp(part.data(), whole.data() + static_cast<std::size_t>(first) * row_bytes,
                    static_cast<std::size_t>(count) * row_bytes) != 0) {
      return count;
    }
  }
  return 0;
}

// Loss and gradients of one microbatch of two documents by the kernels of the stream.
struct StepOutcome {
  double loss = 0;
  std::vector<float> gradients;
};

StepOutcome small_step(Stream& stream) {
  constexpr std::int64_t vocab = 64, n_tokens = 32;
  nn::ModelConfig config = nn::config_from_depth(2, true, vocab, n_tokens);
  config.init.output_gain = config.init.matrix_gain;  // else the block starts as identity and most gradients are zero
  nn::Model model(config, DType::f32,
                  {.purpose = nn::Purpose::train, .device = stream.device(), .max_tokens = n_tokens});
  model.parameters().initialise(stream, 7);
  model.parameters().zero_gradients(stream);

  std::vector<std::int32_t> ids(n_tokens), positions(n_tokens), targets(n_tokens), bounds{0, 13, n_tokens};
  std::vector<float> weights(n_tokens, 1.0f);
  for (std::int32_t i = 0; i < n_tokens; ++i) {
    const auto at = static_cast<std::size_t>(i);
    ids[at] = (i * 37 + 11) % vocab;
    targets[at] = (i * 29 + 5) % vocab;
    positions[at] = i < bounds[1] ? i : i - bounds[1];
  }
  const nn::Batch batch{.ids = Tensor(ids.data(), {n_tokens}),
                        .positions = Tensor(positions.data(), {n_tokens}),
                        .cu_seqlens = Tensor(bounds.data(), {3}),
                        .targets = Tensor(targets.data(), {n_tokens}),
                        .token_weight = Tensor(weights.data(), {n_tokens}),
                        .embeddings = {}};
  StepOutcome outcome;
  outcome.loss = model.forward_backward(stream, batch, nn::cross_entropy(n_tokens)).loss;
  for (const nn::Parameter& parameter : model.parameters().all()) {
    if (!parameter.gradient) continue;
    const std::vector<float> gradient = host_copy<float>(stream, parameter.gradient);
    outcome.gradients.insert(outcome.gradients.end(), gradient.begin(), gradient.end());
  }
  return outcome;
}

// |a - b| / |b| as vectors.
double relative_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    difference += (static_cast<double>(a[i]) - b[i]) * (static_cast<double>(a[i]) - b[i]);
    norm += static_cast<double>(b[i]) * b[i];
  }
  return std::sqrt(difference / norm);
}

}  // namespace

Finding exact_rows(Context& context, DType dtype) {
  Finding finding{"arithmetic", "exact rows, " + std::string(name_of(dtype)), Status::good, "", "", 0, ""};
  for (const auto& [n, k] : {std::pair{64, 64}, std::pair{192, 512}, std::pair{257, 96}}) {
    const std::int64_t count = first_inexact_count(context.stream, dtype, n, k);
    if (count == 0) continue;
    finding.status = Status::failed;
    finding.value = "a product of " + std::to_string(count) + " rows differs from the same rows of a larger one (n " +
                    std::to_string(n) + ", k " + std::to_string(k) + ")";
    finding.advice = "results then depend on batch sizes: a bug in hearth for this processor, please report it";
    return finding;
  }
  finding.value = "a row's result depends on that row alone";
  return finding;
}

Finding gemm_ceiling(Context& context, DType dtype) {
  const double rate = train::matrix_rate(context.stream, dtype);
  return {"arithmetic", "product of two 1024 x 1024, " + std::string(name_of(dtype)),
          Status::fact, human_count(rate) + "FLOP/s",
          "",           rate,
          "FLOP/s"};
}

Finding bf16_support() {
  if (kernels::bf16_is_native()) return {"arithmetic", "bf16 products", Status::good, "native", "", 0, ""};
  return {
      "arithmetic", "bf16 products", Status::fact, "computed in f32 (this processor has none of its own)", "", 0, ""};
}

Finding training_step(Stream& stream) {
  const bool host = stream.is_host();
  Finding finding{host ? "arithmetic" : "gpu",
                  std::string("training step, ") + (host ? "fast" : "GPU") + " against reference",
                  Status::good,
                  "",
                  "",
                  0,
                  "of the gradients' norm"};
  try {
    Stream reference_stream(stream.pool(), HostKernels::ref);
    const StepOutcome fast = small_step(stream), reference = small_step(reference_stream);
    finding.number = std::max(relative_difference(fast.gradients, reference.gradients),
                              std::abs(fast.loss - reference.loss) / std::abs(reference.loss));
    finding.value = "differ by " + format_number(finding.number, 2) + " of the gradients' norm";
    if (!(finding.number < step_tolerance)) finding.status = Status::failed;
  } catch (const Error& error) {
    finding.status = Status::failed;
    finding.value = error.what();
  }
  if (finding.status == Status::failed) finding.advice = "the kernels are wrong on this machine: please report it";
  return finding;
}

}  // namespace hearth::tools::doctor
