// SPDX-License-Identifier: Apache-2.0
#include "lib/text/licences/licence_stage.h"

#include <filesystem>

#include "lib/base/json_value.h"

namespace hearth::text::licences {
namespace {

constexpr std::size_t head_bytes = 16u << 10;  // where a notice stands

std::string relative_name(const std::string& file, const std::string& path) {
  std::error_code error;
  const auto folder = std::filesystem::absolute(path, error).lexically_normal().parent_path();
  return std::filesystem::path(file).lexically_relative(folder).generic_string();
}

}  // namespace

LicenceStage::LicenceStage(const LicenceOptions& options, const std::vector<std::string>& inputs, bool lists)
    : lists_(options.allow, options.deny),
      drop_unknown_(options.unknown == "drop"),
      all_types_(options.scope == "all"),
      folders_(recogniser_, inputs, lists) {}

std::optional<Rejection> LicenceStage::decide(Candidate& candidate) const {
  const formats::Document& document = candidate.document;
  if (!all_types_ && document.type != "code") return std::nullopt;
  if (is_unknown(document.license)) detect(candidate);
  if (is_unknown(document.license)) {
    if (!drop_unknown_) return std::nullopt;
    return Rejection{"license", "no license is known (--license-unknown drop)"};
  }
  if (auto why = lists_.refusal(document.license)) return Rejection{"license", *std::move(why)};
  return std::nullopt;
}

void LicenceStage::detect(Candidate& candidate) const {
  formats::Document& document = candidate.document;
  document.license = recogniser_.find(std::string_view(document.text).substr(0, head_bytes));
  const bool own = !document.license.empty() && document.license != all_rights_reserved;
  if (own || candidate.path.empty()) {
    if (!document.license.empty()) candidate.counts.emplace_back("license-from-notice", 1);
    return;
  }
  const FolderLicence folder = folders_.of(candidate.path);
  if (!folder.licence.empty()) {
    document.license = folder.licence;
    candidate.counts.emplace_back("license-from-folder", 1);
    add_attribute(document, "license_from", dump_json(Json(relative_name(folder.file, candidate.path))));
  } else if (!document.license.empty()) {
    candidate.counts.emplace_back("license-from-notice", 1);
  }
}

}  // namespace hearth::text::licences
