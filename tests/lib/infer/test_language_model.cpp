// SPDX-License-Identifier: Apache-2.0
// Models that transformers wrote, with the logits it gives them (tests/golden/make/hf_models.py).
#include "lib/infer/language_model.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "formats/safetensors.h"
#include "lib/base/error.h"
#include "lib/infer/generate.h"
#include "tests/support/catch.h"

using namespace hearth;

namespace {

std::filesystem::path golden(const std::string& name) {
  return std::filesystem::path(HEARTH_SOURCE_DIR) / "tests/golden/hf" / name;
}

template <class T>
std::vector<T> numbers(const formats::SafetensorsFile& file, const char* name) {
  const auto bytes = file.bytes(*file.find(name));
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

std::vector<std::uint32_t> golden_ids(const std::string& name) {
  return numbers<std::uint32_t>(formats::SafetensorsFile(golden(name) / "logits.safetensors"), "ids");
}

}  // namespace

TEST_CASE("logits of imported models are those of transformers") {
  ThreadPool pool(2);
  for (const char* name : {"qwen3", "qwen3-window", "qwen3_moe", "dots1", "llama", "mistral"}) {
    const auto expected = numbers<float>(formats::SafetensorsFile(golden(name) / "logits.safetensors"), "logits");
    const auto ids = golden_ids(name);
    const auto source = store::open_model(golden(name));
    for (const HostKernels kernels : {HostKernels::cpu, HostKernels::ref}) {
      Stream stream(pool, kernels);
      infer::LanguageModel model(*source, stream, DType::f32, static_cast<std::int64_t>(ids.size()));
      const std::vector<float> logits = model.logits(ids);
      REQUIRE(logits.size() == expected.size());
      float largest = 0;
      for (std::size_t i = 0; i < logits.size(); ++i) largest = std::max(largest, std::abs(logits[i] - expected[i]));
      INFO(name);
      CHECK(largest < 1e-4f);  // some 1e-6 is usual
      const std::vector<float> last = model.last_logits(ids);
      CHECK(std::equal(last.begin(), last.end(), logits.end() - static_cast<std::ptrdiff_t>(last.size())));
    }
  }
}

TEST_CASE("bf16 stays near f32") {
  ThreadPool pool(2);
  Stream stream(pool);
  const auto source = store::open_model(golden("qwen3"));
  const auto ids = golden_ids("qwen3");
  infer::LanguageModel wide(*source, stream, DType::f32, 24), narrow(*source, stream, DType::bf16, 24);
  const auto a = wide.logits(ids), b = narrow.logits(ids);
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference += (a[i] - b[i]) * (a[i] - b[i]);
    norm += a[i] * a[i];
  }
  CHECK(std::sqrt(difference / norm) < 0.05);
  CHECK(difference > 0);
}

TEST_CASE("sequences the model cannot take are refused") {
  ThreadPool pool(1);
  Stream stream(pool);
  const auto source = store::open_model(golden("qwen3"));
  infer::LanguageModel model(*source, stream, DType::f32, 4);
  CHECK_THROWS_AS(model.logits({}), Error);
  CHECK_THROWS_AS(model.logits(std::vector<std::uint32_t>(5, 1)), Error);
  CHECK_THROWS_AS(model.logits(std::vector<std::uint32_t>{1, 272}), Error);
}

TEST_CASE("generation: greedy takes the likeliest, a seed repeats, stop tokens and the caller end it") {
  ThreadPool pool(2);
  Stream stream(pool);
  const auto source = store::open_model(golden("llama"));
  infer::LanguageModel model(*source, stream, DType::f32,
                             8);  // shorter than what is generated: old tokens are forgotten
  const std::vector<std::uint32_t> prompt{5, 6, 7};
  const auto on = [](std::uint32_t) { return true; };
  const auto greedy = infer::generate(model, stream, prompt, 12, {.temperature = 0}, {}, on);
  REQUIRE(greedy.ids.size() == 12);
  CHECK(greedy.finish == infer::Finish::length);
  const std::vector<float> logits = model.last_logits(prompt);
  CHECK(greedy.ids[0] == static_cast<std::uint32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin()));

  const auto one = infer::generate(model, stream, prompt, 12, {.seed = 3}, {}, on);
  CHECK(infer::generate(model, stream, prompt, 12, {.seed = 3}, {}, on).ids == one.ids);
  CHECK(infer::generate(model, stream, prompt, 12, {.seed = 4}, {}, on).ids != one.ids);

  const auto stopped = infer::generate(model, stream, prompt, 12, {.temperature = 0}, {greedy.ids[2]}, on);
  CHECK(stopped.finish == infer::Finish::stop_token);
  CHECK(stopped.ids.size() <= 2);
  for (const std::uint32_t id : infer::generate(model, stream, prompt, 30, {.temperature = 9, .n_ids = 10}, {}, on).ids)
    CHECK(id < 10);
  const auto cancelled = infer::generate(model, stream, prompt, 12, {}, {}, [](std::uint32_t) { return false; });
  CHECK(cancelled.finish == infer::Finish::cancelled);
  CHECK(cancelled.ids.size() == 1);
}
