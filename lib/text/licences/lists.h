// SPDX-License-Identifier: Apache-2.0
// Which licences are wanted: lists of patterns, and what they make of an SPDX licence expression. A licence passes when
// no pattern denies it and, where there is a list of allowed ones, one of those matches. "A OR B" passes when either
// does (the user chooses), "A AND B" when both do; "A WITH E" is judged by patterns that name the exception ("GPL-*
// WITH
// *") first, then as A. Upper and lower case are the same; so are GPL-2.0 and GPL-2.0-only, GPL-2.0+ and -or-later.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::text::licences {

class Lists {
 public:
  // Patterns are SPDX ids with * and ?, perhaps with " WITH exception". Throws Error{usage} for anything else.
  Lists(const std::vector<std::string>& allow, const std::vector<std::string>& deny);

  bool empty() const { return allow_.empty() && deny_.empty(); }
  // Why the licence does not pass, for people; nothing when it does. Of what is no expression ("GPL 2.0"), every word
  // is judged as a licence, and all must pass.
  std::optional<std::string> refusal(std::string_view expression) const;

 private:
  friend class Judge;
  std::optional<std::string> refuse_one(const std::string& licence, const std::string& exception) const;

  std::vector<std::string> allow_, deny_;
};

// True for "", NONE and NOASSERTION.
bool is_unknown(std::string_view expression);

// Shell-like, without regard to case: * any characters, ? one.
bool glob_match(std::string_view pattern, std::string_view text);

}  // namespace hearth::text::licences
