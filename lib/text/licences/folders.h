// SPDX-License-Identifier: Apache-2.0
// The licence a file has from its folder: that of the nearest LICENSE, LICENCE, COPYING or UNLICENSE file (plain, .md,
// .txt, .rst) in its folder or above, up to the input it was found in. LICENSE-MIT beside LICENSE-APACHE offer a
// choice. A licence file that is not recognised ends the search. Each folder is looked at once.
#pragma once
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/text/licences/recognise.h"

namespace hearth::text::licences {

struct FolderLicence {
  std::string licence;  // "": there is none, or it is not recognised
  std::string file;     // the licence file; "": there is none
};

class FolderLicences {
 public:
  // inputs: folders and files as given to the tool; of a file its folder counts. lists: names of files come from lists
  // as well, and are looked at from the working folder down. recogniser outlives this.
  FolderLicences(const Recogniser& recogniser, const std::vector<std::string>& inputs, bool lists);

  // Of the file at path. Called on many threads at once. Reads at most 64 KiB of a licence file; one that cannot be
  // read is one that is not recognised.
  FolderLicence of(const std::string& path) const;

 private:
  std::filesystem::path top_of(const std::filesystem::path& file) const;
  FolderLicence in(const std::filesystem::path& folder) const;

  const Recogniser& recogniser_;
  std::vector<std::filesystem::path> tops_;  // absolute, shortest first
  std::optional<std::filesystem::path> working_folder_;
  mutable std::mutex mutex_;
  mutable std::unordered_map<std::string, FolderLicence> known_;  // by folder, what lies in it alone
};

}  // namespace hearth::text::licences
