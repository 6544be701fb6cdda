// SPDX-License-Identifier: Apache-2.0
// Secrets by the name they are given to, passwords inside URLs, and private keys in PEM blocks.
#include <algorithm>
#include <array>
#include <string>

#include "lib/text/privacy/context.h"
#include "lib/text/privacy/randomness.h"
#include "lib/text/privacy/secrets.h"

namespace hearth::text::privacy {
namespace {

constexpr std::size_t most_name = 64, most_value = 256;

template <std::size_t n>
bool ends_with_any(std::string_view name, const std::array<std::string_view, n>& endings) {
  return std::any_of(endings.begin(), endings.end(), [&](auto ending) { return name.ends_with(ending); });
}

bool in_name(char c) {
  return is_alnum(c) || c == '_' || c == '-' || c == '.';
}

// Begin and end of the name in front of an assignment: name = , "name": , map["name"] = , :name =>.
std::string_view name_before(std::string_view text, std::size_t at) {
  std::size_t end = at;
  while (end > 0 && is_blank(text[end - 1])) --end;
  if (end > 0 && text[end - 1] == ']') --end;
  if (end > 0 && is_quote(text[end - 1])) --end;
  std::size_t begin = end;
  while (begin > 0 && end - begin < most_name && in_name(text[begin - 1])) --begin;
  return text.substr(begin, end - begin);
}

bool has(std::string_view value, bool (*is)(char)) {
  return std::any_of(value.begin(), value.end(), is);
}
bool is_mark(char c) {
  return c > ' ' && c < 0x7f && !is_alnum(c) && c != '_' && c != '-' && c != '.';
}

// "^4.0.17", as lists of packages have it.
bool is_version(std::string_view value) {
  const std::size_t number = value.find_first_not_of("^~=v");
  return number != std::string_view::npos && is_digit(value[number]) && value.find('.') != std::string_view::npos &&
         value.find_first_not_of("0123456789.", number) == std::string_view::npos;
}

// A value chosen as a password, rather than a word of the program: more than one class of characters.
bool looks_chosen(std::string_view value) {
  if (value.size() < 5 || is_placeholder(value) || is_version(value)) return false;
  const bool letters = has(value, is_letter);
  const bool capital_inside = has(value.substr(1), is_upper) && has(value, is_lower);
  return letters ? has(value, is_digit) || has(value, is_mark) || (capital_inside && value.size() >= 10)
                 : value.size() >= 6 && has(value, is_digit);
}

bool is_uuid(std::string_view value) {
  return value.size() == 36 && value[8] == '-' && value[13] == '-' && value[18] == '-' && value[23] == '-' &&
         std::all_of(value.begin(), value.end(), [](char c) { return is_hex(c) || c == '-'; }) &&
         entropy_bits(value) >= 3;
}

// Code that stands where a value could: calls, paths, members, markup, variables.
bool reads_as_code(std::string_view value) {
  return value.find_first_of("()[]{}<>$\\*,;|&?") != std::string_view::npos ||
         value.find("::") != std::string_view::npos || value.find("->") != std::string_view::npos ||
         value.starts_with('/') || value.starts_with("./") || value.starts_with('@') ||
         value.find("://") != std::string_view::npos || value.starts_with('%');
}

bool is_secret(std::string_view value, Kind kind, std::string_view name) {
  if (kind == Kind::password) return looks_chosen(value);
  const bool by_name =
      ends_ignoring_case(name, "secret") && value.size() >= 8 && looks_chosen(value) && has(value, is_digit);
  return value.size() >= 16 && !is_placeholder(value) && (looks_random_token(value) || is_uuid(value) || by_name);
}

// Values of configuration files and the environment: NAME=value and "name: value" alone on their line, --name=value.
bool reads_as_setting(std::string_view text, std::string_view name, std::size_t operator_at, std::size_t end) {
  const auto name_begin = static_cast<std::size_t>(name.data() - text.data());
  const std::string_view before = line_before(text, name_begin, 32);
  const bool option = name.starts_with("--");
  const bool alone = std::all_of(before.begin(), before.end(),
                                 [](char c) { return is_blank(c) || c == '-' || c == '#' || c == ';'; }) ||
                     before.ends_with("export ") || before.ends_with("set ") || before.ends_with("ENV ");
  const bool at_line_end = end == text.size() || text[end] == '\n' || text[end] == '\r';
  return option || (alone && at_line_end) ||
         (byte_at(text, operator_at) == '=' && operator_at + 1 < text.size() && alone &&
          std::none_of(name.begin(), name.end(), is_lower));
}

}  // namespace

bool names_secret(std::string_view name, Kind& kind) {
  static constexpr std::array<std::string_view, 11> passwords = {"password",   "passwd",     "passphrase", "passcode",
                                                                 "pwd",        "passwort",   "kennwort",   "contrasena",
                                                                 "motdepasse", "wachtwoord", "passwords"};
  static constexpr std::array<std::string_view, 13> short_passwords = {
      "pass",    "dbpass",   "databasepass", "userpass", "rootpass", "adminpass", "mysqlpass",
      "keypass", "smtppass", "mailpass",     "ftppass",  "sshpass",  "pgpass"};
  static constexpr std::array<std::string_view, 24> keys = {
      "apikey",     "authkey",     "accesskey",       "secretkey",     "privatekey",  "clientkey",
      "servicekey", "accountkey",  "dbkey",           "databasekey",   "secret",      "masterkey",
      "signingkey", "consumerkey", "subscriptionkey", "encryptionkey", "storagekey",  "sharedkey",
      "token",      "authtoken",   "accesstoken",     "credential",    "credentials", "appkey"};
  if (name.size() < 2) return false;
  const std::array<char, 3> end = {lower(name[name.size() - 2]), lower(name.back()), ' '};  // of the words above:
  constexpr std::string_view ends = "rd wd se de rt na ds ss ey et en al ls ";
  if (ends.find(std::string_view(end.data(), end.size())) == std::string_view::npos) return false;
  std::string compact;
  for (const char c : name) {
    if (is_alnum(c)) compact += lower(c);
  }
  if (ends_with_any(compact, passwords) ||
      std::find(short_passwords.begin(), short_passwords.end(), compact) != short_passwords.end()) {
    kind = Kind::password;
    return true;
  }
  kind = Kind::key;
  return ends_with_any(compact, keys) && !compact.ends_with("publickey") && !compact.ends_with("nexttoken");
}

bool is_placeholder(std::string_view value) {
  static constexpr std::array<std::string_view, 30> words = {
      "password", "passwd",    "passphrase", "secret", "changeme", "none",   "null",    "true",
      "false",    "undefined", "string",     "token",  "dummy",    "test",   "testing", "default",
      "required", "optional",  "prompt",     "foobar", "qwerty",   "hidden", "unknown", "empty",
      "todo",     "enabled",   "disabled",   "value",  "username", "pass"};
  for (const std::string_view word : words) {
    if (equal_ignoring_case(value, word)) return true;
  }
  if (mentions(value, {"example",  "changeme", "change_me", "change-me", "xxxx",     "placeholder", "your",
                       "insert",   "replace",  "****",      "....",      "redacted", "sample",      "1234567890",
                       "abcdefgh", "0000000",  "dummy",     "my-secret", "mysecret", "foobar"}))
    return true;
  return value.find("${") != std::string_view::npos || value.find("$(") != std::string_view::npos ||
         value.find("{{") != std::string_view::npos || value.find("%(") != std::string_view::npos ||
         value.find('<') != std::string_view::npos || value.starts_with('$') || value.starts_with('%');
}

MaybeFinding assigned_secret(std::string_view text, std::size_t operator_at) {
  const std::string_view name = name_before(text, operator_at);
  Kind kind = Kind::key;
  if (!names_secret(name, kind)) return std::nullopt;
  std::size_t begin = operator_at + 1;
  while (begin < text.size() && begin - operator_at < 4 && (text[begin] == '=' || text[begin] == '>')) ++begin;
  while (begin < text.size() && begin - operator_at < 12 && is_blank(text[begin])) ++begin;
  const char quote = byte_at(text, begin);
  std::size_t end = begin;
  if (is_quote(quote)) {
    end = ++begin;
    while (end < text.size() && end - begin < most_value && text[end] != quote && text[end] > ' ')
      end += text[end] == '\\' ? 2 : 1;
    if (byte_at(text, end) != quote) return std::nullopt;
    const std::string_view value = text.substr(begin, end - begin);
    if (value.starts_with('/') || value.find('`') != std::string_view::npos ||
        value.find("://") != std::string_view::npos || !is_secret(value, kind, name))
      return std::nullopt;
    return Finding{begin, end, kind};
  }
  while (end < text.size() && end - begin<most_value&& static_cast<unsigned char>(text[end])> ' ' && text[end] != '&' &&
         text[end] != '"' && text[end] != '\'')
    ++end;
  const std::string_view value = text.substr(begin, end - begin);
  if (value.size() < 6 || reads_as_code(value) || !is_secret(value, kind, name)) return std::nullopt;
  if (kind == Kind::key ? !has(value, is_letter) : !has(value, is_letter) || !has(value, is_digit)) return std::nullopt;
  if (kind == Kind::password && !reads_as_setting(text, name, operator_at, end)) return std::nullopt;
  return Finding{begin, end, kind};
}

MaybeFinding url_password(std::string_view text, std::size_t at_sign) {
  std::size_t colon = std::string_view::npos, at = at_sign;
  for (; at > 0 && at_sign - at < 128; --at) {
    const char c = text[at - 1];
    if (c == '/' || static_cast<unsigned char>(c) <= ' ' || is_quote(c) || c == '<' || c == '>') break;
    if (c == ':') colon = at - 1;
  }
  if (colon == std::string_view::npos || at < 3 || text.substr(at - 3, 3) != "://" || colon + 2 >= at_sign)
    return std::nullopt;
  const std::string_view host = text.substr(at_sign + 1, 64);
  if (host.empty() || !is_alnum(host[0]) || host.substr(0, host.find('/')).find("example.") != std::string_view::npos)
    return std::nullopt;
  const std::string_view value = text.substr(colon + 1, at_sign - colon - 1);
  const bool port = value.size() <= 5 && std::all_of(value.begin(), value.end(), is_digit);
  if (port || is_placeholder(value) || reads_as_code(value) || value == text.substr(at, colon - at))
    return std::nullopt;
  return Finding{colon + 1, at_sign, Kind::password};
}

MaybeFinding pem_key(std::string_view text, std::size_t dashes_at) {
  constexpr std::size_t most_block = 64u << 10;
  const std::string_view rest = text.substr(dashes_at, most_block);
  if (!rest.starts_with("-----BEGIN ")) return std::nullopt;
  const std::size_t label_end = rest.find("-----", 11);
  if (label_end == std::string_view::npos || label_end > 60) return std::nullopt;
  const std::string_view label = rest.substr(11, label_end - 11);
  if (!label.ends_with("PRIVATE KEY") && !label.ends_with("PRIVATE KEY BLOCK")) return std::nullopt;
  const std::string closing = "-----END " + std::string(label) + "-----";
  const std::size_t found = rest.find(closing, label_end);
  if (found == std::string_view::npos) {  // cut off: what is there of it
    std::size_t end = label_end + 5;
    while (end < rest.size() &&
           (is_alnum(rest[end]) || std::string_view("+/=\n\r\\ ").find(rest[end]) != std::string_view::npos))
      ++end;
    return end - label_end > 64 ? MaybeFinding(Finding{dashes_at, dashes_at + end, Kind::key}) : std::nullopt;
  }
  if (found - label_end < 48) return std::nullopt;  // "..." between the two lines
  return Finding{dashes_at, dashes_at + found + closing.size(), Kind::key};
}

}  // namespace hearth::text::privacy
