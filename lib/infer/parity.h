// SPDX-License-Identifier: Apache-2.0
// The parity file (parity.json): a few prompts with the logits a model gives them, so that whoever holds a copy of the
// model in another format, program or machine can check that it is still the same model. Format: formats/parity.md.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/json.h"
#include "lib/text/tokenizer/tokenizer.h"

namespace hearth::infer {

// The logits of a sequence: [ids.size(), vocab] f32.
using LogitsOf = std::function<std::vector<float>(std::span<const std::uint32_t> ids)>;

struct TokenLogit {
  std::uint32_t id = 0;
  double logit = 0;
};

struct ParityPrompt {
  std::string text;  // empty when the model came without a tokenizer
  std::vector<std::uint32_t> ids;
  std::vector<std::vector<TokenLogit>> top;  // [ids.size()][n_top]: the greatest logits after each token, descending
};

struct Parity {
  std::vector<ParityPrompt> prompts;
};

// What a comparison found: the largest difference, and where.
struct ParityResult {
  double largest_difference = 0;
  std::string where;  // "prompt 2, position 7, token 311"
  std::size_t n_compared = 0;
};

// Prompts for any model: texts where there is a tokenizer, else ids that depend on vocab_size alone.
std::vector<ParityPrompt> parity_prompts(const text::Tokenizer* tokenizer, std::uint32_t vocab_size);

// Fills in the greatest logits of each prompt. Throws Error{data} when a logit is not finite.
Parity make_parity(std::vector<ParityPrompt> prompts, const LogitsOf& logits_of, std::uint32_t vocab_size);

// Compares the model with the file. The ids are compared too, where tokenizer is given: Error{no} names the first
// prompt that it encodes differently.
ParityResult compare_parity(const Parity& parity, const LogitsOf& logits_of, std::uint32_t vocab_size,
                            const text::Tokenizer* tokenizer);

Json parity_json(const Parity& parity, const Json& provenance);
// Throws Error{data} "WHERE: ..." for what is no parity file, or one of a later major version.
Parity parity_from_json(const Json& value, std::string_view where);

}  // namespace hearth::infer
