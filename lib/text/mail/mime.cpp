// SPDX-License-Identifier: Apache-2.0
#include "lib/text/mail/mime.h"

#include <algorithm>
#include <map>

#include "lib/base/text.h"
#include "lib/text/mail/transfer.h"

namespace hearth::text {
namespace {

constexpr int max_nesting = 20;
constexpr std::size_t max_parts = 1000;

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return lower;
}

// The line at the beginning of rest, with its break; takes it off.
std::string_view take_line(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  const std::string_view line = rest.substr(0, end == std::string_view::npos ? end : end + 1);
  rest.remove_prefix(line.size());
  return line;
}

std::string_view without_break(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// Takes the header off rest, up to and with the empty line behind it.
void take_header(std::string_view& rest, MimePart& part) {
  while (!rest.empty()) {
    std::string_view after = rest;
    const std::string_view line = without_break(take_line(after));
    const std::size_t colon = line.find(':');
    const bool goes_on = !line.empty() && (line[0] == ' ' || line[0] == '\t');
    if (goes_on && !part.fields.empty()) {
      part.fields.back().second.append(1, ' ').append(trim(line));
    } else if (colon != std::string_view::npos && trim(line.substr(0, colon)).find(' ') == std::string_view::npos) {
      part.fields.emplace_back(lower_case(trim(line.substr(0, colon))), trim(line.substr(colon + 1)));
    } else if (!line.empty() && !part.fields.empty()) {
      return;  // no field and no empty line: the body begins
    } else if (!line.empty() && !line.starts_with("From ")) {
      return;
    }
    rest = after;
    if (line.empty()) return;
  }
}

// "; name=value" parameters of a field, names in lower case; quotes taken off, RFC 2231 pieces joined and decoded.
std::map<std::string, std::string> parameters_of(std::string_view value) {
  std::map<std::string, std::string> raw;
  std::size_t at = value.find(';');
  while (at < value.size()) {
    ++at;
    const std::size_t equals = value.find_first_of("=;", at);
    if (equals == std::string_view::npos) break;
    if (value[equals] == ';') {
      at = equals;
      continue;
    }
    const std::string name = lower_case(trim(value.substr(at, equals - at)));
    at = std::min(value.find_first_not_of(" \t", equals + 1), value.size());
    std::string text;
    if (at < value.size() && value[at] == '"') {
      for (++at; at < value.size() && value[at] != '"'; ++at) {
        if (value[at] == '\\' && at + 1 < value.size()) ++at;
        text += value[at];
      }
      at = std::min(value.find(';', at), value.size());
    } else {
      const std::size_t end = std::min(value.find(';', at), value.size());
      text = trim(value.substr(at, end - at));
      at = end;
    }
    raw.emplace(name, std::move(text));
  }
  return raw;
}

// A parameter as UTF-8: name, or name*, or name*0, name*1*, ...
std::string parameter(const std::map<std::string, std::string>& parameters, const std::string& name) {
  if (const auto whole = parameters.find(name); whole != parameters.end()) return decode_words(whole->second);
  std::string joined, charset;
  bool encoded = false;
  for (int i = -1; i < 100; ++i) {
    const std::string key = name + (i < 0 ? "" : "*" + std::to_string(i));
    const auto plain = parameters.find(key), percent = parameters.find(key + "*");
    if (percent != parameters.end()) {
      std::string_view value = percent->second;
      const std::size_t first = value.find('\''), second = value.find('\'', first + 1);
      if (!encoded && first != std::string_view::npos && second != std::string_view::npos) {
        charset = value.substr(0, first);
        value.remove_prefix(second + 1);
      }
      encoded = true;
      joined += decode_percent(value);
    } else if (plain != parameters.end()) {
      joined += plain->second;
    } else if (i >= 0) {
      break;
    }
  }
  return encoded ? from_charset(std::move(joined), charset) : joined;
}

class Parser {
 public:
  MimePart parse(std::string_view bytes, std::string_view default_type, int depth) {
    MimePart part;
    ++n_parts_;
    take_header(bytes, part);
    part.body = bytes;
    const std::string_view content_type = part.field("content-type");
    const auto parameters = parameters_of(content_type);
    part.type = lower_case(trim(content_type.substr(0, content_type.find(';'))));
    if (part.type.find('/') == std::string::npos) part.type = default_type;
    if (const auto found = parameters.find("charset"); found != parameters.end()) part.charset = found->second;
    if (const auto found = parameters.find("format"); found != parameters.end())
      part.flowed = lower_case(found->second) == "flowed";
    if (const auto found = parameters.find("delsp"); found != parameters.end())
      part.flowed_delsp = lower_case(found->second) == "yes";
    if (part.type.starts_with("multipart/")) {
      const auto boundary = parameters.find("boundary");
      if (boundary != parameters.end() && !boundary->second.empty() && depth < max_nesting)
        split_parts(part, boundary->second, depth);
      if (part.parts.empty()) part.type = "text/plain";
      return part;
    }
    name_attachment(part, parameters, depth);
    return part;
  }

 private:
  static void name_attachment(MimePart& part, const std::map<std::string, std::string>& of_type, int depth) {
    const std::string_view disposition = part.field("content-disposition");
    part.file_name = parameter(parameters_of(disposition), "filename");
    if (part.file_name.empty()) part.file_name = parameter(of_type, "name");
    const bool is_text = part.type == "text/plain" || part.type == "text/html" || part.type == "text/enriched";
    const bool said = lower_case(disposition).starts_with("attachment");
    part.is_attachment = (depth > 0 && (said || !part.file_name.empty())) || !is_text;
    // A calendar's entry or a list of headers beside the text is not one.
    if (part.type == "text/rfc822-headers" || part.type == "message/delivery-status") part.is_attachment = false;
  }

  void split_parts(MimePart& part, std::string_view boundary, int depth) {
    const std::string_view default_type = part.type == "multipart/digest" ? "message/rfc822" : "text/plain";
    std::string_view rest = part.body;
    const char* begin = nullptr;
    while (true) {
      const char* const here = rest.data();
      const bool at_end = rest.empty();
      const std::string_view line = without_break(take_line(rest));
      const bool is_boundary = line.starts_with("--") && line.substr(2).starts_with(boundary) &&
                               trim(line.substr(2 + boundary.size())).find_first_not_of('-') == std::string_view::npos;
      if (!is_boundary && !at_end) continue;
      if (begin != nullptr && n_parts_ < max_parts) {
        std::string_view inside(begin, static_cast<std::size_t>(here - begin));
        if (!at_end) inside = without_break(inside);  // the break before a boundary belongs to it
        part.parts.push_back(parse(inside, default_type, depth + 1));
      }
      if (at_end || trim(line.substr(2 + boundary.size())) == "--") return;
      begin = rest.data();
    }
  }

  std::size_t n_parts_ = 0;
};

}  // namespace

std::string_view MimePart::field(std::string_view name) const {
  for (const auto& [key, value] : fields) {
    if (key == name) return value;
  }
  return {};
}

MimePart parse_mime(std::string_view message) {
  return Parser().parse(message, "text/plain", 0);
}

std::string decoded_body(const MimePart& part) {
  const std::string encoding = lower_case(trim(part.field("content-transfer-encoding")));
  if (encoding == "base64") return decode_base64(part.body);
  if (encoding == "quoted-printable") return decode_quoted_printable(part.body);
  if (encoding == "x-uuencode" || encoding == "uuencode" || encoding == "x-uue") return decode_uu(part.body);
  return std::string(part.body);
}

std::string decode_words(std::string_view value) {
  std::string text, pending, pending_charset;  // neighbours in one charset may share a character
  const auto flush = [&] {
    if (!pending.empty()) text += from_charset(std::move(pending), pending_charset);
    pending.clear();
  };
  bool after_word = false;
  for (std::size_t at = 0; at < value.size();) {
    const std::size_t start = value.find("=?", at);
    const std::size_t charset_end = start == std::string_view::npos ? start : value.find('?', start + 2);
    const std::size_t text_begin = charset_end == std::string_view::npos ? charset_end : charset_end + 3;
    const std::size_t end = text_begin >= value.size() || value[charset_end + 2] != '?' ? std::string_view::npos
                                                                                        : value.find("?=", text_begin);
    if (end == std::string_view::npos) {
      flush();
      text += from_charset(std::string(value.substr(at)), "");
      return text;
    }
    const std::string_view between = value.substr(at, start - at);
    if (!after_word || !trim(between).empty()) {
      flush();
      text += from_charset(std::string(between), "");
    }
    std::string charset = lower_case(value.substr(start + 2, charset_end - start - 2));
    charset.resize(std::min(charset.find('*'), charset.size()));  // RFC 2231: a language follows
    if (charset != pending_charset) flush();
    pending_charset = charset;
    const std::string_view word = value.substr(text_begin, end - text_begin);
    const char kind = value[charset_end + 1];
    pending += kind == 'b' || kind == 'B' ? decode_base64(word) : decode_q(word);
    after_word = true;
    at = end + 2;
  }
  flush();
  return text;
}

}  // namespace hearth::text
