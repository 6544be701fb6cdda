// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/shard_share.h"

#include <algorithm>
#include <string>
#include <vector>

#include "lib/base/error.h"

namespace hearth::tools::shard {
namespace {

constexpr std::uint64_t bytes_of_opening = 4096;  // what a file costs beside its bytes, in bytes
constexpr std::size_t least_places = 4096, places_per_rank = 64;

void pass(WalkPlace& place, const FoundFile& file) {
  ++place.n_files;
  place.bytes += file.bytes + bytes_of_opening;
  place.names = hash128(place.names.hex() + file.source);
}

// Places where a share may begin, about equally far from each other and never more than twice the number asked for.
class Places {
 public:
  explicit Places(std::size_t n) : n_(n) {}
  void offer(const WalkPlace& place) {
    if (!places_.empty() && place.bytes - places_.back().bytes < apart_) return;
    places_.push_back(place);
    if (places_.size() < 2 * n_) return;
    apart_ = std::max<std::uint64_t>(1, places_.back().bytes / n_);
    std::vector<WalkPlace> fewer;
    for (const WalkPlace& each : places_) {
      if (fewer.empty() || each.bytes - fewer.back().bytes >= apart_) fewer.push_back(each);
    }
    places_ = std::move(fewer);
  }
  // The first place that has part / parts of all before it.
  WalkPlace at(int part, int parts, const WalkPlace& end) const {
    const double bytes = static_cast<double>(end.bytes) * part / parts;
    const auto found = std::lower_bound(
        places_.begin(), places_.end(), bytes,
        [](const WalkPlace& place, double wanted) { return static_cast<double>(place.bytes) < wanted; });
    return part == 0 ? WalkPlace{} : found == places_.end() ? end : *found;
  }

 private:
  std::size_t n_;
  std::uint64_t apart_ = 0;
  std::vector<WalkPlace> places_;
};

// Whether a file is of the source tree of the one before, or of one inside it.
class Trees {
 public:
  bool continues(const FoundFile& file) {
    const bool inside = begun_ && file.root == root_ && (tree_ == "." || file.repository.starts_with(tree_));
    if (!inside) root_ = file.root, tree_ = file.repository, begun_ = true;
    return inside;
  }

 private:
  bool begun_ = false;
  std::size_t root_ = 0;
  std::string tree_;
};

}  // namespace

FileShare share_of(InputWalk& walk, bool whole_trees, int rank, int n_ranks) {
  Places places(std::max(least_places, places_per_rank * static_cast<std::size_t>(n_ranks)));
  Trees trees;
  FileShare share;
  WalkPlace at;
  while (const auto file = walk.next()) {
    const bool continues = trees.continues(*file);
    if (!whole_trees || !continues) places.offer(at);
    pass(at, *file);
    share.inputs = hash128(share.inputs.hex() + file->source + '\0' + std::to_string(file->bytes) + '\0' +
                           std::to_string(file->modified_ns));
  }
  share.n_files = at.n_files;
  share.begin = places.at(rank, n_ranks, at);
  share.end = rank + 1 == n_ranks ? at : places.at(rank + 1, n_ranks, at);
  return share;
}

std::optional<FoundFile> SharedWalk::next_of_all() {
  auto file = walk_.next();
  if (file) pass(at_, *file);
  return file;
}

std::optional<FoundFile> SharedWalk::next() {
  if (!share_) return walk_.next();
  if (finished_) return std::nullopt;
  if (share_->begin.n_files == share_->end.n_files) {
    finished_ = true;
    return std::nullopt;
  }
  if (at_.n_files == share_->end.n_files) {
    finish();
    return std::nullopt;
  }
  while (at_.n_files < share_->begin.n_files && next_of_all()) {
  }
  auto file = next_of_all();
  if (!begun_ && share_->begin.n_files > 0) before_ = walk_.skipped();
  begun_ = true;
  if (!file) finish();
  return file;
}

// Looks whether the share is what it was, and counts what is skipped up to the next one's first file.
void SharedWalk::finish() {
  finished_ = true;
  if (at_.n_files != share_->end.n_files || at_.names != share_->end.names) {
    throw Error(Kind::data, "files came or went among the inputs while they were read: let them rest and run again");
  }
  walk_.next();
  behind_ = walk_.skipped();
}

Skipped SharedWalk::skipped() const {
  if (!share_) return walk_.skipped();
  return {behind_.hidden - before_.hidden, behind_.symlinks - before_.symlinks, behind_.special - before_.special,
          behind_.ignored - before_.ignored};
}

}  // namespace hearth::tools::shard
