// SPDX-License-Identifier: Apache-2.0
#include "lib/text/code/order.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

namespace hearth::text::code {
namespace {

std::string_view last_part(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string_view ending_of(std::string_view path) {
  const std::string_view name = last_part(path);
  const std::size_t dot = name.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : name.substr(dot);
}

// Folders that two paths have in common from the top.
std::size_t shared_folders(std::string_view a, std::string_view b) {
  std::size_t n = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()) && a[i] == b[i]; ++i) n += a[i] == '/' ? 1 : 0;
  return n;
}

bool ends_with_path(std::string_view path, std::string_view end) {
  return path.ends_with(end) && (path.size() == end.size() || path[path.size() - end.size() - 1] == '/');
}

}  // namespace

struct FileIndex::Tables {
  using Files = std::vector<std::uint32_t>;
  std::unordered_map<std::string, std::uint32_t> by_path;
  std::unordered_map<std::string_view, Files> by_name;                          // the last part
  std::unordered_map<std::string_view, Files> by_folder;                        // of the file
  std::unordered_map<std::string_view, std::vector<std::string_view>> folders;  // by the last part

  std::optional<std::uint32_t> from_roots(std::string_view end, std::string_view path) const;
  std::optional<std::uint32_t> nearest(const std::vector<std::string>& paths, std::string_view end,
                                       std::string_view path) const;
  std::optional<std::string_view> nearest_folder(std::string_view end, std::string_view path) const;
};

// Below a root from which the file at path can name modules (Reference::from_roots).
std::optional<std::uint32_t> FileIndex::Tables::from_roots(std::string_view end, std::string_view path) const {
  std::string_view above = path;
  do {
    above = folder_of(above);
    for (const char* sub : {"", "src", "lib", "python"}) {
      const std::string root = joined_path(above, sub);
      const std::string front = root.empty() ? "" : root + "/";
      const auto found = by_path.find(front + std::string(end));
      if (found != by_path.end() && !by_path.contains(front + "__init__.py")) return found->second;
    }
  } while (!above.empty());
  return std::nullopt;
}

std::optional<std::uint32_t> FileIndex::Tables::nearest(const std::vector<std::string>& paths, std::string_view end,
                                                        std::string_view path) const {
  const auto found = by_name.find(last_part(end));
  if (found == by_name.end()) return std::nullopt;
  std::optional<std::uint32_t> best;
  std::size_t best_shared = 0;
  for (const std::uint32_t file : found->second) {
    if (!ends_with_path(paths[file], end)) continue;
    const std::size_t shared = shared_folders(paths[file], path);
    if (!best || shared > best_shared) best = file, best_shared = shared;
  }
  return best;
}

std::optional<std::string_view> FileIndex::Tables::nearest_folder(std::string_view end, std::string_view path) const {
  const auto found = folders.find(last_part(end));
  if (found == folders.end()) return std::nullopt;
  std::optional<std::string_view> best;
  for (const std::string_view folder : found->second) {
    if (ends_with_path(folder, end) && (!best || shared_folders(folder, path) > shared_folders(*best, path)))
      best = folder;
  }
  return best;
}

FileIndex::FileIndex(const std::vector<std::string>& paths) : paths_(paths), tables_(std::make_unique<Tables>()) {
  for (std::uint32_t file = 0; file < paths.size(); ++file) {
    const std::string_view path = paths[file];
    tables_->by_path.emplace(path, file);
    tables_->by_name[last_part(path)].push_back(file);
    std::vector<std::uint32_t>& siblings = tables_->by_folder[folder_of(path)];
    if (siblings.empty()) tables_->folders[last_part(folder_of(path))].push_back(folder_of(path));
    siblings.push_back(file);
  }
}

FileIndex::~FileIndex() = default;

// The files that the first target that is there stands for.
std::vector<std::uint32_t> FileIndex::meaning(std::string_view path, const Reference& reference) const {
  for (std::string_view target : reference.targets) {
    const bool at_top = target.starts_with("/");
    if (at_top) target.remove_prefix(1);
    if (target.ends_with("/")) {
      target.remove_suffix(1);
      const auto folder = at_top ? std::optional(target) : tables_->nearest_folder(target, path);
      const auto found = folder ? tables_->by_folder.find(*folder) : tables_->by_folder.end();
      if (found != tables_->by_folder.end()) return found->second;
      continue;
    }
    if (at_top) {
      if (const auto found = tables_->by_path.find(std::string(target)); found != tables_->by_path.end())
        return {found->second};
      continue;
    }
    const auto found =
        reference.from_roots ? tables_->from_roots(target, path) : tables_->nearest(paths_, target, path);
    if (found) return {*found};
  }
  return {};
}

std::vector<std::uint32_t> FileIndex::needs(std::uint32_t file, const std::vector<Reference>& references) const {
  const std::string_view path = paths_[file];
  std::vector<std::uint32_t> all;
  for (const Reference& reference : references) {
    const std::vector<std::uint32_t> files = meaning(path, reference);
    for (const std::uint32_t needed : files) {
      const std::string_view other = paths_[needed];
      const bool of_folder = files.size() > 1;
      if (of_folder && (ending_of(other) != ending_of(path) || other.ends_with("_test.go"))) continue;
      if (of_folder && folder_of(other) == folder_of(path)) continue;
      if (needed != file && std::find(all.begin(), all.end(), needed) == all.end()) all.push_back(needed);
    }
  }
  return all;
}

std::vector<std::uint32_t> dependency_order(const std::vector<std::vector<std::uint32_t>>& needs) {
  std::vector<std::uint32_t> order;
  order.reserve(needs.size());
  std::vector<bool> met(needs.size(), false);
  struct Step {
    std::uint32_t file;
    std::size_t next;
  };
  std::vector<Step> way;
  for (std::uint32_t first = 0; first < needs.size(); ++first) {
    if (met[first]) continue;
    met[first] = true;
    way.push_back({first, 0});
    while (!way.empty()) {
      Step& step = way.back();
      if (step.next == needs[step.file].size()) {
        order.push_back(step.file);
        way.pop_back();
        continue;
      }
      const std::uint32_t needed = needs[step.file][step.next++];
      if (met[needed]) continue;
      met[needed] = true;
      way.push_back({needed, 0});
    }
  }
  return order;
}

}  // namespace hearth::text::code
