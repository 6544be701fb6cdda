// SPDX-License-Identifier: Apache-2.0
// Training steps that nothing waits in: what the SIMT machine counts of waits and allocations, and that recorded passes
// give the bits of launched ones.
#include <filesystem>
#include <vector>

#include "formats/checkpoint.h"
#include "lib/store/checkpoint_model.h"
#include "tests/cuda/support.h"
#include "tests/cuda/tiny_run.h"
#include "tests/support/catch.h"

namespace hearth::train {
namespace {

namespace fs = std::filesystem;

struct Ran {
  test::Waits waits;
  std::vector<std::string> weights;  // bytes of every tensor of the last checkpoint
};

Ran train(const Device& device, const data::Corpus& corpus, const fs::path& folder, bool mixture, std::int64_t steps,
          bool graphs, std::int64_t checkpoint_every = 0) {
  Log log{"test", LogLevel::error, Log::Progress::off};
  ThreadPool pool(1);
  Stream stream(device, pool);
  Context context{log, pool, stream, 1, {}};
  const TrainSettings settings = test::tiny_settings(DType::bf16, steps);
  RunSettings run;
  run.eval_every = 0;
  run.checkpoint_every = checkpoint_every;
  run.graphs = graphs;
  fs::remove_all(folder);
  fs::create_directories(folder);
  RunDescription description;
  description.folder = folder;
  description.ceiling_flops_per_s = 1e9;  // measuring waits as often as it finds time for
  const test::Waits before = test::Waits::so_far();
  {
    Trainer trainer(context, test::tiny(mixture), settings, run, corpus, std::move(description));
    trainer.start_fresh();
    CHECK(trainer.run().step == steps);
    CHECK((trainer.model().n_graphs() > 0) == graphs);
  }
  Ran ran{test::Waits::so_far() - before, {}};
  const formats::CheckpointReader reader(folder / store::step_folder_name(steps));
  for (const formats::CheckpointTensor& tensor : reader.tensors()) {
    std::string bytes(static_cast<std::size_t>(tensor.shape.n_elements()) * size_of(tensor.dtype), 0);
    reader.read(tensor.name, Tensor(bytes.data(), tensor.dtype, tensor.shape));
    ran.weights.push_back(bytes);
  }
  return ran;
}

// Steps 4 to 6 beside the first three, launched and recorded: no waits, no allocations, the same bits.
void check_steps(bool mixture) {
  const test::Folder folder("step");
  const Device device = test::gpu();
  const data::Corpus corpus({{test::tokens_file(folder.path).string(), {}}}, {});
  std::vector<Ran> longer;
  for (const bool graphs : {false, true}) {
    INFO((graphs ? "recorded" : "launched"));
    const Ran few = train(device, corpus, folder.path / "few", mixture, 3, graphs);
    longer.push_back(train(device, corpus, folder.path / "many", mixture, 6, graphs));
#ifdef HEARTH_SIMT
    // A step more costs one wait: for the step before, when this one lies in the stream. And no memory.
    const test::Waits more = longer.back().waits - few.waits;
    CHECK(more.streams == 0);
    CHECK(more.events == 3);
    CHECK(more.copies == 0);
    CHECK(more.allocations == 0);
#endif
  }
  CHECK(longer[0].weights == longer[1].weights);
}

TEST_CASE("checkpoints are copied beside the steps, and change no bits") {
  const test::Folder folder("step");
  const Device device = test::gpu();
  const data::Corpus corpus({{test::tokens_file(folder.path).string(), {}}}, {});
  const Ran none = train(device, corpus, folder.path / "none", true, 6, true);
  const Ran every = train(device, corpus, folder.path / "every", true, 6, true, 1);
  CHECK(none.weights == every.weights);
#ifdef HEARTH_SIMT
  const test::Waits more = every.waits - none.waits;
  CHECK(more.streams == 5);  // for the detector's numbers, of a step that is done
  CHECK(more.allocations == 0);
#endif
}

TEST_CASE("nothing waits inside a step of a dense model") {
  check_steps(false);
}

TEST_CASE("nothing waits inside a step of a mixture") {
  check_steps(true);
}

}  // namespace
}  // namespace hearth::train
