// SPDX-License-Identifier: Apache-2.0
#include "lib/text/tokenizer/known_ranks.h"

#include <algorithm>

namespace hearth::text {
namespace {

// Facts of the published tokenizers. The functions below list names from the first id on; a number in a name counts.
class Names {
 public:
  explicit Names(std::uint32_t next) : next_(next) {}
  Names& put(std::initializer_list<const char*> names) {
    for (const char* name : names) list_.emplace_back(next_++, name);
    return *this;
  }
  // BEFORE first AFTER, ..., count of them.
  Names& count(const std::string& before, std::uint32_t first, std::uint32_t n, const std::string& after = "|>") {
    for (std::uint32_t i = 0; i < n; ++i) list_.emplace_back(next_++, before + std::to_string(first + i) + after);
    return *this;
  }
  SpecialIds list() { return std::move(list_); }

 private:
  std::uint32_t next_;
  SpecialIds list_;
};

SpecialIds gpt2() {
  return {{50256, "<|endoftext|>"}};
}

SpecialIds cl100k() {
  return {{100257, "<|endoftext|>"},
          {100258, "<|fim_prefix|>"},
          {100259, "<|fim_middle|>"},
          {100260, "<|fim_suffix|>"},
          {100276, "<|endofprompt|>"}};
}

// OpenAI's harmony: the ranks of o200k_base with the tokens of gpt-oss.
SpecialIds o200k() {
  return Names(199998)
      .put({"<|startoftext|>", "<|endoftext|>", "<|reserved_200000|>", "<|reserved_200001|>", "<|return|>",
            "<|constrain|>", "<|reserved_200004|>", "<|channel|>", "<|start|>", "<|end|>", "<|message|>",
            "<|reserved_200009|>", "<|reserved_200010|>", "<|reserved_200011|>", "<|call|>"})
      .count("<|reserved_", 200013, 5)
      .put({"<|endofprompt|>"})
      .count("<|reserved_", 200019, 1069)
      .list();
}

SpecialIds llama3() {
  return Names(128000)
      .put({"<|begin_of_text|>", "<|end_of_text|>", "<|reserved_special_token_0|>", "<|reserved_special_token_1|>",
            "<|finetune_right_pad_id|>", "<|step_id|>", "<|start_header_id|>", "<|end_header_id|>", "<|eom_id|>",
            "<|eot_id|>", "<|python_tag|>", "<|image|>"})
      .count("<|reserved_special_token_", 2, 244)
      .list();
}

SpecialIds llama4() {
  return Names(200000)
      .put({"<|begin_of_text|>", "<|end_of_text|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>",
            "<|header_start|>", "<|header_end|>", "<|eom|>", "<|eot|>", "<|step|>"})
      .count("<|text_post_train_reserved_special_token_", 0, 6)
      .put({"<|python_start|>", "<|python_end|>", "<|finetune_right_pad|>"})
      .count("<|text_post_train_reserved_special_token_", 8, 61)
      .put({"<|image_start|>", "<|image_end|>"})
      .count("<|vision_reserved_special_token_", 0, 2)
      .put({"<|tile_x_separator|>", "<|tile_y_separator|>"})
      .count("<|vision_reserved_special_token_", 2, 4)
      .put({"<|image|>"})
      .count("<|vision_reserved_special_token_", 6, 1)
      .put({"<|patch|>"})
      .count("<|vision_reserved_special_token_", 7, 1041)
      .count("<|reasoning_reserved_special_token_", 0, 8)
      .put({"<|reasoning_thinking_start|>", "<|reasoning_thinking_end|>"})
      .count("<|reserved_special_token_", 0, 2048 - 1144)
      .list();
}

SpecialIds qwen() {
  return Names(151643).put({"<|endoftext|>", "<|im_start|>", "<|im_end|>"}).count("<|extra_", 0, 205).list();
}

constexpr KnownRanks table[] = {
    {"306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930", Pattern::gpt2, false, gpt2},
    {"223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7", Pattern::llama3, false, cl100k},
    {"446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d", Pattern::o200k, false, o200k},
    {"82e9d31979e92ab929cd544440f129d9ecd797b69e327f80f17e1c50d5551b55", Pattern::llama3, false, llama3},
    {"d0bdbaf59b0762c8c807617e2d8ea51420eb1b1de266df2495be755c8e0ed6ed", Pattern::o200k, false, llama4},
    {"b2b1b8dfb5cc5f024bafc373121c6aba3f66f9a5a0269e243470a1de16a33186", Pattern::qwen2, true, qwen},
};

}  // namespace

const KnownRanks* known_ranks(std::string_view sha256) {
  const auto* const found =
      std::find_if(std::begin(table), std::end(table), [&](const auto& known) { return known.sha256 == sha256; });
  return found == std::end(table) ? nullptr : found;
}

}  // namespace hearth::text
