// SPDX-License-Identifier: Apache-2.0
// Prints the token a model finds likeliest after others, and its logit:   next_token MODEL ID...
#include <algorithm>
#include <cstdio>
#include <string>

#include "lib/infer/language_model.h"

int main(int argc, char** argv) {
  std::vector<std::uint32_t> ids;
  for (int i = 2; i < argc; ++i) ids.push_back(static_cast<std::uint32_t>(std::stoul(argv[i])));
  hearth::ThreadPool pool;
  hearth::Stream stream(pool);
  const auto source = hearth::store::open_model(argv[1]);
  hearth::infer::LanguageModel model(*source, stream, hearth::DType::f32, static_cast<std::int64_t>(ids.size()));
  const std::vector<float> logits = model.last_logits(ids);
  const auto likeliest = std::ranges::max_element(logits);
  std::printf("%td %.5f\n", likeliest - logits.begin(), *likeliest);
}
