// SPDX-License-Identifier: Apache-2.0
#include "lib/text/privacy/masking.h"

#include <algorithm>
#include <utility>

#include "lib/base/digest.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/base/text.h"
#include "lib/text/privacy/context.h"
#include "lib/text/privacy/secrets.h"

namespace hearth::text::privacy {
namespace {

constexpr std::size_t least_key_bytes = 16;
constexpr std::size_t pseudonym_digits = 8;

Action action_named(std::string_view word, const std::string& setting) {
  if (word == "keep") return Action::keep;
  if (word == "tag") return Action::tag;
  if (word == "mask") return Action::mask;
  if (word == "drop") return Action::drop;
  throw Error(hearth::Kind::usage, "--privacy " + setting + ": the action is keep, tag, mask or drop");
}

// How a value is written does not change whose it is: case of an address, spaces in a number.
std::string same_for_all_spellings(Kind kind, std::string_view value) {
  std::string plain;
  for (const char c : value) {
    const bool number = kind == Kind::phone || kind == Kind::iban || kind == Kind::card;
    if (number ? is_alnum(c) : c != '\n') plain += lower(c);
  }
  return plain;
}

bool may_have_pseudonym(Kind kind) {
  return kind != Kind::key && kind != Kind::password;
}

// Replaces strings and numbers of a JSON value by what change makes of them; change gets the key, too.
template <class Change>
void for_values(Json& value, std::string_view key, const Change& change) {
  if (value.is_object() || value.is_array()) {
    for (auto item = value.begin(); item != value.end(); ++item)
      for_values(*item, value.is_object() ? std::string_view(item.key()) : key, change);
  } else if (value.is_string() || value.is_number()) {
    std::string text = value.is_string() ? value.get<std::string>() : dump_json(value);
    if (change(key, text)) value = std::move(text);
  }
}

}  // namespace

Actions parse_actions(const std::vector<std::string>& settings) {
  Actions actions;
  for (const std::string& setting : settings) {
    const std::size_t equals = setting.find('=');
    const std::string kind = setting.substr(0, equals);
    if (equals == std::string::npos)
      throw Error(hearth::Kind::usage, "--privacy " + setting + ": expects KIND=ACTION, as in email=tag");
    const Action action = action_named(std::string_view(setting).substr(equals + 1), setting);
    if (kind == "all") {
      actions.of.fill(action);
      continue;
    }
    const auto found =
        std::find_if(kind_words.begin(), kind_words.end(), [&](const KindWords& words) { return words.name == kind; });
    if (found == kind_words.end()) {
      std::string known = "all";
      for (const KindWords& words : kind_words) known.append(", ").append(words.name);
      throw Error(hearth::Kind::usage, "--privacy " + setting + ": the kind is one of " + known);
    }
    actions.of[static_cast<std::size_t>(found - kind_words.begin())] = action;
  }
  return actions;
}

PrivacyStage::PrivacyStage(const PrivacyOptions& options) : actions_(parse_actions(options.actions)) {
  if (!options.names.empty()) names_ = NameList::read(options.names);
  if (options.pseudonym_key.empty()) return;
  key_ = std::string(trim(read_file(options.pseudonym_key)));
  if (key_.size() < least_key_bytes) {
    throw Error(hearth::Kind::data, options.pseudonym_key + ": a key for pseudonyms has at least " +
                                        std::to_string(least_key_bytes) + " bytes, this one " +
                                        std::to_string(key_.size()) + "; 'openssl rand -hex 32' makes one");
  }
}

std::string PrivacyStage::placeholder(Kind kind, std::string_view value) const {
  std::string text = "<" + std::string(words_of(kind).placeholder);
  if (!key_.empty() && may_have_pseudonym(kind)) {
    const std::string message = std::string(words_of(kind).name) + '\0' + same_for_all_spellings(kind, value);
    text += ":" + hmac_sha256_hex(key_, message).substr(0, pseudonym_digits);
  }
  return text + ">";
}

std::string PrivacyStage::masked(std::string_view text, const std::vector<Finding>& found) const {
  std::string result;
  result.reserve(text.size());
  std::size_t done = 0;
  for (const Finding& finding : found) {
    if (actions_[finding.kind] != Action::mask && actions_[finding.kind] != Action::drop) continue;
    result.append(text.substr(done, finding.begin - done));
    result += placeholder(finding.kind, text.substr(finding.begin, finding.end - finding.begin));
    done = finding.end;
  }
  return result.append(text.substr(done));
}

bool PrivacyStage::mask_text(std::string& text, Seen& seen) const {
  const std::vector<Finding> found = find_private(text, names_ ? &*names_ : nullptr);
  if (found.empty()) return false;
  for (const Finding& finding : found) ++seen.n[index_of(finding.kind)];
  text = masked(text, found);
  return true;
}

void PrivacyStage::mask_attributes(std::string& attributes, Seen& seen) const {
  if (attributes == "{}") return;
  Json json = parse_json(attributes, "attributes");
  bool changed = false;
  for_values(json, "", [&](std::string_view key, std::string& value) {
    Kind kind = Kind::key;
    bool found = mask_text(value, seen);
    if (!found && names_secret(key, kind)) {
      // The name stands in the JSON's key, not in the text.
      const std::string assignment = std::string(key) + " = \"" + value + "\"";
      if (assigned_secret(assignment, key.size() + 1)) {
        ++seen.n[index_of(kind)];
        found = actions_[kind] == Action::mask || actions_[kind] == Action::drop;
        if (found) value = placeholder(kind, value);
      }
    }
    changed = changed || found;
    return found;
  });
  if (changed) attributes = dump_json(json);
}

void PrivacyStage::count(Candidate& candidate, const Seen& seen) const {
  std::string tags;
  for (std::size_t i = 0; i < n_kinds; ++i) {
    if (seen.n[i] == 0 || actions_.of[i] == Action::keep) continue;
    const bool tag = actions_.of[i] == Action::tag;
    candidate.counts.emplace_back(tag ? kind_words[i].tagged : kind_words[i].masked, seen.n[i]);
    if (tag)
      tags.append(tags.empty() ? "{\"" : ",\"")
          .append(kind_words[i].name)
          .append("\":")
          .append(std::to_string(seen.n[i]));
  }
  if (!tags.empty()) add_attribute(candidate.document, "privacy", tags + "}");
}

std::optional<Rejection> PrivacyStage::decide(Candidate& candidate) const {
  Seen seen;
  mask_text(candidate.document.text, seen);
  mask_attributes(candidate.document.attributes, seen);
  count(candidate, seen);
  for (std::size_t i = 0; i < n_kinds; ++i) {
    if (seen.n[i] > 0 && actions_.of[i] == Action::drop)
      return Rejection{std::string(kind_words[i].rejection),
                       std::to_string(seen.n[i]) + " found; masked in the text stored here"};
  }
  return std::nullopt;
}

void PrivacyStage::pass_rejected(Candidate& candidate) const {
  Seen seen;
  mask_text(candidate.document.text, seen);
  mask_attributes(candidate.document.attributes, seen);
}

}  // namespace hearth::text::privacy
