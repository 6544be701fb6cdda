// SPDX-License-Identifier: Apache-2.0
// The pre-tokenizers hearth knows: how each cuts text into the pieces that merges never cross. A pattern is known by
// the exact regular expressions a tokenizer.json holds; the scanners that do their work are in scanners.h.
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::text {

enum class Pattern { none, gpt2, llama3, qwen2, qwen35, o200k, tekken, deepseek3, sentencepiece };

struct PatternInfo {
  Pattern pattern;
  std::string_view name;       // of --pretokenizer, but for none and sentencepiece
  std::string_view gguf_name;  // tokenizer.ggml.pre in llama.cpp; empty: not known there
  // What tokenizer.json holds, applied one inside the pieces of the other; the first spelling is the one written.
  // Empty: none, and gpt2, which is part of the ByteLevel pre-tokenizer.
  std::vector<std::string_view> regexes;
};

std::span<const PatternInfo> all_patterns();
const PatternInfo& info_of(Pattern pattern);
const PatternInfo* pattern_by_name(std::string_view name);  // nullptr: there is none
Pattern pattern_named(std::string_view name);               // Error{config} with the known names when there is none
// The pattern whose expressions these are; nullptr when none is.
const PatternInfo* pattern_by_regexes(std::span<const std::string> regexes);

// Where the piece that starts at text[begin] ends. begin < text.size(), and is 0 or the end of the piece before.
std::size_t piece_end(Pattern pattern, std::string_view text, std::size_t begin);

}  // namespace hearth::text
