// SPDX-License-Identifier: Apache-2.0
// What becomes of what find_private found: kept, told in an attribute, replaced by a placeholder such as <EMAIL>, or
// the whole document dropped. By default all is masked. The stage comes first of all, so that nothing written later,
// not even of a document rejected for another reason, holds what was to be masked.
//   text and the values of attributes are looked at; ids and source paths are kept as they are.
//   keep  not counted; tag  "privacy":{"email":3} in the attributes; drop  "privacy-email", its stored text masked
#pragma once
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/text/privacy/finder.h"
#include "lib/text/stage.h"

namespace hearth::text::privacy {

enum class Action : std::uint8_t { keep, tag, mask, drop };

struct Actions {
  std::array<Action, n_kinds> of{Action::mask, Action::mask, Action::mask, Action::mask,
                                 Action::mask, Action::mask, Action::mask, Action::mask};
  Action operator[](Kind kind) const { return of[index_of(kind)]; }
};

// "email=tag", "all=keep", in order: later ones win. Throws Error{usage} for another word, naming what there is.
Actions parse_actions(const std::vector<std::string>& settings);

struct PrivacyOptions {
  std::vector<std::string> actions;  // as parse_actions reads them
  std::string names;                 // a file, NameList::read; empty: none
  std::string pseudonym_key;         // a file; empty: placeholders without pseudonyms
};

class PrivacyStage : public DocumentStage {
 public:
  // Reads the files options name. Throws Error{missing}, Error{usage}, Error{data}: a pseudonym key has at least 16
  // bytes.
  explicit PrivacyStage(const PrivacyOptions& options);
  std::string_view name() const override { return "privacy"; }
  std::optional<Rejection> decide(Candidate& candidate) const override;

  // Masks what is to be masked or dropped, in whatever bytes are there.
  void pass_rejected(Candidate& candidate) const override;

 private:
  struct Seen {
    std::array<std::uint64_t, n_kinds> n{};
  };
  std::string masked(std::string_view text, const std::vector<Finding>& found) const;
  bool mask_text(std::string& text, Seen& seen) const;
  void mask_attributes(std::string& attributes, Seen& seen) const;
  std::string placeholder(Kind kind, std::string_view value) const;
  void count(Candidate& candidate, const Seen& seen) const;

  Actions actions_;
  std::optional<NameList> names_;
  std::string key_;
};

}  // namespace hearth::text::privacy
