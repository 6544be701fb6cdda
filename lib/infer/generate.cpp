// SPDX-License-Identifier: Apache-2.0
#include "lib/infer/generate.h"

#include <algorithm>

#include "kernels/sample.h"

namespace hearth::infer {
namespace {

std::uint32_t draw(Stream& stream, std::vector<float>& logits, const Sampling& sampling, std::int64_t number) {
  if (sampling.n_ids > 0) logits.resize(std::min<std::size_t>(logits.size(), sampling.n_ids));
  std::int64_t random_stream = 0;
  std::int32_t id = 0;
  kernels::sample(stream, {.logits = Tensor(logits.data(), {1, static_cast<std::int64_t>(logits.size())}),
                           .streams = Tensor(&random_stream, {1}),
                           .draws = Tensor(&number, {1}),
                           .ids = Tensor(&id, {1}),
                           .log_prob = {},
                           .temperature = sampling.temperature,
                           .top_k = sampling.top_k,
                           .top_p = sampling.top_p,
                           .seed = sampling.seed});
  return static_cast<std::uint32_t>(id);
}

}  // namespace

std::string_view name_of(Finish finish) {
  switch (finish) {
    case Finish::length:
      return "length";
    case Finish::stop_token:
      return "stop";
    case Finish::cancelled:
      return "cancelled";
  }
  return "";
}

Generated generate(LanguageModel& model, Stream& stream, const std::vector<std::uint32_t>& prompt,
                   std::int64_t max_new_tokens, const Sampling& sampling, const std::vector<std::uint32_t>& stop_ids,
                   const std::function<bool(std::uint32_t id)>& on_token) {
  Generated generated;
  std::vector<std::uint32_t> sequence = prompt;
  const auto most = static_cast<std::size_t>(model.max_tokens());
  while (static_cast<std::int64_t>(generated.ids.size()) < max_new_tokens) {
    const std::size_t n_seen = std::min(sequence.size(), most);
    std::vector<float> logits = model.last_logits(std::span(sequence).last(n_seen));
    const std::uint32_t id = draw(stream, logits, sampling, static_cast<std::int64_t>(generated.ids.size()));
    if (std::find(stop_ids.begin(), stop_ids.end(), id) != stop_ids.end()) {
      generated.finish = Finish::stop_token;
      break;
    }
    generated.ids.push_back(id);
    sequence.push_back(id);
    if (!on_token(id)) {
      generated.finish = Finish::cancelled;
      break;
    }
  }
  return generated;
}

}  // namespace hearth::infer
