// SPDX-License-Identifier: Apache-2.0
#include "lib/text/tokenizer/patterns.h"

#include <algorithm>
#include <string>

#include "lib/base/error.h"
#include "lib/text/tokenizer/scanners.h"

namespace hearth::text {
namespace {

// Facts of the published tokenizers: these strings are what their tokenizer.json files hold.
#define HEARTH_CONTRACTIONS "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define HEARTH_SPACES "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define HEARTH_UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define HEARTH_LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"

const std::vector<PatternInfo>& table() {
  static const std::vector<PatternInfo> patterns{
      {Pattern::none, "none", "", {}},
      {Pattern::gpt2, "gpt2", "gpt-2", {}},
      {Pattern::llama3,
       "llama3",
       "llama-bpe",
       {HEARTH_CONTRACTIONS
        "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" HEARTH_SPACES}},
      {Pattern::qwen2,
       "qwen2",
       "qwen2",
       {HEARTH_CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" HEARTH_SPACES}},
      {Pattern::qwen35,
       "qwen3.5",
       "qwen35",
       {HEARTH_CONTRACTIONS
        "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" HEARTH_SPACES}},
      {Pattern::o200k,
       "o200k",
       "gpt-4o",
       {"[^\\r\\n\\p{L}\\p{N}]?" HEARTH_UPPER "*" HEARTH_LOWER "+" HEARTH_CONTRACTIONS
        "?|[^\\r\\n\\p{L}\\p{N}]?" HEARTH_UPPER "+" HEARTH_LOWER "*" HEARTH_CONTRACTIONS
        "?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" HEARTH_SPACES}},
      {Pattern::tekken,
       "tekken",
       "tekken",
       {"[^\\r\\n\\p{L}\\p{N}]?" HEARTH_UPPER "*" HEARTH_LOWER "+|[^\\r\\n\\p{L}\\p{N}]?" HEARTH_UPPER "+" HEARTH_LOWER
        "*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" HEARTH_SPACES}},
      {Pattern::deepseek3,
       "deepseek-v3",
       "deepseek-v3",
       {"\\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+",
        "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| "
        "?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"}},
      {Pattern::sentencepiece, "sentencepiece", "", {}},
  };
  return patterns;
}

}  // namespace

std::span<const PatternInfo> all_patterns() {
  return table();
}

const PatternInfo& info_of(Pattern pattern) {
  return table()[static_cast<std::size_t>(pattern)];
}

const PatternInfo* pattern_by_name(std::string_view name) {
  const auto found = std::find_if(table().begin(), table().end(), [&](const auto& info) { return info.name == name; });
  return found == table().end() ? nullptr : &*found;
}

Pattern pattern_named(std::string_view name) {
  if (const PatternInfo* info = pattern_by_name(name)) return info->pattern;
  std::string known;
  for (const PatternInfo& info : table()) known += (known.empty() ? "" : ", ") + std::string(info.name);
  throw Error(Kind::config, "no pre-tokenizer " + std::string(name) + "; there are " + known);
}

const PatternInfo* pattern_by_regexes(std::span<const std::string> regexes) {
  if (regexes.empty()) return nullptr;
  // In `\s*[\r\n]+` the last + changes nothing: \s* has taken all but the last newline. Some files leave it out.
  const auto normal = [](std::string text) {
    constexpr std::string_view with = "\\s*[\\r\\n]+|", without = "\\s*[\\r\\n]|";
    if (const auto at = text.find(without); at != std::string::npos) text.replace(at, without.size(), with);
    return text;
  };
  for (const PatternInfo& info : table()) {
    if (std::equal(info.regexes.begin(), info.regexes.end(), regexes.begin(), regexes.end(),
                   [&](std::string_view known, const std::string& asked) { return known == normal(asked); })) {
      return &info;
    }
  }
  return nullptr;
}

std::size_t piece_end(Pattern pattern, std::string_view text, std::size_t begin) {
  return with_scanner(pattern, text, [&](const auto& scanner) {
    const auto* start = reinterpret_cast<const unsigned char*>(text.data());
    return static_cast<std::size_t>(scanner.next(start + begin) - start);
  });
}

}  // namespace hearth::text
