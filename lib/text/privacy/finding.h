// SPDX-License-Identifier: Apache-2.0
// What the privacy stage looks for, and where it found it. The order of the kinds is that of how specific they are:
// where two findings overlap and are equally long, the one that stands first here names the placeholder.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace hearth::text::privacy {

enum class Kind : std::uint8_t { key, password, iban, card, email, ip, phone, name };
constexpr std::size_t n_kinds = 8;
constexpr std::size_t index_of(Kind kind) {
  return static_cast<std::size_t>(kind);
}

struct KindWords {
  std::string_view name;         // in options and attributes
  std::string_view placeholder;  // without its angle brackets
  std::string_view rejection;
  std::string_view masked, tagged;  // names of counts
};

constexpr std::array<KindWords, n_kinds> kind_words = {{
    {"key", "KEY", "privacy-key", "masked-key", "tagged-key"},
    {"password", "PASSWORD", "privacy-password", "masked-password", "tagged-password"},
    {"iban", "IBAN", "privacy-iban", "masked-iban", "tagged-iban"},
    {"card", "CARD", "privacy-card", "masked-card", "tagged-card"},
    {"email", "EMAIL", "privacy-email", "masked-email", "tagged-email"},
    {"ip", "IP_ADDRESS", "privacy-ip", "masked-ip", "tagged-ip"},
    {"phone", "PHONE", "privacy-phone", "masked-phone", "tagged-phone"},
    {"name", "NAME", "privacy-name", "masked-name", "tagged-name"},
}};
constexpr const KindWords& words_of(Kind kind) {
  return kind_words[index_of(kind)];
}

// Bytes [begin, end) of a text.
struct Finding {
  std::size_t begin = 0, end = 0;
  Kind kind = Kind::key;
  bool operator==(const Finding&) const = default;
};
using MaybeFinding = std::optional<Finding>;

}  // namespace hearth::text::privacy
