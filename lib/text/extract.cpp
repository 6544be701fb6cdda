// SPDX-License-Identifier: Apache-2.0
#include "lib/text/extract.h"

#include <utility>

#include "formats/jsonl.h"
#include "lib/base/json_value.h"
#include "lib/base/text.h"
#include "lib/text/encoding.h"
#include "lib/text/extract/latex/latex.h"
#include "lib/text/extract/man/man.h"
#include "lib/text/extract/markdown.h"
#include "lib/text/extract/office.h"
#include "lib/text/extract/pdf.h"
#include "lib/text/extract/rst/rst.h"
#include "lib/text/extract/rtf/rtf.h"
#include "lib/text/file_type.h"
#include "lib/text/isolation/workers.h"

namespace hearth::text {
namespace {

constexpr std::size_t most_id_bytes = 1024;  // ids are held many at a time, where duplicates are told

std::optional<Rejection> decode_into(std::string bytes, std::string& text, Candidate& candidate) {
  candidate.read_bytes = bytes.size();
  Decoded decoded;
  auto rejection = decode(std::move(bytes), decoded);
  text = std::move(decoded.text);
  candidate.encoding = decoded.charset.empty() ? std::string(name_of(decoded.encoding)) : decoded.charset;
  return rejection;
}

void add_attributes(const Extracted& extracted, formats::Document& document) {
  for (const auto& [name, value] : extracted.attributes) add_attribute(document, name, value);
}

std::optional<Rejection> extract_pdf(const std::string& bytes, const ChildLimits& limits, Candidate& candidate) {
  candidate.read_bytes = bytes.size();
  candidate.encoding = name_of(Encoding::utf8);
  candidate.document.type = name_of(FileType::pdf);
  Extracted extracted;
  if (auto rejection = pdf_to_text(bytes, limits, extracted)) return rejection;
  add_attributes(extracted, candidate.document);
  candidate.document.text = normalize(std::move(extracted.text), candidate.repairs);
  return std::nullopt;
}

std::optional<Rejection> extract_office(const std::string& bytes, ParserWorkers* workers, Candidate& candidate) {
  candidate.read_bytes = bytes.size();
  candidate.encoding = name_of(Encoding::utf8);
  Parsed parsed = parse_foreign(workers, ForeignFormat::office, bytes);
  candidate.document.type = name_of(parsed.type);
  if (parsed.rejection) return parsed.rejection;
  add_attributes(parsed.extracted, candidate.document);
  candidate.document.text = normalize(std::move(parsed.extracted.text), candidate.repairs);
  return std::nullopt;
}

std::optional<Rejection> extract_rtf(const std::string& bytes, Candidate& candidate) {
  candidate.read_bytes = bytes.size();
  candidate.encoding = name_of(Encoding::utf8);
  candidate.document.type = name_of(FileType::rtf);
  Extracted extracted;
  if (auto rejection = rtf_to_text(bytes, extracted)) return rejection;
  add_attributes(extracted, candidate.document);
  candidate.document.text = normalize(std::move(extracted.text), candidate.repairs);
  return std::nullopt;
}

// What is read of text of a type. Rejected, text stays as it was.
std::optional<Rejection> reduce(FileType type, ParserWorkers* workers, std::string& text, formats::Document& document) {
  Parsed parsed;
  if (type == FileType::html) {
    parsed = parse_foreign(workers, ForeignFormat::html, text);
  } else if (type == FileType::notebook) {
    parsed = parse_foreign(workers, ForeignFormat::notebook, text);
  } else if (type == FileType::man) {
    parsed.rejection = man_to_text(text, parsed.extracted);
  } else if (type == FileType::rst) {
    parsed.rejection = rst_to_text(text, parsed.extracted);
  } else if (type == FileType::latex) {
    parsed.rejection = latex_to_text(text, parsed.extracted);
  } else if (type == FileType::markdown) {
    markdown_to_text(text, parsed.extracted);
  } else {
    return std::nullopt;
  }
  if (parsed.rejection) return parsed.rejection;
  add_attributes(parsed.extracted, document);
  text = std::move(parsed.extracted.text);
  return std::nullopt;
}

// By a program of the user's: its output is text, or HTML that begins like it.
std::optional<Rejection> extract_by(const ExternalParser& parser, const std::string& bytes,
                                    const ExtractOptions& options, Candidate& candidate) {
  formats::Document& document = candidate.document;
  document.type = name_of(FileType::text);
  candidate.read_bytes = bytes.size();
  candidate.encoding = name_of(Encoding::utf8);
  std::string output, text;
  if (auto rejection = run_external(parser, bytes, options, output)) return rejection;
  const std::uint64_t read_bytes = bytes.size();
  auto rejection = decode_into(std::move(output), text, candidate);
  candidate.read_bytes = read_bytes;
  if (!rejection && trim(text).empty()) rejection = Rejection{"no-text", parser.argv[0] + " prints nothing"};
  if (rejection) return rejection;
  const FileType type = file_type("", text).type == FileType::html ? FileType::html : FileType::text;
  document.type = name_of(type);
  add_attribute(document, "parser", dump_json(Json(parser.argv[0])));
  if ((rejection = reduce(type, options.workers, text, document))) return rejection;
  document.text = normalize(std::move(text), candidate.repairs);
  return std::nullopt;
}

}  // namespace

bool is_binary_document(std::string_view head) {
  return is_pdf(head) || begins_like_office(head) || is_compound_file(head) || is_rtf(head);
}

std::optional<Rejection> extract_file(std::string bytes, std::string_view file_name, Candidate& candidate,
                                      const ExtractOptions& options) {
  formats::Document& document = candidate.document;
  if (const ExternalParser* parser = parser_for(file_name, options)) {
    return extract_by(*parser, bytes, options, candidate);
  }
  if (is_pdf(bytes)) return extract_pdf(bytes, options.limits, candidate);
  if (is_zip(bytes) || is_compound_file(bytes)) return extract_office(bytes, options.workers, candidate);
  if (is_rtf(bytes)) return extract_rtf(bytes, candidate);
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
  if (auto rejection = reduce(type.type, options.workers, text, document)) {
    document.text = std::move(text);
    return rejection;
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
  std::string id;
  const bool has_id_field = !fields.id.empty() && fields.id != fields.text;
  if (const auto own = has_id_field ? record.find(fields.id) : record.end(); own != record.end()) {
    id = own->is_string() ? own->get<std::string>() : dump_json(*own);
    if (id.size() > most_id_bytes) {
      return Rejection{"bad-id", "'" + fields.id + "' is " + std::to_string(id.size()) + " bytes long; at most " +
                                     std::to_string(most_id_bytes) + " are an id"};
    }
  }
  document.text = normalize(std::move(text->get_ref<std::string&>()), candidate.repairs);
  record.erase(fields.text);
  if (has_id_field) record.erase(fields.id);
  candidate.own_id = std::move(id);
  document.attributes = dump_json(record);
  return std::nullopt;
}

}  // namespace hearth::text
