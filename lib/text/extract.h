// SPDX-License-Identifier: Apache-2.0
// From the bytes of a file, or one record of a JSONL file, to a document's text: decoded, its type told, HTML reduced
// to what is read, normalised. Fills of candidate.document: text, type, language, license, attributes; of candidate:
// encoding, repairs, read_bytes, own_id.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "lib/text/extract/external.h"
#include "lib/text/stage.h"

namespace hearth::text {

// True for what begins like binary data and is read nonetheless, or rejected with advice: PDF, office documents.
bool is_binary_document(std::string_view head);

// A whole file. file_name as for file_type(). Rejections: those of decode() and of the readers in
// lib/text/extract.
std::optional<Rejection> extract_file(std::string bytes, std::string_view file_name, Candidate& candidate,
                                      const ExtractOptions& options = {});

// How records name what they hold.
struct RecordFields {
  std::string text = "text";
  std::string id;  // empty: records have none
};

// One line of JSON. All other fields become attributes. Rejections: "bad-json" for what is not a JSON object,
// "no-text-field", "bad-id" for one of more than 1024 bytes, and those of decode().
std::optional<Rejection> extract_record(std::string line, const RecordFields& fields, Candidate& candidate);

}  // namespace hearth::text
