// SPDX-License-Identifier: Apache-2.0
#include "lib/text/quality/natural_language.h"

#include <cld2/public/compact_lang_det.h>
#include <cld2/public/encodings.h>

#include <algorithm>
#include <cstdio>

#include "lib/base/error.h"
#include "lib/base/text.h"

namespace hearth::text {
namespace {

constexpr std::size_t piece_bytes = 8192;

// Bytes [at, at + piece_bytes) moved to ends between characters.
std::string_view piece_of(std::string_view text, std::size_t at) {
  const auto align = [&](std::size_t place) {
    while (place < text.size() && (static_cast<unsigned char>(text[place]) & 0xC0u) == 0x80u) ++place;
    return std::min(place, text.size());
  };
  const std::size_t begin = align(at), end = align(at + piece_bytes);
  return text.substr(begin, end - begin);
}

// What is looked at: all of a text, or three pieces of a long one.
std::string sample_of(std::string_view text) {
  if (text.size() <= 3 * piece_bytes) return std::string(text);
  std::string sample;
  for (const std::size_t at : {std::size_t{0}, text.size() / 2, text.size() - piece_bytes}) {
    sample.append(piece_of(text, at)).push_back('\n');
  }
  return sample;
}

// CLD2's older codes as ISO 639-1.
std::string code_of(CLD2::Language language) {
  const std::string code = CLD2::LanguageCode(language);
  if (code == "iw") return "he";
  if (code == "in") return "id";
  if (code == "jw") return "jv";
  return code;
}

bool is_known(CLD2::Language language) {
  return language != CLD2::UNKNOWN_LANGUAGE && language != CLD2::TG_UNKNOWN_LANGUAGE &&
         std::string_view(CLD2::LanguageCode(language)) != "un" &&
         !std::string_view(CLD2::LanguageCode(language)).starts_with("xx");
}

std::string score_json(double score) {
  char digits[16];
  std::snprintf(digits, sizeof digits, "%.2f", score);
  return digits;
}

bool has_attribute(const formats::Document& document, std::string_view key) {
  return document.attributes.find("\"" + std::string(key) + "\":") != std::string::npos;
}

}  // namespace

NaturalLanguage natural_language(std::string_view text) {
  const std::string sample = sample_of(text);
  const CLD2::CLDHints no_hints{nullptr, nullptr, CLD2::UNKNOWN_ENCODING, CLD2::UNKNOWN_LANGUAGE};
  CLD2::Language languages[3];
  int percents[3], n_bytes = 0;
  double scores[3];
  bool reliable = false;
  const CLD2::Language found =
      CLD2::ExtDetectLanguageSummary(sample.data(), static_cast<int>(sample.size()), true, &no_hints, 0, languages,
                                     percents, scores, nullptr, &n_bytes, &reliable);
  if (!is_known(found)) return {};
  const auto at = std::find(languages, languages + 3, found);
  const double share = at == languages + 3 ? 0 : percents[at - languages] / 100.0;
  return {code_of(found), reliable ? share : share / 2};
}

std::optional<Rejection> LanguageStage::decide(Candidate& candidate) const {
  formats::Document& document = candidate.document;
  if (document.type == "code") return std::nullopt;
  const NaturalLanguage found = natural_language(document.text);
  const bool sure = !found.code.empty() && found.score >= options_.threshold;
  if (sure) {
    candidate.natural_language = found.code;
    if (!has_attribute(document, "lang")) {
      add_attribute(document, "lang", "\"" + found.code + "\"");
      add_attribute(document, "lang_score", score_json(found.score));
    }
  }
  if (options_.wanted.empty()) return std::nullopt;
  if (!sure) {
    if (options_.keep_unknown) return std::nullopt;
    return Rejection{"unknown-language",
                     found.code.empty() ? "no language is recognised" : found.code + " at " + score_json(found.score)};
  }
  if (std::ranges::find(options_.wanted, found.code) != options_.wanted.end()) return std::nullopt;
  return Rejection{"other-language", found.code + " at " + score_json(found.score)};
}

void require_known_language(std::string_view code) {
  std::vector<std::string> known;
  for (int i = 0; i < CLD2::NUM_LANGUAGES; ++i) {
    const auto language = static_cast<CLD2::Language>(i);
    if (is_known(language)) known.push_back(code_of(language));
  }
  if (std::ranges::find(known, code) != known.end()) return;
  const auto nearest = nearest_word(code, known);
  throw Error(Kind::usage, "--languages: '" + std::string(code) +
                               "' is no language code known here (ISO 639-1: en, de, ...)" +
                               (nearest ? ": did you mean '" + *nearest + "'?" : ""));
}

}  // namespace hearth::text
