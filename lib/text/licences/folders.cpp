// SPDX-License-Identifier: Apache-2.0
#include "lib/text/licences/folders.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <string_view>
#include <system_error>

namespace hearth::text::licences {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t read_bytes = 64u << 10;
constexpr std::size_t alternatives = 6;  // the rank of LICENSE-X

fs::path normal(const fs::path& path) {
  std::error_code error;
  const fs::path absolute = fs::absolute(path, error).lexically_normal();
  return absolute.has_filename() ? absolute : absolute.parent_path();
}

bool is_below(const fs::path& path, const fs::path& top) {
  return std::mismatch(top.begin(), top.end(), path.begin(), path.end()).first == top.end();
}

// How much a name says that the file is the folder's licence, 0 most; nothing for other files. COPYING.LESSER stands
// beside the GPL that it refers to as COPYING.
std::optional<std::size_t> rank_of(std::string name) {
  static constexpr std::array<std::string_view, alternatives> stems = {"license",     "licence", "copying.lesser",
                                                                       "copying.lib", "copying", "unlicense"};
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  for (const std::string_view ending : {".md", ".txt", ".rst"}) {
    if (name.ends_with(ending)) name.resize(name.size() - ending.size());
  }
  const auto stem = std::find(stems.begin(), stems.end(), name);
  if (stem != stems.end()) return static_cast<std::size_t>(stem - stems.begin());
  if (name == "license-mit" || name == "license-apache") return alternatives;
  return std::nullopt;
}

struct LicenceFile {
  std::size_t rank;
  std::string name;
  bool operator<(const LicenceFile& other) const { return std::tie(rank, name) < std::tie(other.rank, other.name); }
};

std::vector<LicenceFile> licence_files(const fs::path& folder) {
  std::vector<LicenceFile> found;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    std::string name = entry->path().filename().string();
    const auto rank = rank_of(name);
    std::error_code unreadable;
    if (rank && entry->is_regular_file(unreadable)) found.push_back({*rank, std::move(name)});
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::string head_of(const fs::path& file) {
  std::string bytes(read_bytes, '\0');
  std::ifstream stream(file, std::ios::binary);
  stream.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(std::max<std::streamsize>(stream.gcount(), 0)));
  return bytes;
}

}  // namespace

FolderLicences::FolderLicences(const Recogniser& recogniser, const std::vector<std::string>& inputs, bool lists)
    : recogniser_(recogniser) {
  std::error_code error;
  for (const std::string& input : inputs) {
    const fs::path path = normal(input);
    tops_.push_back(fs::is_directory(path, error) ? path : path.parent_path());
  }
  std::sort(tops_.begin(), tops_.end(),
            [](const fs::path& a, const fs::path& b) { return a.native().size() < b.native().size(); });
  if (lists) working_folder_ = normal(fs::current_path(error));
}

// The folder above which a file has nothing from: of nested inputs the outer one.
fs::path FolderLicences::top_of(const fs::path& file) const {
  for (const fs::path& top : tops_) {
    if (is_below(file, top)) return top;
  }
  return working_folder_ && is_below(file, *working_folder_) ? *working_folder_ : file.parent_path();
}

FolderLicence FolderLicences::of(const std::string& path) const {
  const fs::path file = normal(path);
  const fs::path top = top_of(file);
  for (fs::path folder = file.parent_path();; folder = folder.parent_path()) {
    FolderLicence found = in(folder);
    if (!found.file.empty() || folder == top || folder == folder.parent_path()) return found;
  }
}

FolderLicence FolderLicences::in(const fs::path& folder) const {
  {
    const std::lock_guard lock(mutex_);
    const auto known = known_.find(folder.native());
    if (known != known_.end()) return known->second;
  }
  FolderLicence found;
  for (const LicenceFile& file : licence_files(folder)) {
    if (file.rank == alternatives && !found.file.empty() && rank_of(fs::path(found.file).filename()) != alternatives) {
      break;
    }
    const std::string licence = recogniser_.find(head_of(folder / file.name));
    if (found.file.empty()) found.file = (folder / file.name).native();
    if (!licence.empty()) found.licence += (found.licence.empty() ? "" : " OR ") + licence;
    if (file.rank != alternatives && !licence.empty()) break;
  }
  const std::lock_guard lock(mutex_);
  return known_.emplace(folder.native(), std::move(found)).first->second;
}

}  // namespace hearth::text::licences
