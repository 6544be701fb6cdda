// SPDX-License-Identifier: Apache-2.0
#include "lib/text/mail/mail.h"

#include <algorithm>
#include <utility>

#include "lib/base/json_value.h"
#include "lib/base/text.h"
#include "lib/text/encoding.h"
#include "lib/text/isolation/workers.h"
#include "lib/text/mail/mime.h"

namespace hearth::text {
namespace {

// Lines that end in a space go on in the next (RFC 3676); not quoted ones, and not the signature's.
std::string unflow(std::string_view text, bool delete_space) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    const bool goes_on = line.ends_with(' ') && line != "-- " && !line.starts_with('>');
    if (line.starts_with(' ')) line.remove_prefix(1);  // stuffed
    if (goes_on && delete_space) line.remove_suffix(1);
    out += line;
    if (!goes_on) out += '\n';
  }
  return out;
}

// The part that is the text: the first plain one, of alternatives the plain one, else HTML.
const MimePart* text_part(const MimePart& part) {
  if (part.is_attachment) return nullptr;
  if (part.parts.empty()) return part.type == "text/plain" || part.type == "text/html" ? &part : nullptr;
  const MimePart* best = nullptr;
  for (const MimePart& child : part.parts) {
    const MimePart* found = text_part(child);
    if (found == nullptr) continue;
    if (best == nullptr || (best->type != "text/plain" && found->type == "text/plain")) best = found;
  }
  return best;
}

// All that is text: of alternatives one, of other multiparts every one in turn.
std::optional<Rejection> append_text(const MimePart& part, ParserWorkers* workers, std::string& text) {
  if (!part.parts.empty() && part.type != "multipart/alternative") {
    for (const MimePart& child : part.parts) {
      if (auto rejection = append_text(child, workers, text)) return rejection;
    }
    return std::nullopt;
  }
  const MimePart* chosen = text_part(part);
  if (chosen == nullptr) return std::nullopt;
  std::string own = from_charset(decoded_body(*chosen), chosen->charset);
  if (chosen->type == "text/html") {
    Parsed page = parse_foreign(workers, ForeignFormat::html, own);
    if (page.rejection) return page.rejection;
    own = std::move(page.extracted.text);
  } else if (chosen->flowed) {
    own = unflow(own, chosen->flowed_delsp);
  }
  if (!text.empty() && !text.ends_with('\n')) text += '\n';
  text += own;
  return std::nullopt;
}

void add_field(const MimePart& message, const char* name, formats::Document& document) {
  const std::string value = decode_words(message.field(name));
  if (!value.empty()) add_attribute(document, name, dump_json(Json(value)));
}

}  // namespace

std::string from_charset(std::string bytes, std::string_view charset) {
  std::string name(trim(charset));
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  if (name == "utf-8" || name == "us-ascii" || name == "utf8") name.clear();  // often wrong: the bytes know better
  if (name == "iso-8859-1" || name == "latin1") name = "windows-1252";        // what is meant by it
  if (!name.empty()) {
    Decoded decoded;
    if (!decode_as(name, bytes, decoded)) return std::move(decoded.text);
  }
  if (is_valid_utf8(bytes)) return bytes;
  Decoded decoded;
  std::string kept = bytes;
  if (!decode(std::move(bytes), decoded)) return std::move(decoded.text);
  std::string text;
  for (std::size_t at = 0; at < kept.size();) {
    const std::size_t length = utf8_sequence(kept, at);
    length > 0 ? static_cast<void>(text.append(kept, at, length)) : append_utf8(text, 0xfffd);
    at += length > 0 ? length : 1;
  }
  return text;
}

std::optional<Rejection> extract_mail(std::string message, Candidate& candidate, ParserWorkers* workers) {
  formats::Document& document = candidate.document;
  document.type = "mail";
  candidate.read_bytes = message.size();
  candidate.encoding = name_of(Encoding::utf8);
  const MimePart mail = parse_mime(message);
  for (const char* name : {"subject", "from", "to", "date", "message-id", "in-reply-to"})
    add_field(mail, name, document);
  std::string text;
  if (auto rejection = append_text(mail, workers, text)) {
    document.text = from_charset(std::move(message), "");
    return rejection;
  }
  std::string own = without_quotes(text);
  if (trim(own).empty()) {
    document.text = from_charset(std::move(message), "");
    return Rejection{"no-text", trim(text).empty() ? "a mail without a text" : "a mail that only quotes others"};
  }
  std::string head;
  for (const auto& [title, name] : {std::pair{"Subject: ", "subject"}, {"From: ", "from"}, {"Date: ", "date"}}) {
    if (const std::string value = decode_words(mail.field(name)); !value.empty()) head.append(title) += value + "\n";
  }
  document.text = normalize((head.empty() ? "" : head + "\n") + std::string(trim(own)) + "\n", candidate.repairs);
  return std::nullopt;
}

}  // namespace hearth::text
