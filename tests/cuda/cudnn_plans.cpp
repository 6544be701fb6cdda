// SPDX-License-Identifier: Apache-2.0
// Which attention the installed cuDNN has plans for: our graphs, for a GPU that a file of cuDNN's JSON describes. Needs
// no GPU, but something that answers for its driver (test_cudnn_plans.sh). One line a graph; exit code 1 if one has no
// plan. Nothing is run.
#include <cstdio>
#include <fstream>
#include <iterator>

#include "kernels/cuda/dnn/attention_graphs.h"
#include "kernels/cuda_backend.h"
#include "lib/base/error.h"

using namespace hearth;
using namespace hearth::kernels::cuda::dnn;

namespace {

struct Case {
  const char* name;
  AttentionShape shape;
};

constexpr AttentionShape usual{.tokens = 8192,
                               .sequences = 16,
                               .longest = 4096,
                               .q_heads = 32,
                               .kv_heads = 8,
                               .head_dim = 128,
                               .v_dim = 128,
                               .causal = true,
                               .window = 0,
                               .scale = 0.0884f};

template <class Change>
AttentionShape but(const Change& change) {
  AttentionShape shape = usual;
  change(shape);
  return shape;
}

AttentionShape of_heads(std::int64_t head_dim, std::int64_t v_dim) {
  return but([&](AttentionShape& s) { s.head_dim = head_dim, s.v_dim = v_dim; });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: cudnn_plans DEVICE.json\n"), 64;
  const Case cases[] = {
      {"usual", usual},
      {"heads of 64", of_heads(64, 64)},
      {"heads of 256", of_heads(256, 256)},
      {"heads of 192 and 128", of_heads(192, 128)},
      {"a head for each", but([](AttentionShape& s) { s.kv_heads = s.q_heads; })},
      {"window", but([](AttentionShape& s) { s.window = 1024; })},
      {"not causal, window", but([](AttentionShape& s) { s.causal = false, s.window = 512; })},
      {"many short sequences", but([](AttentionShape& s) { s.sequences = 1024, s.longest = 64; })},
  };
  try {
    std::ifstream file(argv[1]);
    const std::string json{std::istreambuf_iterator<char>(file), {}};
    const auto& cudnn = library();
    Owned device(cudnn, Descriptor::device);
    device.set(Attribute::device_json, AttributeType::characters, static_cast<std::int64_t>(json.size()), json.data());
    device.finish();
    std::printf("%s\n", kernels::cuda_dnn().version.c_str());
    int missing = 0;
    for (const auto& [name, shape] : cases) {
      for (const bool backward : {false, true}) {
        const char* way = backward ? "backward" : "forward";
        try {
          const Plan plan(backward ? attention_backward_graph(cudnn, shape) : attention_forward_graph(cudnn, shape),
                          {.device = device.raw()});
          std::printf("%-22s %-8s %2zu operations, workspace %zu\n", name, way, plan.n_operations(),
                      plan.workspace_bytes());
        } catch (const Error& error) {
          ++missing;
          std::printf("%-22s %-8s NO PLAN: %s\n", name, way, error.what());
        }
      }
    }
    return missing > 0 ? 1 : 0;
  } catch (const Error& error) {
    return std::fprintf(stderr, "cudnn_plans: %s\n", error.what()), error.exit_code();
  }
}
