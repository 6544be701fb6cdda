// SPDX-License-Identifier: Apache-2.0
// Keys by what services put in front of theirs, and by randomness. A run is looked at as a whole: a prefix counts at
// its begin and behind a mark, and the rest must have the service's length.
#include <algorithm>
#include <array>

#include "lib/text/privacy/context.h"
#include "lib/text/privacy/randomness.h"
#include "lib/text/privacy/secrets.h"

namespace hearth::text::privacy {
namespace {

struct Family {
  std::string_view prefix;
  std::size_t least, most;  // bytes with the prefix
};

// Amazon, GitHub, GitLab, npm, PyPI, Slack, Stripe, Google, OpenAI, Anthropic, Hugging Face, DigitalOcean, Shopify,
// Square, Artifactory, Docker, Postman, Atlassian, New Relic, Linear, Tailscale, age.
constexpr std::array<Family, 57> families = {{{"AKIA", 20, 20},
                                              {"ASIA", 20, 20},
                                              {"ABIA", 20, 20},
                                              {"ACCA", 20, 20},
                                              {"ghp_", 40, 40},
                                              {"gho_", 40, 40},
                                              {"ghu_", 40, 40},
                                              {"ghs_", 40, 40},
                                              {"ghr_", 40, 80},
                                              {"github_pat_", 80, 100},
                                              {"glpat-", 26, 60},
                                              {"gldt-", 25, 60},
                                              {"glrt-", 25, 60},
                                              {"glptt-", 26, 60},
                                              {"GR1348941", 29, 60},
                                              {"npm_", 40, 40},
                                              {"pypi-AgE", 60, 250},
                                              {"xoxb-", 24, 120},
                                              {"xoxa-", 24, 120},
                                              {"xoxp-", 24, 120},
                                              {"xoxr-", 24, 120},
                                              {"xoxs-", 24, 120},
                                              {"xapp-", 24, 140},
                                              {"sk_live_", 24, 130},
                                              {"rk_live_", 24, 130},
                                              {"sk_test_", 24, 130},
                                              {"rk_test_", 24, 130},
                                              {"whsec_", 38, 80},
                                              {"AIza", 39, 39},
                                              {"GOCSPX-", 35, 35},
                                              {"sk-proj-", 40, 200},
                                              {"sk-svcacct-", 40, 200},
                                              {"sk-ant-", 40, 200},
                                              {"sk-", 51, 51},
                                              {"hf_", 37, 37},
                                              {"dop_v1_", 71, 71},
                                              {"doo_v1_", 71, 71},
                                              {"shpat_", 38, 38},
                                              {"shpss_", 38, 38},
                                              {"shpca_", 38, 38},
                                              {"shppa_", 38, 38},
                                              {"sq0csp-", 50, 50},
                                              {"sq0atp-", 29, 29},
                                              {"AKCp", 60, 80},
                                              {"dckr_pat_", 30, 50},
                                              {"PMAK-", 60, 70},
                                              {"ATATT3", 80, 220},
                                              {"ATCTT3", 80, 220},
                                              {"NRAK-", 32, 32},
                                              {"lin_api_", 40, 60},
                                              {"tskey-", 30, 80},
                                              {"AGE-SECRET-KEY-1", 74, 74},
                                              {"EAACEdEose0cBA", 30, 200},
                                              {"key-", 36, 36},
                                              {"AC", 34, 34},
                                              {"SK", 34, 34},
                                              {"rubygems_", 57, 57}}};

constexpr std::size_t least_part = 18;  // of a token of several parts, its first

bool is_token_character(char c) {
  return is_alnum(c) || c == '_' || c == '-';
}

std::size_t end_of_token(std::string_view text, std::size_t at) {
  while (at < text.size() && is_token_character(text[at])) ++at;
  return at;
}

// What varies in a real key, and not in the one printed in a manual.
bool varies(std::string_view body, bool has_digits = true) {
  return body.size() >= 8 && (!has_digits || std::any_of(body.begin(), body.end(), is_digit)) &&
         entropy_bits(body) >= 3 && !is_placeholder(body);
}

bool fits(const Family& family, std::string_view token) {
  if (token.size() < family.least || token.size() > family.most) return false;
  const std::string_view body = token.substr(family.prefix.size());
  if (family.prefix.size() == 2 || family.prefix == "key-") return looks_random_hex(body);  // Twilio, Mailgun
  if (family.least == 20 && !std::all_of(body.begin(), body.end(), [](char c) { return is_upper(c) || is_digit(c); }))
    return false;
  if (family.prefix == "hf_") {
    return std::all_of(body.begin(), body.end(), is_alnum) && std::any_of(body.begin(), body.end(), is_upper) &&
           std::any_of(body.begin(), body.end(), is_lower) && varies(body, false);
  }
  return varies(body, family.least != 20);
}

// Of Atlassian's tokens a checksum behind "=" is a part.
std::size_t end_of_checksum(std::string_view text, std::size_t end) {
  constexpr std::size_t digits = 8;
  if (byte_at(text, end) != '=') return end;
  for (std::size_t i = 1; i <= digits; ++i) {
    if (!is_hex(byte_at(text, end + i))) return end;
  }
  return is_alnum(byte_at(text, end + 1 + digits)) ? end : end + 1 + digits;
}

// Bytes that a family's prefix begins with.
constexpr auto first_bytes = [] {
  std::array<bool, 256> first{};
  for (const Family& family : families) first[static_cast<unsigned char>(family.prefix[0])] = true;
  return first;
}();

MaybeFinding by_prefix(std::string_view text, std::size_t begin, std::size_t end) {
  for (std::size_t at = begin; at + least_key_run <= end; ++at) {
    if ((at > begin && is_alnum(text[at - 1])) || !first_bytes[static_cast<unsigned char>(text[at])]) continue;
    for (const Family& family : families) {
      if (text[at] != family.prefix[0] || text[at + 1] != family.prefix[1] ||
          !text.substr(at).starts_with(family.prefix))
        continue;
      const std::size_t token_end = end_of_token(text, at);
      if (!fits(family, text.substr(at, token_end - at))) continue;
      return Finding{at, family.prefix.starts_with("AT") ? end_of_checksum(text, token_end) : token_end, Kind::key};
    }
  }
  return std::nullopt;
}

// Parts joined by dots: JSON web tokens, SendGrid, Discord, Google OAuth, Vault; and Telegram's NUMBER:TOKEN.
MaybeFinding by_parts(std::string_view text, std::size_t begin, std::size_t end) {
  if (const std::size_t slash = text.substr(begin, end - begin).rfind('/'); slash != std::string_view::npos)
    begin += slash + 1;
  if (end - begin < least_part) return std::nullopt;
  const std::string_view first = text.substr(begin, end - begin);
  const std::string_view before = text.substr(0, begin);
  const std::size_t second_end = byte_at(text, end) == '.' ? end_of_token(text, end + 1) : end;
  const std::size_t third_end =
      second_end > end && byte_at(text, second_end) == '.' ? end_of_token(text, second_end + 1) : second_end;
  const std::size_t second = second_end - end, third = third_end - second_end;  // with their dots
  if (first.starts_with("eyJ") && second > 10 && text.substr(end + 1, 2) == "ey")
    return Finding{begin, third > 1 ? third_end : second_end, Kind::key};
  if (before.ends_with("SG.") && first.size() == 22 && second == 44) return Finding{begin - 3, second_end, Kind::key};
  if (before.ends_with("ya29.") && varies(first)) return Finding{begin - 5, end, Kind::key};
  if (before.ends_with("hvs.") && first.size() >= 86 && first.size() <= 126 && varies(first))
    return Finding{begin - 4, end, Kind::key};  // Vault
  if ((first[0] == 'M' || first[0] == 'N' || first[0] == 'O') && first.size() >= 23 && first.size() <= 28 &&
      second == 7 && third >= 28 && third <= 40 && varies(first))
    return Finding{begin, third_end, Kind::key};
  if (first.size() == 35 && before.ends_with(":") && varies(first)) {
    std::size_t number = begin - 1;
    while (number > 0 && is_digit(text[number - 1])) --number;
    if (const std::size_t n = begin - 1 - number; n >= 8 && n <= 10) return Finding{number, end, Kind::key};
  }
  if (first.size() >= 36 && first.size() <= 37 && first.substr(32).starts_with("-us") &&
      looks_random_hex(first.substr(0, 32)))
    return Finding{begin, end, Kind::key};  // Mailchimp
  return std::nullopt;
}

// https://hooks.slack.com/services/T.../B.../...: all behind "services/".
MaybeFinding slack_hook(std::string_view text, std::size_t begin, std::size_t end) {
  const std::string_view run = text.substr(begin, end - begin);
  const std::size_t hook = run.find("services/T");
  if (hook == std::string_view::npos || !varies(run.substr(hook + 9)) ||
      line_before(text, begin, 24).find("hooks.slack.") == std::string_view::npos)
    return std::nullopt;
  return Finding{begin + hook + 9, end, Kind::key};
}

// Lines about hashes, public keys and embedded data are full of randomness that is no secret.
bool speaks_of_hashes(std::string_view line) {
  return mentions(line,
                  {"sha1",   "sha2",        "sha3",      "sha5",        "sha-",   "sha_",     "md5",        "hash",
                   "digest", "checksum",    "integrity", "fingerprint", "uuid",   "guid",     "commit",     "etag",
                   "blake",  "crc",         "revision",  "signature",   "signed", "public",   "pubkey",     "ssh-",
                   "ecdsa",  "certificate", "data:",     "base64,",     "nonce",  "boundary", "message-id", "://"}) ||
         mentions_word(line, {"sha", "sum", "id", "cert", "pub"});
}

bool speaks_of_secrets(std::string_view before) {
  return mentions(before, {"secret", "token", "api_key", "apikey", "api-key", "api key", "access_key", "accesskey",
                           "access key", "accountkey", "account_key", "private_key", "privatekey", "credential",
                           "bearer", "authorization", "auth_key", "passw"});
}

// NAME = value, NAME: value, Authorization: Bearer value.
bool is_given(std::string_view before) {
  while (!before.empty() && (is_blank(before.back()) || is_quote(before.back()))) before.remove_suffix(1);
  return before.ends_with('=') || before.ends_with(':') || before.ends_with('>') ||
         ends_ignoring_case(before, "bearer") || ends_ignoring_case(before, "basic") ||
         ends_ignoring_case(before, "token");
}

// Base64 of a text: an id that was wrapped up, as GraphQL's are.
bool encodes_text(std::string_view run) {
  std::uint32_t bits = 0, n_bits = 0;
  for (const char c : run) {
    const unsigned digit = is_upper(c)   ? static_cast<unsigned>(c - 'A')
                           : is_lower(c) ? static_cast<unsigned>(c - 'a' + 26)
                           : is_digit(c) ? static_cast<unsigned>(c - '0' + 52)
                                         : 62u + (c == '/' || c == '_' ? 1u : 0u);
    bits = bits << 6 | digit;
    n_bits += 6;
    if (n_bits < 8) continue;
    n_bits -= 8;
    const unsigned byte = bits >> n_bits & 0xffu;
    if (byte < 0x20 || byte >= 0x7f) return false;
  }
  return true;
}

MaybeFinding by_randomness(std::string_view text, std::size_t begin, std::size_t end) {
  constexpr std::size_t most = 128;
  if (end - begin > most) return std::nullopt;
  const std::string_view run = text.substr(begin, end - begin);
  if (!looks_random_base64(run) || is_placeholder(run) || run.starts_with("AAAA")) return std::nullopt;
  std::size_t padded = end;
  while (padded - end < 2 && byte_at(text, padded) == '=') ++padded;
  if (text.substr(0, begin).ends_with("W/\"") || encodes_text(run)) return std::nullopt;  // an entity tag of HTTP
  const char quote = byte_before(text, begin);
  const bool quoted = is_quote(quote) && byte_at(text, padded) == quote;
  const double bits = entropy_bits(run);
  if (bits < 3.5) return std::nullopt;
  const std::string_view before = line_before(text, begin, 48);
  const bool named = (quoted || is_given(before)) && speaks_of_secrets(before);
  if (!named && (!quoted || bits < (run.size() < 32 ? 4.2 : 4.5))) return std::nullopt;
  if (speaks_of_hashes(line_around(text, begin, padded, 80).substr(0, 400))) return std::nullopt;
  return Finding{begin, padded, Kind::key};
}

}  // namespace

MaybeFinding key_in_run(std::string_view text, std::size_t begin, std::size_t end) {
  const auto run = text.substr(begin, end - begin);
  constexpr std::size_t most_letters = 64;
  if (std::none_of(run.begin(), run.end(), [](char c) { return is_digit(c); }))  // a long word, a path, a ruler
    return run.size() <= most_letters ? by_prefix(text, begin, end) : std::nullopt;
  if (const auto found = by_prefix(text, begin, end)) return found;
  if (const auto found = by_parts(text, begin, end)) return found;
  if (const auto found = slack_hook(text, begin, end)) return found;
  return by_randomness(text, begin, end);
}

}  // namespace hearth::text::privacy
