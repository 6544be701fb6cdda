// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/shard_item.h"

#include <algorithm>
#include <utility>

#include "lib/text/file_type.h"
#include "lib/text/identity.h"
#include "lib/text/mail/mail.h"
#include "lib/tools/shard_read.h"

namespace hearth::tools::shard {
namespace {

std::optional<text::Rejection> extract_bytes(Item& item, std::string bytes, const text::RecordFields& fields,
                                             const text::ExtractOptions& extract) {
  if (item.form == text::Member::Form::record) return text::extract_record(std::move(bytes), fields, item.candidate);
  if (item.form == text::Member::Form::mail)
    return text::extract_mail(std::move(bytes), item.candidate, extract.workers);
  return text::extract_file(std::move(bytes), item.file_name, item.candidate, extract);
}

}  // namespace

void extract_item(Item& item, std::uint64_t max_document_bytes, const text::RecordFields& fields,
                  const text::ExtractOptions& extract) {
  text::Candidate& candidate = item.candidate;
  candidate.document.source = item.file.source + (item.line > 0 ? "#" + std::to_string(item.line) : "");
  candidate.path_hash = text::hash_path(item.file.source);
  if (!item.has_bytes) candidate.path = item.file.path.native();
  candidate.read_bytes = std::max(candidate.read_bytes, item.has_bytes ? item.bytes.size() : item.file.bytes);
  std::string bytes = std::move(item.bytes);
  if (!item.rejection && !item.has_bytes) {
    const bool any_data = text::parser_for(item.file_name, extract) != nullptr;
    item.rejection = read_bounded(item.file, max_document_bytes, bytes, any_data);
    candidate.read_bytes = std::max<std::uint64_t>(bytes.size(), item.file.bytes);
  }
  if (item.rejection) {
    candidate.document.text = std::move(bytes);
  } else {
    item.rejection = extract_bytes(item, std::move(bytes), fields, extract);
  }
}

}  // namespace hearth::tools::shard
