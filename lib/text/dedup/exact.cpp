// SPDX-License-Identifier: Apache-2.0
#include "lib/text/dedup/exact.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <tuple>
#include <utility>

#include "lib/base/error.h"
#include "lib/text/identity.h"

namespace hearth::text::dedup {
namespace {

constexpr std::size_t path_digits = 16;  // of an id made by document_id

void append_text(SpillFile& file, std::string_view text) {
  file.append(static_cast<std::uint32_t>(text.size()));
  file.append(text.data(), text.size());
}

std::string text_at(const SpillFile& file, std::uint64_t place) {
  std::string text(file.read_as<std::uint32_t>(place), '\0');
  file.read(place + sizeof(std::uint32_t), std::as_writable_bytes(std::span(text)));
  return text;
}

}  // namespace

// As the owner of the hash knows it.
struct ExactDuplicates::SharedPlace {
  Place place;
  std::uint64_t rank = 0;  // that has it
  std::uint64_t key() const { return place.key(); }
  bool operator<(const SharedPlace& other) const {
    const auto order = [](const Place& p) { return std::tuple(p.text_hash.high, p.text_hash.low, p.row); };
    return order(place) < order(other.place);
  }
};

// That a text stands before, at another row of a rank.
struct ExactDuplicates::Duplicate {
  std::uint64_t row = 0;
  Hash128 text_hash;
  std::uint64_t reference = 0, rank = 0;  // of the first
  std::uint64_t key() const { return row; }
  bool operator<(const Duplicate& other) const { return row < other.row; }
};

ExactDuplicates::ExactDuplicates(std::uint64_t memory_bytes, const std::filesystem::path& folder)
    : memory_bytes_(memory_bytes),
      folder_(folder),
      own_ids_(std::make_unique<SpillFile>(folder)),
      told_(folder),
      told_ids_(folder) {
  places_.emplace(folder, memory_bytes);
}

void ExactDuplicates::sketch(const Candidate& candidate, std::string& out) const {
  const Hash128& hash = candidate.text_hash;
  for (const std::uint64_t half : {hash.high, hash.low}) {
    out.append(reinterpret_cast<const char*>(&half), sizeof half);
  }
}

void ExactDuplicates::observe(const Row& row, std::string_view sketch) {
  Hash128 hash;
  HEARTH_CHECK(sketch.size() == sizeof hash.high + sizeof hash.low, "a sketch of another stage");
  std::memcpy(&hash.high, sketch.data(), sizeof hash.high);
  std::memcpy(&hash.low, sketch.data() + sizeof hash.high, sizeof hash.low);
  rows_end_ = row.number + 1;
  if (row.reference) first_row_ = rows_end_;
  places_->add({hash, row.number, remember(row.id, hash)});
}

void ExactDuplicates::conclude(comm::Communicator& world) {
  PartitionedBytes duplicates(folder_, sizeof(Duplicate), memory_bytes_ / 4);
  find(world, duplicates);
  places_.reset();
  const std::uint64_t id_bytes = bytes_of_told_id(world, longest_own_id_);
  auto chunks = sorted_chunks<Duplicate>(duplicates, folder_,
                                         chunk_bytes_of(memory_bytes_ / 2, world.size(), sizeof(Duplicate), id_bytes));
  for (;;) {
    const auto chunk = chunks.next();
    if (!any_of(world, !chunk.empty())) break;
    take(world, chunk);
  }
  own_ids_.reset();
  const auto sums = comm::summed(world, {static_cast<std::int64_t>(n_texts_), static_cast<std::int64_t>(told_.size())});
  n_texts_ = static_cast<std::uint64_t>(sums[0]);
  n_duplicates_ = static_cast<std::uint64_t>(sums[1]);
}

// Of each text the first in the input order is kept; the rows of the others go to the ranks that have them.
void ExactDuplicates::find(comm::Communicator& world, PartitionedBytes& duplicates) {
  std::optional<SharedPlace> first;
  const auto note = [&](std::span<const Duplicate> some) {
    for (const Duplicate& each : some) {
      if (each.row >= first_row_) duplicates.append(partition_of(each.row, rows_end_), &each);
    }
  };
  const auto rank = static_cast<std::uint64_t>(world.rank());
  places_->for_each_round(
      world, sizeof(Duplicate),
      [&](const Place& place) {
        return SharedPlace{place, rank};
      },
      [&](std::span<const SharedPlace> places, bool) {
        Shuffle<Duplicate, decltype(note)> shuffle(world, memory_bytes_ / 4, note);
        for (const SharedPlace& each : places) {
          if (!first || each.place.text_hash != first->place.text_hash) {
            first = each;
            ++n_texts_;
          } else {
            shuffle.send(each.rank, {each.place.row, each.place.text_hash, first->place.reference, first->rank});
          }
        }
        shuffle.finish();
      });
}

// Remembers duplicates of this rank, with the ids of the first. Collective.
void ExactDuplicates::take(comm::Communicator& world, std::span<const Duplicate> duplicates) {
  std::vector<std::pair<int, std::uint64_t>> asked;
  for (const Duplicate& each : duplicates) {
    if (each.reference % 2 == 1) asked.emplace_back(static_cast<int>(each.rank), each.reference / 2);
  }
  const comm::Told ids =
      comm::told_by(world, asked, [&](std::uint64_t place, std::string& text) { text += text_at(*own_ids_, place); });
  std::size_t next = 0;
  for (const Duplicate& each : duplicates) {
    Told one{each.row, each.text_hash, each.reference};
    if (each.reference % 2 == 1) {
      one.reference = 2 * told_ids_.size() + 1;
      append_text(told_ids_, ids.texts[next++]);
    }
    told_.append(one);
  }
}

std::optional<Rejection> ExactDuplicates::judge(std::uint64_t row) const {
  const auto told = told_.find(row);
  if (!told) return std::nullopt;
  const std::uint64_t reference = told->reference;
  return Rejection{"duplicate-exact", "of " + (reference % 2 == 1 ? text_at(told_ids_, reference / 2)
                                                                  : document_id(reference, told->text_hash))};
}

std::string ExactDuplicates::findings_json() const {
  return "{\"texts\":" + std::to_string(n_texts_) + ",\"duplicates\":" + std::to_string(n_duplicates_) + "}";
}

// An id that is made of a path's hash and the text's is held as the former.
std::uint64_t ExactDuplicates::remember(std::string_view id, const Hash128& text_hash) {
  std::uint64_t path_hash = 0;
  const char* const end = id.data() + std::min(id.size(), path_digits);
  const auto [stop, problem] = std::from_chars(id.data(), end, path_hash, 16);
  const bool made = problem == std::errc() && stop == end && path_hash % 2 == 0;
  if (made && document_id(path_hash, text_hash) == id) return path_hash;
  const std::uint64_t reference = 2 * own_ids_->size() + 1;
  append_text(*own_ids_, id);
  longest_own_id_ = std::max<std::uint64_t>(longest_own_id_, id.size());
  return reference;
}

}  // namespace hearth::text::dedup
