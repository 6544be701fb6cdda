// SPDX-License-Identifier: Apache-2.0
// Whole training steps (forward, backward, clipping, optimiser) of a model of the depth dial, beside the machine's own
// GEMM ceiling. training_step_peer.py runs it beside PyTorch.
#include <algorithm>
#include <cstdio>
#include <ctime>

#include "lib/base/clock.h"
#include "lib/base/json_value.h"
#include "lib/base/machine.h"
#include "lib/base/options.h"
#include "lib/base/rng.h"
#include "lib/nn/depth.h"
#include "lib/nn/model.h"
#include "lib/optim/optimizer.h"
#include "lib/train/ceiling.h"

using namespace hearth;

namespace {
struct Settings {
  int depth = 6, threads = 0, steps = 5;
  std::int64_t vocab = 8192, context = 512, rows = 8;
  bool moe = false, muon = false;
  std::string dtype = "f32", device = "cpu";
};

struct Tokens {
  std::vector<std::int32_t> ids, positions, cu_seqlens, targets;
  std::vector<float> weights;
};

Tokens random_tokens(const Settings& settings) {
  Rng rng(1);
  Tokens tokens;
  for (std::int64_t row = 0; row < settings.rows; ++row) {
    tokens.cu_seqlens.push_back(static_cast<std::int32_t>(row * settings.context));
    for (std::int64_t i = 0; i < settings.context; ++i) {
      tokens.ids.push_back(static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(settings.vocab))));
      tokens.targets.push_back(static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(settings.vocab))));
      tokens.positions.push_back(static_cast<std::int32_t>(i));
      tokens.weights.push_back(1);
    }
  }
  tokens.cu_seqlens.push_back(static_cast<std::int32_t>(tokens.ids.size()));
  return tokens;
}

struct Times {
  double step_s = 1e30, model_s = 0, loss = 0;  // of the best step
  double cpu_s = 1e30;                          // of all threads, of the step with the least: steadier on a shared machine
};

Times measure(const Settings& settings, const nn::ModelConfig& config, Stream& stream, DType dtype) {
  Tokens tokens = random_tokens(settings);
  const auto n = static_cast<std::int64_t>(tokens.ids.size());
  nn::Model model(config, dtype, {.purpose = nn::Purpose::train, .device = stream.device(), .max_tokens = n});
  model.parameters().initialise(stream, 1);
  optim::OptimizerSettings optimizer_settings;
  optimizer_settings.muon = settings.muon;
  optimizer_settings.muon_compute = dtype;
  optim::Optimizer optimizer(model.parameters(), optimizer_settings);
  const nn::Batch batch = {.ids = {tokens.ids.data(), {n}},
                           .positions = {tokens.positions.data(), {n}},
                           .cu_seqlens = {tokens.cu_seqlens.data(), {settings.rows + 1}},
                           .targets = {tokens.targets.data(), {n}},
                           .token_weight = {tokens.weights.data(), {n}},
                           .embeddings = {}};
  Times best;
  for (int step = 0; step < settings.steps; ++step) {
    const double start = steady_seconds();
    const std::clock_t cpu_start = std::clock();
    model.parameters().zero_gradients(stream);
    const nn::StepResult result = model.forward_backward(stream, batch, nn::cross_entropy(static_cast<double>(n)));
    const double middle = steady_seconds();
    const double norm = optimizer.gradient_norm(stream, model.parameters());
    nn::update_selection_bias(stream, model.parameters(), model.ledger().counts);
    model.begin_step();
    optimizer.step(stream, model.parameters(), 1e-4, norm);
    stream.wait();
    const double seconds = steady_seconds() - start;
    best.cpu_s = std::min(best.cpu_s, static_cast<double>(std::clock() - cpu_start) / CLOCKS_PER_SEC);
    if (seconds < best.step_s) best = {seconds, middle - start, result.loss, best.cpu_s};
  }
  return best;
}

Command command_of(Settings& settings) {
  Command command("bench_training_step", "Times whole training steps beside the machine's own GEMM ceiling.");
  command.option("depth", &settings.depth, "N", "layers, and all that follows from them").range(1, 64);
  command.flag("moe", &settings.moe, "a mixture of experts");
  command.option("dtype", &settings.dtype, "TYPE", "what it computes in").one_of({"f32", "bf16"});
  command.option("vocab", &settings.vocab, "N", "tokens of the vocabulary").range(1);
  command.option("context", &settings.context, "N", "tokens of a row").range(1);
  command.option("rows", &settings.rows, "N", "rows of a step").range(1);
  command.option("steps", &settings.steps, "N", "steps, of which the best counts").range(1);
  command.option("threads", &settings.threads, "N", "0: one a core").range(0);
  command.option("device", &settings.device, "NAME", "where it computes").one_of({"cpu", "cuda"});
  command.flag("muon", &settings.muon, "Muon for matrices instead of AdamW for all");
  return command;
}

void print(const Settings& settings, const nn::ModelConfig& config, const Times& times, double ceiling,
           const std::string& device_name) {
  const auto tokens = static_cast<double>(settings.rows * settings.context);
  const double flops = nn::train_flops_per_token(config, settings.context) * tokens;
  const nn::ParameterCount count = nn::count_parameters(config);
  const Json line = {{"bench", "training_step"},
                     {"model", nn::to_json(config)},
                     {"parameters", count.total},
                     {"active", count.active},
                     {"dtype", settings.dtype},
                     {"work", flops},
                     {"unit", "FLOP"},
                     {"tokens", tokens},
                     {"steps", settings.steps},
                     {"seconds", times.step_s},
                     {"cpu_seconds", times.cpu_s},
                     {"forward_backward_seconds", times.model_s},
                     {"tokens_per_s", tokens / times.step_s},
                     {"rate", flops / times.step_s},
                     {"ceiling", ceiling},
                     {"ratio", flops / times.step_s / ceiling},
                     {"loss", times.loss},
                     {"machine", device_name}};
  std::printf("%s\n", dump_json(line).c_str());
}

int run(const Settings& settings) {
  ThreadPool pool(settings.threads);
  const Device device = settings.device == "cuda" ? Device::cuda() : Device();
  Stream stream(device, pool);
  const DType dtype = dtype_from_name(settings.dtype);
  const nn::ModelConfig config =
      nn::config_from_depth(settings.depth, settings.moe, settings.vocab, settings.context);
  const double before = train::matrix_rate(stream, dtype);
  const Times times = measure(settings, config, stream, dtype);
  print(settings, config, times, std::max(before, train::matrix_rate(stream, dtype)),
        device.is_host() ? this_machine().cpu : device.api().name());
  return 0;
}
}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  Command command = command_of(settings);
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (help_requested(arguments).form != HelpRequest::Form::none) {
    std::printf("%s", help_text(command, true).c_str());
    return 0;
  }
  try {
    parse_options(command, arguments);
    return run(settings);
  } catch (const Error& error) {
    std::fprintf(stderr, "bench_training_step: %s\n", error.what());
    return error.exit_code();
  }
}
