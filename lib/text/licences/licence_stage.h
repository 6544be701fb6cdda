// SPDX-License-Identifier: Apache-2.0
// Finds the licence of code that does not say it by an SPDX tag, from its head or from its folder, and keeps what the
// lists allow.
//   what was found stands in the document's license; one from the folder also as "license_from":"../LICENSE"
//   rejected as "license"; a member of an archive and a line of a JSONL file have no folder to take a licence from
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/text/licences/folders.h"
#include "lib/text/licences/lists.h"
#include "lib/text/licences/recognise.h"
#include "lib/text/stage.h"

namespace hearth::text::licences {

struct LicenceOptions {
  std::vector<std::string> allow{}, deny{};  // patterns, as Lists reads them
  std::string unknown = "keep";          // or "drop": what becomes of documents without a licence
  std::string scope = "code";            // or "all": which types of documents this is about
};

class LicenceStage : public DocumentStage {
 public:
  // inputs, lists: as FolderLicences reads them. Throws Error{usage} as Lists does.
  LicenceStage(const LicenceOptions& options, const std::vector<std::string>& inputs, bool lists);
  std::string_view name() const override { return "license"; }
  std::optional<Rejection> decide(Candidate& candidate) const override;

 private:
  void detect(Candidate& candidate) const;

  Lists lists_;
  bool drop_unknown_, all_types_;
  Recogniser recogniser_;
  FolderLicences folders_;
};

}  // namespace hearth::text::licences
