// SPDX-License-Identifier: Apache-2.0
#include "tests/gpu/measure.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "kernels/cuda_backend.h"
#include "kernels/gemm.h"
#include "lib/base/rng.h"
#include "lib/base/text.h"

namespace hearth::gpu {
namespace {

constexpr double budget_s = 0.25;  // of one op's timed runs

float as_float(const std::byte* at, DType dtype) {
  if (dtype == DType::f32) return *reinterpret_cast<const float*>(at);
  return static_cast<float>(*reinterpret_cast<const bf16*>(at));
}

}  // namespace

Measurement::Measurement(Stream& stream, std::string only, bool tiny)
    : stream_(stream),
      only_(std::move(only)),
      tiny_(tiny),
      flush_(tiny ? std::size_t{1} << 16 : std::size_t{256} << 20, stream.device()) {
  copy_rate_ = copy_rate();
  bf16_rate_ = product_rate(DType::bf16);
  f32_rate_ = product_rate(DType::f32);
  try {
    kernels::cuda_dnn();
    has_cudnn_ = true;
  } catch (const Error& error) {
    std::fprintf(stderr, "without cuDNN: %s\n", error.what());
  }
}

// Copies on the device, each twice as long as the one before.
void Measurement::fill_repeating(const Tensor& tensor, const Tensor& pattern) {
  const auto bytes = static_cast<std::int64_t>(tensor.bytes());
  const auto piece = [&](std::int64_t begin, std::int64_t length) {
    return Tensor(tensor.data + begin, DType::u8, {length});
  };
  std::int64_t done = std::min(bytes, static_cast<std::int64_t>(pattern.bytes()));
  stream_.copy(Tensor(pattern.data, DType::u8, {done}), piece(0, done));
  while (done < bytes) {
    const std::int64_t next = std::min(done, bytes - done);
    stream_.copy(piece(0, next), piece(done, next));
    done += next;
  }
  stream_.wait();
}

Tensor Measurement::tensor(DType dtype, Shape shape) {
  const auto bytes = static_cast<std::size_t>(shape.n_elements()) * size_of(dtype);
  blocks_.push_back(std::make_unique<Buffer>(bytes, stream_.device()));  // zeroed
  const Tensor out(blocks_.back()->data(), dtype, shape);
  if (dtype != DType::f32 && dtype != DType::bf16) return out;
  constexpr std::int64_t most_pattern = 1 << 22;
  const std::int64_t n = std::min(most_pattern, shape.n_elements());
  const Buffer memory(static_cast<std::size_t>(n) * size_of(dtype));
  const Tensor pattern(memory.data(), dtype, {n});
  Rng rng(blocks_.size());
  for (std::int64_t i = 0; i < n; ++i) {
    const auto value = static_cast<float>(rng.uniform() - 0.5);
    if (dtype == DType::f32) {
      pattern.as<float>()[i] = value;
    } else {
      pattern.as<bf16>()[i] = bf16(value);
    }
  }
  fill_repeating(out, pattern);
  return out;
}

void Measurement::spoil(const Tensor& output) {
  if (output.dtype != DType::f32 && output.dtype != DType::bf16) return;
  const std::vector<std::uint8_t> pattern(std::min<std::size_t>(output.bytes(), 1 << 20), 0xFF);  // NaN in both
  fill_repeating(output, Tensor(pattern.data(), {static_cast<std::int64_t>(pattern.size())}));
}

void Measurement::check_written(const Tensor& output) {
  if (output.dtype != DType::f32 && output.dtype != DType::bf16) return;
  constexpr std::int64_t piece = std::int64_t{64} << 20;  // elements fetched at a time
  const std::size_t size = size_of(output.dtype);
  const Tensor flat = output.reshaped({output.n_elements()});
  for (std::int64_t begin = 0; begin < flat.n_elements(); begin += piece) {
    const std::int64_t n = std::min(piece, flat.n_elements() - begin);
    const Buffer memory(static_cast<std::size_t>(n) * size);
    stream_.copy(flat.rows(begin, n), Tensor(memory.data(), output.dtype, {n}));
    stream_.wait();
    for (std::int64_t i = 0; i < n; ++i) {
      if (std::isfinite(as_float(memory.data() + static_cast<std::size_t>(i) * size, output.dtype))) continue;
      throw Error(Kind::internal, "element " + std::to_string(begin + i) + " of an output of shape " +
                                      output.shape.text() + " is not finite, or was never written");
    }
  }
}

Tensor Measurement::indices(const std::vector<std::int32_t>& values) {
  const Tensor out = tensor(DType::i32, {static_cast<std::int64_t>(values.size())});
  stream_.copy(Tensor(values.data(), out.shape), out);
  stream_.wait();
  return out;
}

void Measurement::clear() {
  stream_.wait();
  blocks_.clear();
}

double Measurement::seconds_of(const std::function<void()>& body) {
  const Device& device = stream_.device();
  const Tensor flush(flush_.data(), DType::u8, {static_cast<std::int64_t>(flush_.bytes())});
  const auto timed = [&](int runs) {
    std::vector<std::unique_ptr<Event>> events;
    for (int i = 0; i < runs; ++i) {
      stream_.zero(flush);
      for (int end = 0; end < 2; ++end) {
        events.push_back(std::make_unique<Event>(device));
        events.back()->record(stream_);
        if (end == 0) body();
      }
    }
    stream_.wait();
    std::vector<double> seconds;
    for (std::size_t i = 0; i < events.size(); i += 2) seconds.push_back(events[i + 1]->seconds_since(*events[i]));
    std::sort(seconds.begin(), seconds.end());
    return seconds[seconds.size() / 2];
  };
  const double first = timed(1);  // sets itself up
  if (tiny_) return first;
  return timed(static_cast<int>(std::clamp(budget_s / timed(1), 3.0, 50.0)));
}

double Measurement::copy_rate() {
  const std::int64_t bytes = tiny_ ? 1 << 16 : std::int64_t{2} << 30;
  const Tensor from = tensor(DType::u8, {bytes}), to = tensor(DType::u8, {bytes});
  const double seconds = seconds_of([&] { stream_.copy(from, to); });
  clear();
  return 2.0 * static_cast<double>(bytes) / seconds;
}

double Measurement::product_rate(DType dtype) {
  const std::int64_t n = tiny_ ? 64 : dtype == DType::bf16 ? 8192 : 4096;
  const Tensor a = tensor(dtype, {n, n}), b = tensor(dtype, {n, n}), y = tensor(dtype, {n, n});
  const double seconds = seconds_of([&] { kernels::gemm(stream_, {.a = a, .b = b, .y = y, .transpose_b = true}); });
  clear();
  return 2.0 * static_cast<double>(n * n * n) / seconds;
}

Json Measurement::ceilings() const {
  return {{"copy_bytes_per_s", copy_rate_}, {"bf16_flops_per_s", bf16_rate_}, {"f32_flops_per_s", f32_rate_}};
}

void Measurement::run(const std::string& name, const Json& shape, const Work& work, const std::vector<Tensor>& outputs,
                      const std::function<void()>& body) {
  if (!wanted(name)) return;
  const double product_rate = work.dtype == DType::f32 ? f32_rate_ : bf16_rate_;
  const bool by_bytes = work.bytes / copy_rate_ > work.flops / product_rate;
  const double amount = by_bytes ? work.bytes : work.flops, ceiling = by_bytes ? copy_rate_ : product_rate;
  Json line = {{"bench", name}, {"shape", shape}, {"dtype", std::string(name_of(work.dtype))}};
  try {
    for (const Tensor& each : outputs) spoil(each);
    const double seconds = seconds_of(body);
    for (const Tensor& each : outputs) check_written(each);
    line.update({{"work", amount},
                 {"unit", by_bytes ? "B" : "FLOP"},
                 {"seconds", seconds},
                 {"rate", amount / seconds},
                 {"ceiling", ceiling},
                 {"ratio", amount / seconds / ceiling},
                 {"bytes", work.bytes},
                 {"flops", work.flops}});
    std::fprintf(stderr, "%-28s %-5s %-56s %9.3f ms  %s/s  %3.0f %%\n", name.c_str(),
                 std::string(name_of(work.dtype)).c_str(), dump_json(shape).c_str(), 1e3 * seconds,
                 (by_bytes ? human_bytes(amount / seconds) : human_count(amount / seconds) + "FLOP").c_str(),
                 100 * amount / seconds / ceiling);
  } catch (const std::exception& error) {
    ++n_failed_;
    line["error"] = error.what();
    std::fprintf(stderr, "%-28s FAILED: %s\n", name.c_str(), error.what());
  }
  line["machine"] = stream_.device().api().name();
  std::printf("%s\n", dump_json(line).c_str());
  std::fflush(stdout);
}

std::vector<std::int32_t> even_bounds(std::int64_t sequences, std::int64_t length) {
  std::vector<std::int32_t> bounds;
  for (std::int64_t i = 0; i <= sequences; ++i) bounds.push_back(static_cast<std::int32_t>(i * length));
  return bounds;
}

std::vector<std::int32_t> uneven_bounds(std::int64_t experts, std::int64_t rows) {
  std::vector<std::int32_t> bounds{0};
  for (std::int64_t e = 0; e < experts; ++e)
    bounds.push_back(static_cast<std::int32_t>(rows * (e + 1) * (e + 1 + experts) / (2 * experts * experts)));
  return bounds;
}

}  // namespace hearth::gpu
