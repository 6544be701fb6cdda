// SPDX-License-Identifier: Apache-2.0
// Keys, tokens and passwords: by the prefixes that services give theirs, by the name a value is assigned to, and by
// randomness where the line does not say that it is a hash. The families are those of detect-secrets. Placeholders
// ("changeme", "${TOKEN}", "xxxx", the example keys of documentation) are no secrets.
#pragma once
#include <string_view>

#include "lib/text/privacy/finding.h"

namespace hearth::text::privacy {

constexpr std::size_t least_key_run = 20;

// [begin, end): a whole run of letters, digits and _ - + / of at least least_key_run bytes.
MaybeFinding key_in_run(std::string_view text, std::size_t begin, std::size_t end);
// The value behind the = or : at a place, when what stands in front is a name for secrets.
MaybeFinding assigned_secret(std::string_view text, std::size_t operator_at);
// The password of scheme://user:password@host.
MaybeFinding url_password(std::string_view text, std::size_t at_sign);
// A whole private key, from its first dash to its last; dashes_at is the first of five.
MaybeFinding pem_key(std::string_view text, std::size_t dashes_at);

// True for names such as "db_password", "apiKey", "client-secret": kind is what their values are.
bool names_secret(std::string_view name, Kind& kind);
bool is_placeholder(std::string_view value);

}  // namespace hearth::text::privacy
