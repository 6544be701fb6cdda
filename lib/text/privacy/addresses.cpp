// SPDX-License-Identifier: Apache-2.0
#include "lib/text/privacy/addresses.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "lib/text/privacy/context.h"

namespace hearth::text::privacy {
namespace {

constexpr std::size_t most_local = 64, most_domain = 253;

// Characters of a local part that need no quotes, and Latin letters beyond ASCII (U+00C0 to U+02FF in UTF-8).
bool in_local(std::string_view text, std::size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte >= 0x80) {
    const bool lead = byte >= 0xc3 && byte <= 0xcb, tail = byte < 0xc0;
    const auto before = static_cast<unsigned char>(byte_before(text, at));
    return lead || (tail && before >= 0xc3 && before <= 0xcb);
  }
  return is_alnum(text[at]) || std::string_view("._%+-'").find(text[at]) != std::string_view::npos;
}

// Last labels that are suffixes of files, not domains; those that are both (sh, py, rs) are taken for domains.
bool is_file_suffix(std::string_view label) {
  static constexpr std::array<std::string_view, 28> suffixes = {
      "png", "jpg",     "jpeg",   "gif",   "svg", "webp", "css", "js",   "mjs",  "ts",
      "tsx", "json",    "html",   "xml",   "txt", "yaml", "yml", "tgz",  "conf", "cpp",
      "hpp", "service", "socket", "timer", "bz2", "deb",  "rpm", "local"};
  return std::any_of(suffixes.begin(), suffixes.end(), [&](auto word) { return equal_ignoring_case(label, word); });
}

// Domains kept for documentation and tests, and machine-made ones.
bool is_nobodys_domain(std::string_view domain) {
  const std::string_view top = domain.substr(domain.rfind('.') + 1);
  static constexpr std::array<std::string_view, 7> words = {"example",     "test", "invalid", "localhost",
                                                            "localdomain", "lan",  "internal"};
  for (const std::string_view word : words) {
    if (equal_ignoring_case(top, word)) return true;
  }
  const std::size_t dot = domain.rfind('.', domain.size() - top.size() - 2);
  const std::string_view last_two = dot == std::string_view::npos ? domain : domain.substr(dot + 1);
  static constexpr std::array<std::string_view, 8> domains = {
      "example.com", "example.org", "example.net", "example.edu", "domain.com", "domain.tld", "host.com", "email.com"};
  for (const std::string_view word : domains) {
    if (equal_ignoring_case(last_two, word)) return true;
  }
  return false;
}

// The end of the domain that begins at begin, or begin when there is none.
std::size_t end_of_domain(std::string_view text, std::size_t begin) {
  std::size_t end = begin, last_dot = begin;
  bool label_open = false;
  for (; end < text.size() && end - begin <= most_domain; ++end) {
    const char c = text[end];
    if (c == '.') {
      if (!label_open || !is_alnum(byte_at(text, end + 1))) break;
      last_dot = end;
      label_open = false;
    } else if (is_alnum(c) || c == '-') {
      label_open = true;
    } else {
      break;
    }
  }
  while (end > begin && text[end - 1] == '-') --end;
  const std::string_view top = text.substr(last_dot + 1, end - last_dot - 1);
  const bool letters = std::all_of(top.begin(), top.end(), is_letter) || top.starts_with("xn--");
  if (last_dot == begin || last_dot >= end || top.size() < 2 || top.size() > 24 || !letters || is_file_suffix(top))
    return begin;
  return end;
}

using Octets = std::array<unsigned, 4>;

bool is_public(const Octets& ip) {
  const unsigned a = ip[0], b = ip[1], c = ip[2];
  if (a == 0 || a == 10 || a == 127 || a >= 224) return false;
  if ((a == 100 && b >= 64 && b < 128) || (a == 169 && b == 254) || (a == 172 && b >= 16 && b < 32)) return false;
  if (a == 192 && (b == 168 || (b == 0 && (c == 0 || c == 2)) || (b == 88 && c == 99))) return false;
  return !((a == 198 && (b == 18 || b == 19 || (b == 51 && c == 100))) || (a == 203 && b == 0 && c == 113));
}

bool is_resolver(const Octets& ip) {
  static constexpr std::array<Octets, 9> resolvers = {{{8, 8, 8, 8},
                                                       {8, 8, 4, 4},
                                                       {1, 1, 1, 1},
                                                       {1, 0, 0, 1},
                                                       {9, 9, 9, 9},
                                                       {208, 67, 222, 222},
                                                       {208, 67, 220, 220},
                                                       {1, 2, 3, 4},
                                                       {4, 3, 2, 1}}};
  return std::find(resolvers.begin(), resolvers.end(), ip) != resolvers.end();
}

// Whether four numbers are an address, judged by what stands around them.
bool reads_as_address(std::string_view text, std::size_t begin, std::size_t end, const Octets& ip) {
  const std::string_view before = line_before(text, begin, 40);
  const bool url = before.ends_with("://") || before.ends_with("@");
  const bool port = byte_at(text, end) == ':' && is_digit(byte_at(text, end + 1));
  if (url || port) return true;
  if (byte_before(text, begin) == '/' || byte_before(text, begin) == '-' || byte_before(text, begin) == '~')
    return false;
  const std::string_view line = line_around(text, begin, end, 100);
  const bool of_hosts =
      mentions_word(line, {"ip",        "ips",        "ipv4",  "addr", "address", "addresses", "host",       "hosts",
                           "server",    "ping",       "inet",  "dns",  "client",  "peer",      "gateway",    "connect",
                           "connected", "connection", "login", "ssh",  "router",  "route",     "nameserver", "listen"});
  const bool among_numbers = before.size() > 1 && before.back() == ' ' && is_digit(before[before.size() - 2]);
  const bool small =
      (ip[0] < 20 && ip[1] < 40 && ip[2] < 100) || (ip[0] < 40 && ip[1] < 40 && ip[2] < 40 && ip[3] < 40);
  if (small || among_numbers) return of_hosts && !mentions(before, {"version", "section", "release"});
  return !mentions_word(before, {"version", "versions",    "ver",    "v",       "release",  "rev",     "oid",
                                 "section", "chapter",     "chrome", "firefox", "safari",   "opera",   "edge",
                                 "msie",    "applewebkit", "build",  "driver",  "firmware", "upgrade", "upstream"}) &&
         !before.ends_with("= ") && !before.ends_with("(");
}

}  // namespace

MaybeFinding email_at(std::string_view text, std::size_t at_sign) {
  std::size_t begin = at_sign;
  while (begin > 0 && at_sign - begin <= most_local && in_local(text, begin - 1)) --begin;
  while (begin < at_sign && std::string_view(".'-%+").find(text[begin]) != std::string_view::npos) ++begin;
  if (begin == at_sign || at_sign - begin > most_local || text[at_sign - 1] == '.') return std::nullopt;
  const std::size_t end = end_of_domain(text, at_sign + 1);
  if (end == at_sign + 1 || byte_at(text, end) == '@' || byte_at(text, end) == '_') return std::nullopt;
  const std::string_view local = text.substr(begin, at_sign - begin);
  const std::string_view domain = text.substr(at_sign + 1, end - at_sign - 1);
  if (local == "git" || is_nobodys_domain(domain)) return std::nullopt;
  if (byte_at(text, end) == '(') return std::nullopt;  // object@module.function(
  return Finding{begin, end, Kind::email};
}

MaybeFinding ipv4_at(std::string_view text, std::size_t begin) {
  const char before = byte_before(text, begin);
  if (is_alnum(before) || before == '.' || before == '_' || before == '+') return std::nullopt;
  Octets ip{};
  std::size_t at = begin;
  for (std::size_t part = 0; part < 4; ++part) {
    if (part > 0 && byte_at(text, at++) != '.') return std::nullopt;
    const std::size_t digits = at;
    while (is_digit(byte_at(text, at)) && at - digits < 4)
      ip[part] = ip[part] * 10 + static_cast<unsigned>(text[at++] - '0');
    if (at == digits || at - digits > 3 || ip[part] > 255 || (at - digits > 1 && text[digits] == '0'))
      return std::nullopt;
  }
  const char behind = byte_at(text, at), second = byte_at(text, at + 1);
  if (is_alnum(behind) || behind == '_' || (behind == '.' && is_alnum(second)) || (behind == '-' && is_alnum(second)))
    return std::nullopt;
  if ((behind == '+' || behind == '~') && is_alnum(second)) return std::nullopt;
  if (behind == '/' && is_digit(second) && ip[3] == 0) return std::nullopt;  // a network
  if (!is_public(ip) || is_resolver(ip) || !reads_as_address(text, begin, at, ip)) return std::nullopt;
  return Finding{begin, at, Kind::ip};
}

MaybeFinding ipv6_at(std::string_view text, std::size_t begin) {
  const char before = byte_before(text, begin);
  if (is_alnum(before) || before == ':' || before == '.' || before == '_') return std::nullopt;
  std::size_t end = begin;
  std::size_t n_colons = 0;
  while (end < text.size() && end - begin < INET6_ADDRSTRLEN && (is_hex(text[end]) || text[end] == ':'))
    n_colons += text[end++] == ':' ? 1 : 0;
  if (is_alnum(byte_at(text, end)) || byte_at(text, end) == '_') return std::nullopt;
  if (end > begin + 1 && text[end - 1] == ':' && text[end - 2] != ':') --end, --n_colons;
  if (n_colons < 2) return std::nullopt;
  std::array<std::uint8_t, 16> ip{};
  if (inet_pton(AF_INET6, std::string(text.substr(begin, end - begin)).c_str(), ip.data()) != 1) return std::nullopt;
  const unsigned first = ip[0] * 256u + ip[1], second = ip[2] * 256u + ip[3];
  const bool documentation = (first == 0x2001 && second == 0x0db8) || (first == 0x3fff && second < 0x1000);
  const bool special = first == 0x2001 && second < 0x0200;  // IETF protocol assignments, Teredo among them
  const bool resolver = (first == 0x2001 && second == 0x4860) || (first == 0x2606 && second == 0x4700);
  const bool network = std::all_of(ip.begin() + 6, ip.end(), [](auto byte) { return byte == 0; });
  if ((ip[0] & 0xe0) != 0x20 || documentation || special || resolver || network) return std::nullopt;
  return Finding{begin, end, Kind::ip};
}

}  // namespace hearth::text::privacy
