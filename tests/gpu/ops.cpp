// SPDX-License-Identifier: Apache-2.0
// Every op of kernels/ on a GPU against its floor: the bytes it must move over the GPU's own copy rate, or its
// arithmetic over the GPU's own rate of products, whichever is longer. JSON lines on stdout, a table on stderr. The
// outputs are only seen to be written and finite here: tests/cuda says whether they are right.
#include <cstdio>

#include "lib/base/options.h"
#include "tests/gpu/measure.h"

using namespace hearth;

namespace {

struct Settings {
  std::string only, set = "ops";
  bool tiny = false;
};

int run(const Settings& settings) {
  ThreadPool pool(0);
  Stream stream(Device::cuda(), pool);
  gpu::Measurement m(stream, settings.only, settings.tiny);
  std::printf("%s\n", dump_json(Json{{"bench", "ceilings"},
                                     {"machine", stream.device().api().name()},
                                     {"tiny", settings.tiny},
                                     {"ceilings", m.ceilings()}})
                          .c_str());
  if (settings.set == "attention") {
    gpu::measure_attention(m);
  } else if (settings.set == "moe") {
    gpu::measure_moe_layers(m);
  } else {
    gpu::measure_products(m);
    gpu::measure_rows(m);
    gpu::measure_mixture(m);
    gpu::measure_generation(m);
    gpu::measure_optimizers(m);
  }
  return m.n_failed() == 0 ? 0 : static_cast<int>(Kind::internal);
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  Command command("gpu_ops", "Times each op on the GPU against its floor.");
  command.option("set", &settings.set, "NAME", "all ops but attention, attention's shapes, or whole layers of experts")
      .one_of({"ops", "attention", "moe"});
  command.option("only", &settings.only, "TEXT", "ops whose name holds this");
  command.flag("tiny", &settings.tiny, "shapes of a few elements, each run once: to try the program itself");
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (help_requested(arguments).form != HelpRequest::Form::none) {
    std::printf("%s", help_text(command, true).c_str());
    return 0;
  }
  try {
    parse_options(command, arguments);
    return run(settings);
  } catch (const Error& error) {
    std::fprintf(stderr, "gpu_ops: %s\n", error.what());
    return error.exit_code();
  }
}
