// SPDX-License-Identifier: Apache-2.0
// The language people wrote a text in, by CLD2 (naive Bayes over letter quadruples and words; 83 languages). At most
// 24 KiB of a text are looked at: its beginning, middle and end. Code, and texts too short to tell, have none.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/text/stage.h"

namespace hearth::text {

struct NaturalLanguage {
  std::string code;  // ISO 639-1 where there is one ("en", "zh-Hant" for traditional Chinese); "": unknown
  double score = 0;  // the share of the text in this language, 0 to 1; of an unreliable guess, half of it
};

// text is valid UTF-8.
NaturalLanguage natural_language(std::string_view text);

struct LanguageOptions {
  std::vector<std::string> wanted;  // only these are kept; empty: all
  double threshold = 0.5;           // a lower score counts as unknown
  bool keep_unknown = true;         // what to do about documents of unknown language when only some are wanted
};

// Gives documents that are not code their language: Candidate::natural_language and the attributes "lang" and
// "lang_score". Rejections: "other-language", "unknown-language".
class LanguageStage : public DocumentStage {
 public:
  explicit LanguageStage(LanguageOptions options) : options_(std::move(options)) {}
  std::string_view name() const override { return "language"; }
  std::optional<Rejection> decide(Candidate& candidate) const override;

 private:
  LanguageOptions options_;
};

// Throws Error{usage} for a code that natural_language never gives, naming what is near.
void require_known_language(std::string_view code);

}  // namespace hearth::text
