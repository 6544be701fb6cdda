// SPDX-License-Identifier: Apache-2.0
#include "lib/text/extract.h"

#include <utility>

#include "formats/jsonl.h"
#include "lib/base/json_value.h"
#include "lib/text/encoding.h"
#include "lib/text/file_type.h"
#include "lib/text/html.h"

namespace hearth::text {
namespace {

std::optional<Rejection> decode_into(std::string bytes, std::string& text, Candidate& candidate) {
  candidate.read_bytes = bytes.size();
  Decoded decoded;
  auto rejection = decode(std::move(bytes), decoded);
  text = std::move(decoded.text);
  candidate.encoding = name_of(decoded.encoding);
  return rejection;
}

}  // namespace

std::optional<Rejection> extract_file(std::string bytes, std::string_view file_name, Candidate& candidate) {
  formats::Document& document = candidate.document;
  std::string text;
  if (auto rejection = decode_into(std::move(bytes), text, candidate)) {
    document.text = std::move(text);
    return rejection;
  }
  const TypeAndLanguage type = file_type(file_name, text);
  document.type = name_of(type.type);
  document.language = type.language;
  document.license = spdx_license(text);
  if (candidate.encoding != name_of(Encoding::utf8))
    add_attribute(document, "encoding", dump_json(Json(candidate.encoding)));
  if (type.type == FileType::html) {
    std::string page = std::move(text);
    text.clear();
    if (auto rejection = html_to_text(page, text)) {
      document.text = std::move(page);
      return rejection;
    }
  }
  document.text = normalize(std::move(text), candidate.repairs);
  return std::nullopt;
}

std::optional<Rejection> extract_record(std::string line, const RecordFields& fields, Candidate& candidate) {
  formats::Document& document = candidate.document;
  document.type = name_of(FileType::jsonl);
  if (auto rejection = decode_into(std::move(line), document.text, candidate)) return rejection;
  Json record;
  std::string reason;
  if (formats::parse_line({.text = document.text}, record, reason) != formats::LineState::record)
    return Rejection{"bad-json", reason};
  if (!record.is_object()) return Rejection{"bad-json", std::string("expected an object, got ") + record.type_name()};
  const auto text = record.find(fields.text);
  if (text == record.end() || !text->is_string()) {
    return Rejection{"no-text-field", "'" + fields.text + "' is " +
                                          (text == record.end() ? "missing" : text->type_name()) + ", not a string"};
  }
  document.text = normalize(std::move(text->get_ref<std::string&>()), candidate.repairs);
  record.erase(text);
  if (!fields.id.empty() && record.contains(fields.id)) {
    const Json& id = record[fields.id];
    candidate.own_id = id.is_string() ? id.get<std::string>() : dump_json(id);
    record.erase(fields.id);
  }
  document.attributes = dump_json(record);
  return std::nullopt;
}

}  // namespace hearth::text
