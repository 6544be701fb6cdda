// SPDX-License-Identifier: Apache-2.0
#include "lib/text/licences/lists.h"

#include <algorithm>

#include "lib/base/error.h"
#include "lib/base/text.h"

namespace hearth::text::licences {
namespace {

constexpr std::string_view id_characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-+:";
constexpr int deepest = 32;  // parentheses

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

bool same(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

// The present spelling of ids that SPDX no longer uses; of others, "or later" is left off.
std::string present_id(std::string_view id) {
  const bool plus = id.ends_with('+');
  if (plus) id.remove_suffix(1);
  std::string base(id);
  const auto dash = id.find('-');
  const std::string_view family = id.substr(0, dash);
  const bool gnu = same(family, "GPL") || same(family, "LGPL") || same(family, "AGPL") || same(family, "GFDL");
  const bool ends_in_version = id.find_first_not_of("0123456789.", dash + 1) == std::string_view::npos;
  if (!gnu || dash == std::string_view::npos || !ends_in_version) return base;
  return base + (plus ? "-or-later" : "-only");
}

bool names_exception(std::string_view pattern) {
  return pattern.find(" WITH ") != std::string_view::npos;
}

std::string checked(const std::string& pattern, std::string_view option) {
  const auto with = pattern.find(" WITH ");
  std::string id = pattern.substr(0, with);
  const std::string exception = with == std::string::npos ? "*" : pattern.substr(with + 6);
  const std::string allowed = std::string(id_characters) + "*?";
  for (const std::string& part : {id, exception}) {
    if (!part.empty() && part.find_first_not_of(allowed) == std::string::npos) continue;
    throw Error(Kind::usage, "--" + std::string(option) + ": '" + pattern +
                                 "' is not the SPDX id of one license, such as MIT, GPL-* or 'GPL-* WITH *'");
  }
  if (id.find_first_of("*?") == std::string::npos) id = present_id(id);
  return with == std::string::npos ? id : id + " WITH " + exception;
}

std::optional<std::string> first_match(const std::vector<std::string>& patterns, std::string_view text, bool with) {
  for (const std::string& pattern : patterns) {
    if (names_exception(pattern) == with && glob_match(pattern, text)) return pattern;
  }
  return std::nullopt;
}

}  // namespace

// Reads an expression and judges it on the way: OR binds weaker than AND.
class Judge {
 public:
  Judge(const Lists& lists, std::string_view expression) : lists_(lists), rest_(expression) { next(); }

  std::optional<std::string> whole() {
    auto refusal = any(0);
    well_formed_ = well_formed_ && token_.empty();
    return refusal;
  }
  bool well_formed() const { return well_formed_; }

 private:
  std::optional<std::string> any(int depth) {
    auto refusal = all(depth);
    while (same(token_, "OR")) {
      next();
      const auto other = all(depth);
      if (refusal && other) {
        *refusal += "; " + *other;
      } else {
        refusal.reset();
      }
    }
    return refusal;
  }

  std::optional<std::string> all(int depth) {
    auto refusal = one(depth);
    while (same(token_, "AND")) {
      next();
      auto other = one(depth);
      if (!refusal) refusal = std::move(other);
    }
    return refusal;
  }

  std::optional<std::string> one(int depth) {
    if (token_ == "(" && depth < deepest) {
      next();
      auto refusal = any(depth + 1);
      well_formed_ = well_formed_ && token_ == ")";
      next();
      return refusal;
    }
    const std::string licence = id();
    std::string exception;
    if (same(token_, "WITH")) {
      next();
      exception = id();
    }
    return lists_.refuse_one(licence, exception);
  }

  std::string id() {
    const bool word = !token_.empty() && token_ != "(" && token_ != ")" && !same(token_, "AND") &&
                      !same(token_, "OR") && !same(token_, "WITH");
    well_formed_ = well_formed_ && word;
    const std::string found(token_);
    if (word) next();
    return found;
  }

  void next() {
    rest_ = trim(rest_);
    const bool bracket = rest_.starts_with('(') || rest_.starts_with(')');
    token_ = rest_.substr(0, bracket ? 1 : std::min(rest_.find_first_of(" \t()"), rest_.size()));
    rest_.remove_prefix(token_.size());
  }

  const Lists& lists_;
  std::string_view rest_, token_;
  bool well_formed_ = true;
};

Lists::Lists(const std::vector<std::string>& allow, const std::vector<std::string>& deny) {
  for (const std::string& pattern : allow) allow_.push_back(checked(pattern, "allow-license"));
  for (const std::string& pattern : deny) deny_.push_back(checked(pattern, "deny-license"));
}

std::optional<std::string> Lists::refusal(std::string_view expression) const {
  if (empty()) return std::nullopt;
  Judge judge(*this, expression);
  auto refusal = judge.whole();
  if (judge.well_formed()) return refusal;
  while (!expression.empty()) {
    const auto begin = std::min(expression.find_first_of(id_characters), expression.size());
    const auto end = std::min(expression.find_first_not_of(id_characters, begin), expression.size());
    const std::string word(expression.substr(begin, end - begin));
    expression.remove_prefix(end);
    if (word.empty() || same(word, "AND") || same(word, "OR") || same(word, "WITH")) continue;
    if (auto why = refuse_one(word, "")) return why;
  }
  return std::nullopt;
}

std::optional<std::string> Lists::refuse_one(const std::string& licence, const std::string& exception) const {
  const std::string id = present_id(licence);
  if (!exception.empty()) {
    const std::string both = id + " WITH " + exception;
    if (const auto by = first_match(deny_, both, true)) return both + " is denied (--deny-license '" + *by + "')";
    if (first_match(allow_, both, true)) return std::nullopt;
  }
  if (const auto by = first_match(deny_, id, false)) return id + " is denied (--deny-license '" + *by + "')";
  if (allow_.empty() || first_match(allow_, id, false)) return std::nullopt;
  return id + " is not among the allowed (--allow-license)";
}

bool is_unknown(std::string_view expression) {
  return expression.empty() || same(expression, "NONE") || same(expression, "NOASSERTION");
}

bool glob_match(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || lower(pattern[p]) == lower(text[t]))) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

}  // namespace hearth::text::licences
