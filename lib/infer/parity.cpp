// SPDX-License-Identifier: Apache-2.0
#include "lib/infer/parity.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "lib/base/json_value.h"
#include "lib/base/provenance.h"
#include "lib/base/rng.h"

namespace hearth::infer {
namespace {

constexpr const char* schema = "hearth.parity/1";
constexpr std::size_t n_top = 5, prompt_tokens = 48;

// Prose, code, other scripts, white space and symbols: what tokenizers and models differ in.
constexpr const char* texts[] = {
    "The capital of France is",
    "for (int i = 0; i < n; ++i) {\n    total += weights[i] * x[i];\n}\n",
    "Z\u00fcrich, \u6771\u4eac, \u041c\u043e\u0441\u043a\u0432\u0430: 3.14159 \u2248 \u03c0 \U0001F30D",
    "\n\n  1. First item\n\t2. Second item\r\n",
};

std::vector<TokenLogit> greatest(std::span<const float> logits) {
  std::vector<std::uint32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0u);
  const std::size_t count = std::min(n_top, order.size());
  std::partial_sort(
      order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
      [&](std::uint32_t a, std::uint32_t b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; });
  std::vector<TokenLogit> top;
  for (std::size_t i = 0; i < count; ++i) top.push_back({order[i], logits[order[i]]});
  return top;
}

std::string place(std::size_t prompt, std::size_t position, std::uint32_t id) {
  return "prompt " + std::to_string(prompt + 1) + ", position " + std::to_string(position) + ", token " +
         std::to_string(id);
}

void require_known(std::uint32_t id, std::size_t number, std::uint32_t vocab_size) {
  if (id < vocab_size) return;
  throw Error(Kind::data, "prompt " + std::to_string(number + 1) + ": token " + std::to_string(id) +
                              " is outside the model's vocabulary of " + std::to_string(vocab_size) +
                              ": tokenizer or parity file belong to another model");
}

void require_known(const ParityPrompt& prompt, std::size_t number, std::uint32_t vocab_size) {
  for (const std::uint32_t id : prompt.ids) require_known(id, number, vocab_size);
}

}  // namespace

std::vector<ParityPrompt> parity_prompts(const text::Tokenizer* tokenizer, std::uint32_t vocab_size) {
  std::vector<ParityPrompt> prompts;
  if (tokenizer == nullptr) {
    Rng rng(vocab_size);
    ParityPrompt& prompt = prompts.emplace_back();
    for (std::size_t i = 0; i < prompt_tokens; ++i)
      prompt.ids.push_back(static_cast<std::uint32_t>(rng.below(vocab_size)));
    return prompts;
  }
  for (const char* text : texts) {
    ParityPrompt prompt{text, tokenizer->encode(text), {}};
    prompts.push_back(std::move(prompt));
  }
  return prompts;
}

Parity make_parity(std::vector<ParityPrompt> prompts, const LogitsOf& logits_of, std::uint32_t vocab_size) {
  for (std::size_t number = 0; number < prompts.size(); ++number) {
    ParityPrompt& prompt = prompts[number];
    require_known(prompt, number, vocab_size);
    const std::vector<float> logits = logits_of(prompt.ids);
    HEARTH_CHECK(logits.size() == prompt.ids.size() * vocab_size, "logits are [tokens, vocab]");
    prompt.top.clear();
    for (std::size_t position = 0; position < prompt.ids.size(); ++position) {
      const std::span row = std::span(logits).subspan(position * vocab_size, vocab_size);
      for (std::uint32_t id = 0; id < vocab_size; ++id) {
        if (!std::isfinite(row[id])) {
          throw Error(Kind::data, "the model's logits are not finite (" + place(number, position, id) +
                                      "): its weights are damaged or its training diverged");
        }
      }
      prompt.top.push_back(greatest(row));
    }
  }
  return {std::move(prompts)};
}

ParityResult compare_parity(const Parity& parity, const LogitsOf& logits_of, std::uint32_t vocab_size,
                            const text::Tokenizer* tokenizer) {
  ParityResult result;
  for (std::size_t number = 0; number < parity.prompts.size(); ++number) {
    const ParityPrompt& prompt = parity.prompts[number];
    if (tokenizer != nullptr && !prompt.text.empty() && tokenizer->encode(prompt.text) != prompt.ids) {
      throw Error(Kind::no, "prompt " + std::to_string(number + 1) +
                                " is encoded to other token ids than the parity file's: "
                                "the tokenizer is another one");
    }
    require_known(prompt, number, vocab_size);
    const std::vector<float> logits = logits_of(prompt.ids);
    for (std::size_t position = 0; position < prompt.ids.size(); ++position) {
      for (const TokenLogit& expected : prompt.top[position]) {
        require_known(expected.id, number, vocab_size);
        const double difference = std::abs(logits[position * vocab_size + expected.id] - expected.logit);
        ++result.n_compared;
        // Written so that a difference that is not a number counts as the largest.
        if (result.where.empty() || !(difference <= result.largest_difference)) {
          result.largest_difference = difference;
          result.where = place(number, position, expected.id);
        }
        if (std::isnan(difference)) return result;
      }
    }
  }
  return result;
}

Json parity_json(const Parity& parity, const Json& provenance) {
  Json prompts = Json::array();
  for (const ParityPrompt& prompt : parity.prompts) {
    Json top = Json::array();
    for (const auto& position : prompt.top) {
      Json row = Json::array();
      for (const TokenLogit& one : position) row.push_back(Json::array({one.id, one.logit}));
      top.push_back(std::move(row));
    }
    prompts.push_back({{"text", prompt.text}, {"ids", prompt.ids}, {"top", std::move(top)}});
  }
  return {{"schema", schema}, {"precision", "f32"}, {"provenance", provenance}, {"prompts", std::move(prompts)}};
}

Parity parity_from_json(const Json& value, std::string_view where) {
  const auto found = json_get<std::string>(value, "schema", where);
  if (found != schema) {
    throw Error(Kind::data, std::string(where) + ": holds '" + found + "', this hearth reads '" + schema + "'");
  }
  Parity parity;
  for (const Json& item : json_get<Json>(value, "prompts", where)) {
    ParityPrompt prompt{
        json_get<std::string>(item, "text", where), json_get<std::vector<std::uint32_t>>(item, "ids", where), {}};
    for (const auto& row : json_get<std::vector<std::vector<std::pair<std::uint32_t, double>>>>(item, "top", where)) {
      std::vector<TokenLogit>& top = prompt.top.emplace_back();
      for (const auto& [id, logit] : row) top.push_back({id, logit});
    }
    if (prompt.top.size() != prompt.ids.size() || prompt.ids.empty()) {
      throw Error(Kind::data, std::string(where) + ": a prompt has " + std::to_string(prompt.ids.size()) + " ids and " +
                                  std::to_string(prompt.top.size()) + " rows of logits: the file is damaged");
    }
    parity.prompts.push_back(std::move(prompt));
  }
  if (parity.prompts.empty())
    throw Error(Kind::data, std::string(where) + ": holds no prompts: there is nothing to compare");
  return parity;
}

}  // namespace hearth::infer
