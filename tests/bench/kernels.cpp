// SPDX-License-Identifier: Apache-2.0
// Each kernel's rate beside what the machine reaches in the same run: products from the first-level cache for
// arithmetic, a large copy for what waits for memory. kernels_peer.py runs it beside PyTorch.
#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <functional>
#include <memory>

#include "kernels/backend.h"
#include "kernels/cpu/gemm_blocks.h"
#include "lib/base/clock.h"
#include "lib/base/json_value.h"
#include "lib/base/machine.h"
#include "lib/base/options.h"
#include "lib/base/rng.h"
#include "lib/device/memory.h"

using namespace hearth;
using namespace hearth::kernels;

namespace {

struct Settings {
  int threads = 0, repetitions = 7;
  std::string only, dtype = "both";
  bool cpu_time = false;
};

double processor_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

class Bench {
 public:
  Bench(const Settings& settings, Stream& stream, DType dtype) : settings_(settings), stream_(stream), dtype_(dtype) {
    copy_ceiling_ = measure_copy();
  }

  Tensor tensor(DType dtype, Shape shape) {
    blocks_.push_back(std::make_unique<Buffer>(static_cast<std::size_t>(shape.n_elements()) * size_of(dtype) + 64));
    const Tensor out(blocks_.back()->data(), dtype, shape);
    Rng rng(blocks_.size());
    for (std::int64_t i = 0; i < out.n_elements(); ++i) {
      const float value = static_cast<float>(rng.uniform()) - 0.5f;
      if (dtype == DType::f32) out.as<float>()[i] = value;
      if (dtype == DType::bf16) out.as<bf16>()[i] = bf16(value);
    }
    return out;
  }
  Tensor activation(Shape shape) { return tensor(dtype_, shape); }
  Tensor indices(const std::vector<std::int32_t>& values) {
    const Tensor out = tensor(DType::i32, {static_cast<std::int64_t>(values.size())});
    std::copy(values.begin(), values.end(), out.as<std::int32_t>());
    return out;
  }
  Stream& stream() const { return stream_; }
  DType dtype() const { return dtype_; }
  std::int64_t element() const { return static_cast<std::int64_t>(size_of(dtype_)); }

  void flops(const std::string& name, const Json& shape, double work, const std::function<void()>& run) {
    if (name.find(settings_.only) == std::string::npos) return;
    const double ceiling = measure_products();
    print(name, shape, work, "FLOP", best(run), ceiling);
  }
  void bytes(const std::string& name, const Json& shape, double work, const std::function<void()>& run) {
    if (name.find(settings_.only) == std::string::npos) return;
    print(name, shape, work, "B", best(run), copy_ceiling_);
  }
  void clear() { blocks_.clear(); }

 private:
  double best(const std::function<void()>& run) const {
    double seconds = 1e30;
    for (int i = 0; i < settings_.repetitions; ++i) {
      const double start = settings_.cpu_time ? processor_seconds() : steady_seconds();
      run();
      seconds = std::min(seconds, (settings_.cpu_time ? processor_seconds() : steady_seconds()) - start);
    }
    return seconds;
  }

  // Register blocks of products on operands that lie in the first-level cache, on all threads.
  double measure_products() {
    const cpu::GemmBlocks& blocks = cpu::gemm_blocks(dtype_, dtype_);
    constexpr std::int64_t units = 192, calls = 2000;
    const int n_threads = stream_.pool().n_threads();
    const Tensor a = tensor(DType::f32, {n_threads, units * blocks.mr}), c = tensor(DType::f32, {n_threads, 16 * 64});
    const Tensor b = tensor(DType::f32, {n_threads, units * blocks.nr});
    const double seconds = best([&] {
      stream_.pool().for_each(n_threads, [&](std::int64_t i, int) {
        for (int call = 0; call < calls; ++call) {
          blocks.multiply(reinterpret_cast<const std::uint32_t*>(a.rows(i, 1).data), 0,
                          reinterpret_cast<const std::uint32_t*>(b.rows(i, 1).data), units, blocks.mr,
                          c.rows(i, 1).as<float>(), blocks.nr, false);
        }
      });
    });
    blocks_.resize(blocks_.size() - 3);
    return 2.0 * blocks.mr * blocks.nr * blocks.unit * static_cast<double>(units * calls * n_threads) / seconds;
  }

  // Bytes read and written a second by a copy far larger than the caches.
  double measure_copy() {
    const Tensor from = tensor(DType::u8, {128 << 20}), to = tensor(DType::u8, {128 << 20});
    const double seconds = best([&] {
      stream_.pool().for_ranges(128 << 20, 1 << 16, [&](std::int64_t begin, std::int64_t end, int) {
        std::copy(from.data + begin, from.data + end, to.data + begin);
      });
    });
    clear();
    return 2.0 * (128 << 20) / seconds;
  }

  void print(const std::string& name, const Json& shape, double work, const char* unit, double seconds,
             double ceiling) {
    const Json line = {{"bench", name},
                       {"shape", shape},
                       {"dtype", std::string(name_of(dtype_))},
                       {"work", work},
                       {"unit", unit},
                       {"repetitions", settings_.repetitions},
                       {"seconds", seconds},
                       {"rate", work / seconds},
                       {"ceiling", ceiling},
                       {"ratio", work / seconds / ceiling},
                       {"threads", stream_.pool().n_threads()},
                       {"machine", this_machine().cpu}};
    std::printf("%s\n", dump_json(line).c_str());
    std::fflush(stdout);
  }

  const Settings& settings_;
  Stream& stream_;
  DType dtype_;
  double copy_ceiling_ = 0;
  std::vector<std::unique_ptr<Buffer>> blocks_;
};

void bench_gemm(Bench& bench, std::int64_t tokens, std::int64_t in, std::int64_t out) {
  const Tensor x = bench.activation({tokens, in}), w = bench.activation({out, in}), y = bench.activation({tokens, out});
  const Tensor dw = bench.tensor(DType::f32, {out, in});
  const double work = 2.0 * static_cast<double>(tokens * in * out);
  const Json shape = {{"tokens", tokens}, {"in", in}, {"out", out}};
  bench.flops("linear_forward", shape, work,
              [&] { gemm(bench.stream(), {.a = x, .b = w, .y = y, .transpose_b = true}); });
  bench.flops("linear_input_gradient", shape, work, [&] { gemm(bench.stream(), {.a = y, .b = w, .y = x}); });
  bench.flops("linear_weight_gradient", shape, work,
              [&] { gemm(bench.stream(), {.a = y, .b = x, .y = dw, .transpose_a = true, .accumulate = true}); });
  bench.clear();
}

void bench_grouped(Bench& bench, std::int64_t experts, std::int64_t rows, std::int64_t in, std::int64_t out) {
  std::vector<std::int32_t> begin{0};
  for (std::int64_t e = 0; e < experts; ++e) {  // uneven, as routing is
    begin.push_back(static_cast<std::int32_t>(rows * (e + 1) * (e + 1 + experts) / (2 * experts * experts)));
  }
  const Tensor offsets = bench.indices(begin), x = bench.activation({rows, in}), y = bench.activation({rows, out});
  const Tensor w = bench.activation({experts, out, in}), dw = bench.tensor(DType::f32, {experts, out, in});
  const double work = 2.0 * static_cast<double>(rows * in * out);
  const Json shape = {{"experts", experts}, {"rows", rows}, {"in", in}, {"out", out}};
  bench.flops("grouped_forward", shape, work,
              [&] { grouped_gemm(bench.stream(), {.x = x, .weight = w, .offsets = offsets, .y = y}); });
  bench.flops("grouped_input_gradient", shape, work, [&] {
    grouped_gemm_input_gradient(bench.stream(), {.dy = y, .weight = w, .offsets = offsets, .dx = x});
  });
  bench.flops("grouped_weight_gradient", shape, work, [&] {
    grouped_gemm_weight_gradient(bench.stream(), {.dy = y, .x = x, .offsets = offsets, .dweight = dw});
  });
  bench.clear();
}

void bench_attention(Bench& bench, std::int64_t sequences, std::int64_t length, std::int64_t q_heads,
                     std::int64_t kv_heads, std::int64_t head_dim) {
  const std::int64_t tokens = sequences * length;
  std::vector<std::int32_t> begin;
  for (std::int64_t i = 0; i <= sequences; ++i) begin.push_back(static_cast<std::int32_t>(i * length));
  const Shape q_shape{tokens, q_heads, head_dim}, k_shape{tokens, kv_heads, head_dim};
  const Tensor cu_seqlens = bench.indices(begin), lse = bench.tensor(DType::f32, {q_heads, tokens});
  const Tensor q = bench.activation(q_shape), k = bench.activation(k_shape), v = bench.activation(k_shape);
  const Tensor o = bench.activation(q_shape), d_o = bench.activation(q_shape), dq = bench.activation(q_shape);
  const Tensor dk = bench.activation(k_shape), dv = bench.activation(k_shape);
  const double pairs =
      static_cast<double>(sequences * q_heads) * static_cast<double>(length) * (static_cast<double>(length) + 1) / 2;
  const double work = 4.0 * pairs * static_cast<double>(head_dim);
  const Json shape = {{"sequences", sequences},
                      {"length", length},
                      {"q_heads", q_heads},
                      {"kv_heads", kv_heads},
                      {"head_dim", head_dim}};
  const float scale = 0.125f;
  bench.flops("attention_forward", shape, work, [&] {
    attention(bench.stream(), {.q = q, .k = k, .v = v, .cu_seqlens = cu_seqlens, .o = o, .lse = lse, .scale = scale});
  });
  bench.flops("attention_backward", shape, 2.5 * work, [&] {
    attention_backward(bench.stream(), {.q = q,
                                        .k = k,
                                        .v = v,
                                        .cu_seqlens = cu_seqlens,
                                        .o = o,
                                        .lse = lse,
                                        .d_o = d_o,
                                        .dq = dq,
                                        .dk = dk,
                                        .dv = dv,
                                        .scale = scale});
  });
  bench.clear();
}

void bench_head(Bench& bench, std::int64_t tokens, std::int64_t vocab, std::int64_t hidden) {
  const Tensor x = bench.activation({tokens, hidden}), w = bench.activation({vocab, hidden}),
               dx = bench.activation({tokens, hidden});
  const Tensor dw = bench.tensor(DType::f32, {vocab, hidden}), weight = bench.tensor(DType::f32, {tokens});
  const Tensor log_prob = bench.tensor(DType::f32, {tokens});
  const Tensor targets = bench.indices(std::vector<std::int32_t>(static_cast<std::size_t>(tokens), 1));
  const Tensor workspace = bench.tensor(DType::u8, {head_workspace_bytes(tokens, vocab)});
  bench.flops("head_with_gradient", {{"tokens", tokens}, {"vocab", vocab}, {"hidden", hidden}},
              6.0 * static_cast<double>(tokens * vocab * hidden), [&] {
                head(bench.stream(), {.hidden = x,
                                      .weight = w,
                                      .targets = targets,
                                      .log_prob = log_prob,
                                      .token_weight = weight,
                                      .d_hidden = dx,
                                      .d_weight = dw,
                                      .workspace = workspace});
              });
  bench.clear();
}

void bench_rows(Bench& bench, std::int64_t tokens, std::int64_t width) {
  const Tensor x = bench.activation({tokens, width}), r = bench.activation({tokens, width}),
               y = bench.activation({tokens, width});
  const Tensor s = bench.activation({tokens, width}), weight = bench.activation({width}),
               rstd = bench.tensor(DType::f32, {tokens});
  const Tensor dweight = bench.tensor(DType::f32, {width}), wide = bench.activation({tokens, 2 * width});
  const Tensor dwide = bench.activation({tokens, 2 * width});
  const Json shape = {{"tokens", tokens}, {"width", width}};
  const double one = static_cast<double>(tokens * width * bench.element());
  bench.bytes("rmsnorm_residual", shape, 4 * one, [&] {
    rmsnorm(bench.stream(), {.x = x, .residual = r, .weight = weight, .sum = s, .y = y, .rstd = rstd});
  });
  bench.bytes("rmsnorm_backward", shape, 4 * one, [&] {
    rmsnorm_backward(bench.stream(),
                     {.dy = y, .s = s, .weight = weight, .rstd = rstd, .d_residual = r, .ds = x, .dweight = dweight});
  });
  bench.bytes("glu", shape, 3 * one, [&] { glu(bench.stream(), {.x = wide, .y = y}); });
  bench.bytes("glu_backward", shape, 6 * one,
              [&] { glu_backward(bench.stream(), {.dy = y, .x = wide, .dx = dwide, .y = x}); });
  const Tensor table = bench.tensor(DType::f32, {tokens, 2, 32});
  const Tensor heads = x.reshaped({tokens, width / 64, 64});
  bench.bytes("rope", shape, 2 * one, [&] { rope(bench.stream(), {.x = heads, .cos_sin = table, .y = heads}); });
  bench.clear();
}

void bench_optimizer(Bench& bench, std::int64_t n) {
  const Tensor p = bench.tensor(DType::f32, {n}), g = bench.tensor(DType::f32, {n}), m = bench.tensor(DType::f32, {n});
  const Tensor v = bench.tensor(DType::f32, {n}), copy = bench.tensor(DType::bf16, {n}),
               total = bench.tensor(DType::f64, {1});
  bench.bytes("adamw", {{"n", n}}, 30.0 * static_cast<double>(n), [&] {
    adamw(bench.stream(), {.parameter = p, .gradient = g, .m = m, .v = v, .copy = copy, .learning_rate = 1e-6f});
  });
  bench.bytes("sum_of_squares", {{"n", n}}, 4.0 * static_cast<double>(n),
              [&] { sum_of_squares(bench.stream(), {.x = g, .total = total}); });
  bench.clear();
}

void bench_router(Bench& bench, std::int64_t tokens, std::int64_t experts, std::int64_t k) {
  const Tensor logits = bench.tensor(DType::f32, {tokens, experts}),
               scores = bench.tensor(DType::f32, {tokens, experts});
  const Tensor ids = bench.tensor(DType::i32, {tokens, k}), weights = bench.tensor(DType::f32, {tokens, k});
  const Tensor counts = bench.tensor(DType::i32, {experts}), losses = bench.tensor(DType::f32, {2});
  const Tensor cu_seqlens = bench.indices({0, static_cast<std::int32_t>(tokens)});
  const RouterOptions options{.score = RouterScore::sigmoid};
  const Json shape = {{"tokens", tokens}, {"experts", experts}, {"k", k}};
  const double one = 4.0 * static_cast<double>(tokens * experts);
  bench.bytes("router", shape, 2 * one, [&] {
    router(bench.stream(), {.logits = logits,
                            .scores = scores,
                            .expert_ids = ids,
                            .weights = weights,
                            .counts = counts,
                            .options = options});
  });
  bench.bytes("router_backward", shape, 3 * one, [&] {
    router_backward(bench.stream(), {.logits = logits,
                                     .scores = scores,
                                     .expert_ids = ids,
                                     .weights = weights,
                                     .d_weights = weights,
                                     .cu_seqlens = cu_seqlens,
                                     .d_logits = logits,
                                     .losses = losses,
                                     .options = options,
                                     .balance_coefficient = 1e-4f});
  });
  bench.clear();
}

void run(const Settings& settings) {
  ThreadPool pool(settings.cpu_time ? 1 : settings.threads);
  Stream stream(pool);
  for (const DType dtype : {DType::f32, DType::bf16}) {
    if (settings.dtype != "both" && settings.dtype != name_of(dtype)) continue;
    Bench bench(settings, stream, dtype);
    for (const auto& [tokens, in, out] : {std::array<std::int64_t, 3>{2048, 128, 512},
                                          {4096, 384, 384},
                                          {4096, 384, 2048},
                                          {4096, 1024, 384},
                                          {4096, 1024, 1024},
                                          {512, 384, 32768}}) {
      bench_gemm(bench, tokens, in, out);
    }
    bench_grouped(bench, 16, 8192, 384, 512);
    bench_grouped(bench, 64, 8192, 256, 128);
    bench_attention(bench, 32, 64, 6, 2, 64);
    bench_attention(bench, 8, 512, 6, 2, 64);
    bench_attention(bench, 2, 2048, 6, 6, 64);
    bench_attention(bench, 2, 2048, 8, 2, 128);
    bench_head(bench, 4096, 256, 128);
    bench_head(bench, 2048, 8192, 384);
    bench_head(bench, 2048, 32768, 384);
    bench_rows(bench, 4096, 384);
    bench_rows(bench, 8192, 1024);
    bench_router(bench, 4096, 64, 6);
    bench_optimizer(bench, 8 << 20);
  }
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  Command command("bench_kernels", "Times each kernel beside what the machine reaches.");
  command.option("only", &settings.only, "TEXT", "kernels whose name holds this");
  command.option("dtype", &settings.dtype, "TYPE", "of activations").one_of({"f32", "bf16", "both"});
  command.option("threads", &settings.threads, "N", "0: one a core").range(0);
  command.flag("cpu-time", &settings.cpu_time, "count processor time, on one thread: for a machine that is busy");
  command.option("repetitions", &settings.repetitions, "N", "of which the best counts").range(1);
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (help_requested(arguments).form != HelpRequest::Form::none) {
    std::printf("%s", help_text(command, true).c_str());
    return 0;
  }
  try {
    parse_options(command, arguments);
    run(settings);
    return 0;
  } catch (const Error& error) {
    std::fprintf(stderr, "bench_kernels: %s\n", error.what());
    return error.exit_code();
  }
}
