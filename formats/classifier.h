// SPDX-License-Identifier: Apache-2.0
// A linear classifier of documents (quality.clf): one weight for each bucket of hashed words and pairs of words.
// Specification: formats/classifier.md. What features are is lib/text/classify/features.h.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "lib/base/json.h"

namespace hearth::formats {

struct LinearClassifier {
  std::vector<float> weights;  // [buckets], a power of two
  float bias = 0;
  std::string scope = "prose";    // the documents it is for: "prose", "code" (type code), "all"
  std::string evaluation = "{}";  // what held-out documents said of it, a JSON object
};

// Nothing appears under path before all is written; an existing path is refused without overwrite.
void write_classifier(const std::filesystem::path& path, bool overwrite, const LinearClassifier& classifier,
                      const Json& provenance);

// Throws Error{missing} when absent, Error{data} when foreign, incomplete, of a later major version or damaged.
LinearClassifier read_classifier(const std::filesystem::path& path);

}  // namespace hearth::formats
