// SPDX-License-Identifier: Apache-2.0
// Records that are brought together by key, those of all ranks, within a memory budget and whatever their number: many
// ranks send each record to the owner of its key, which keeps it on disk; there partitions are sorted one by one, and
// one that does not fit is sorted in pieces, which are merged. A stop that is asked for (signals.h) of any rank ends
// all this with Error{stopped} on every rank, where they meet; what one does alone breaks off before.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/signals.h"
#include "lib/comm/agreement.h"
#include "lib/comm/exchange.h"
#include "lib/text/dedup/spill.h"
#include "lib/text/dedup/words.h"

namespace hearth::text::dedup {

// The rank to which all records of a key fall.
inline std::size_t owner_of(std::uint64_t key, int n_ranks) {
  return static_cast<std::size_t>((mix64(key) >> 32) * static_cast<std::uint64_t>(n_ranks) >> 32);
}

// The partition of the i-th of n, so that partitions are in order.
inline std::size_t partition_of(std::uint64_t i, std::uint64_t n) {
  return static_cast<std::size_t>(i * PartitionedBytes::n_partitions / n);
}

// Of memory_bytes, what the records of a chunk may take: half is for them and what is needed besides for each, which on
// many ranks may all lie with one of them.
inline std::uint64_t chunk_bytes_of(std::uint64_t memory_bytes, int n_ranks, std::uint64_t record_bytes,
                                    std::uint64_t bytes_besides) {
  const std::uint64_t sorted = 3 * record_bytes;  // with what merging holds
  const std::uint64_t copies = n_ranks == 1 ? 1 : 2 * static_cast<std::uint64_t>(n_ranks);
  return memory_bytes / 2 / (sorted + copies * bytes_besides) * record_bytes;
}

// What an id takes that is asked for and told, when none on any rank is longer. Collective.
inline std::uint64_t bytes_of_told_id(comm::Communicator& world, std::uint64_t longest_here) {
  const std::uint64_t of_question = 100, copies = 3;  // of which one grows
  const auto longest = comm::largest(world, {static_cast<std::int64_t>(longest_here)})[0];
  return of_question + copies * static_cast<std::uint64_t>(longest);
}

// The number of ranks where it is so. Collective. Throws Error{stopped} on all of them when any was asked to stop.
inline std::int64_t n_ranks_where(comm::Communicator& world, bool here) {
  std::vector<std::int64_t> counts{here ? 1 : 0, stop_requested() ? 1 : 0};
  if (world.size() > 1) counts = comm::summed(world, std::move(counts));
  if (counts[1] > 0) throw Error(Kind::stopped, "stopped by a signal");
  return counts[0];
}

// True when it is so on any rank; otherwise the same.
inline bool any_of(comm::Communicator& world, bool here) {
  return n_ranks_where(world, here) > 0;
}

// Records on their way to other ranks, as many at a time as memory allows, whatever rank they are for. Collective: all
// ranks make one, and call finish; sending waits for the others to send or to finish. Both throw as any_of does.
template <class Record, class Take>
class Shuffle {
 public:
  // take(std::span<const Record>) gets what comes for this rank, in any order.
  Shuffle(comm::Communicator& world, std::uint64_t memory_bytes, Take take)
      : world_(world), take_(std::move(take)), outgoing_(static_cast<std::size_t>(world.size())) {
    const std::uint64_t copies = 4;  // kept here, put in one row, come, and one that allocators hold
    n_fitting_ = std::max<std::uint64_t>(1, memory_bytes / (copies * sizeof(Record) * outgoing_.size()));
  }
  void send(std::size_t rank, const Record& record) {
    if (world_.size() == 1) return take_(std::span(&record, 1));
    outgoing_[rank].push_back(record);
    if (outgoing_[rank].size() >= n_fitting_) step(false);
  }
  void finish() {
    while (!step(true)) {
    }
  }

 private:
  // True when all ranks have finished.
  bool step(bool finished) {
    const comm::Received<Record> received =
        comm::exchanged(world_, std::exchange(outgoing_, std::vector<std::vector<Record>>(outgoing_.size())));
    take_(std::span<const Record>(received.records));
    return n_ranks_where(world_, finished) == world_.size();
  }

  comm::Communicator& world_;
  Take take_;
  std::vector<std::vector<Record>> outgoing_;
  std::uint64_t n_fitting_ = 1;
};

// Records in sorted pieces on disk, merged.
template <class Record>
class SortedRuns {
 public:
  SortedRuns(const std::filesystem::path& folder, std::uint64_t memory_bytes)
      : folder_(folder), memory_bytes_(memory_bytes), file_(std::make_unique<SpillFile>(folder)) {}

  void add(std::span<const Record> sorted) {
    runs_.push_back({file_->size(), sorted.size(), {}, 0});
    file_->append(sorted.data(), sorted.size_bytes());
  }
  // Ends adding.
  void merge() {
    while (runs_.size() > most_merged) merge_some();
    start();
  }
  const Record* peek() const { return queue_.empty() ? nullptr : &queue_.top().record; }
  void pop() {
    Run& run = *queue_.top().run;
    queue_.pop();
    push(run);
  }

 private:
  static constexpr std::size_t most_merged = 64;
  struct Run {
    std::uint64_t at = 0, n_left = 0;
    std::vector<Record> buffer;
    std::size_t next = 0;
  };
  struct Head {
    Record record;
    Run* run;
    bool operator<(const Head& other) const { return other.record < record; }  // the least on top
  };
  void start() {
    for (Run& run : runs_) push(run);
  }
  void push(Run& run) {
    if (run.next == run.buffer.size()) {
      if (run.n_left == 0) return run.buffer = {}, void();
      const std::uint64_t fitting = std::max<std::uint64_t>(16, memory_bytes_ / most_merged / sizeof(Record));
      run.buffer.resize(std::min(run.n_left, fitting));
      file_->read(run.at, std::as_writable_bytes(std::span(run.buffer)));
      run.at += run.buffer.size() * sizeof(Record);
      run.n_left -= run.buffer.size();
      run.next = 0;
    }
    queue_.push({run.buffer[run.next++], &run});
  }
  // Makes one run of each most_merged.
  void merge_some() {
    SortedRuns fewer(folder_, memory_bytes_);
    for (std::size_t first = 0; first < runs_.size(); first += most_merged) {
      const std::uint64_t at = fewer.file_->size();
      for (std::size_t i = first; i < std::min(first + most_merged, runs_.size()); ++i) push(runs_[i]);
      std::uint64_t n = 0;
      for (; peek() != nullptr; pop(), ++n) fewer.file_->append(*peek());
      fewer.runs_.push_back({at, n, {}, 0});
    }
    std::swap(file_, fewer.file_);
    std::swap(runs_, fewer.runs_);
  }

  std::filesystem::path folder_;
  std::uint64_t memory_bytes_;
  std::unique_ptr<SpillFile> file_;
  std::vector<Run> runs_;
  std::priority_queue<Head> queue_;
};

// What PartitionedBytes holds, each record as `as` shows it.
template <class Record, class As>
struct Partitions {
  using Shown = std::invoke_result_t<As, const Record&>;
  const PartitionedBytes& bytes;
  As as;
  std::uint64_t n(std::size_t partition) const { return bytes.n_records(partition); }
  template <class Use>
  void for_each(std::size_t partition, const Use& use) const {
    bytes.for_each_block(partition, [&](std::span<const std::byte> block) {
      for (std::size_t at = 0; at < block.size(); at += sizeof(Record)) {
        Record record;
        std::memcpy(&record, block.data() + at, sizeof record);
        use(as(record));
      }
    });
  }
};

// The records of partitions in ascending order, a chunk at a time. Record: trivially copyable, with key() and a total
// order by key first; all of a partition come before those of the next.
template <class Source>
class SortedChunks {
 public:
  using Record = typename Source::Shown;
  // whole_groups: those of a key are in one chunk also when they are more than fit.
  SortedChunks(Source source, const std::filesystem::path& folder, std::uint64_t chunk_bytes, bool whole_groups = false)
      : source_(std::move(source)),
        folder_(folder),
        chunk_bytes_(chunk_bytes),
        n_fitting_(std::max<std::uint64_t>(4, chunk_bytes / sizeof(Record))),
        whole_groups_(whole_groups) {}

  // The next chunk, empty at the end. Those of a key are in one chunk, or fill several alone.
  std::span<const Record> next() {
    chunk_ = std::exchange(held_, {});
    if (!runs_) load();
    if (runs_) take_merged();
    return chunk_;
  }
  // Whether the chunk's last key comes again in the next one.
  bool goes_on() const {
    return runs_ && runs_->peek() && held_.empty() && runs_->peek()->key() == chunk_.back().key();
  }

 private:
  // As many partitions as fit; of one that does not, sorted runs.
  void load() {
    std::size_t end = partition_;
    std::uint64_t n = 0;
    while (end < PartitionedBytes::n_partitions && n + source_.n(end) <= n_fitting_) n += source_.n(end++);
    if (n == 0 && end < PartitionedBytes::n_partitions) {
      partition_ = end + 1;
      return load_runs(end);
    }
    chunk_.reserve(n);
    for (; partition_ < end; ++partition_) {
      const auto begin = static_cast<std::ptrdiff_t>(chunk_.size());
      source_.for_each(partition_, [&](const Record& record) { chunk_.push_back(record); });
      std::sort(chunk_.begin() + begin, chunk_.end());
    }
  }
  void load_runs(std::size_t partition) {
    runs_.emplace(folder_, chunk_bytes_);
    const auto end_run = [&] {
      std::sort(chunk_.begin(), chunk_.end());
      if (!chunk_.empty()) runs_->add(chunk_);
      chunk_.clear();
    };
    chunk_.reserve(n_fitting_);
    source_.for_each(partition, [&](const Record& record) {
      if (chunk_.size() == n_fitting_) end_run();
      chunk_.push_back(record);
    });
    end_run();
    runs_->merge();
  }
  void take_merged() {
    for (const Record* record = runs_->peek(); record != nullptr; record = runs_->peek()) {
      if (chunk_.size() >= n_fitting_ && !(whole_groups_ && record->key() == chunk_.back().key())) break;
      chunk_.push_back(*record);
      runs_->pop();
    }
    if (runs_->peek() == nullptr) return runs_.reset();
    if (runs_->peek()->key() != chunk_.back().key()) return;
    auto begin = chunk_.end();  // of a group that is not whole
    while (begin != chunk_.begin() && (begin - 1)->key() == chunk_.back().key()) --begin;
    if (begin == chunk_.begin()) return;
    held_.assign(begin, chunk_.end());
    chunk_.erase(begin, chunk_.end());
  }

  Source source_;
  std::filesystem::path folder_;
  std::uint64_t chunk_bytes_, n_fitting_;
  bool whole_groups_;
  std::size_t partition_ = 0;
  std::optional<SortedRuns<Record>> runs_;  // of the partition before partition_
  std::vector<Record> chunk_, held_;
};

// The records that were appended to bytes, sorted.
template <class Record>
auto sorted_chunks(const PartitionedBytes& bytes, const std::filesystem::path& folder, std::uint64_t chunk_bytes,
                   bool whole_groups = false) {
  const auto same = [](const Record& record) { return record; };
  return SortedChunks<Partitions<Record, decltype(same)>>({bytes, same}, folder, chunk_bytes, whole_groups);
}

// Calls use(const Record&) for each in ascending order; breaks off when a stop is asked for, which is told where ranks
// meet next (any_of).
template <class Record, class Use>
void for_each_sorted(const PartitionedBytes& bytes, const std::filesystem::path& folder, std::uint64_t memory_bytes,
                     const Use& use) {
  auto chunks = sorted_chunks<Record>(bytes, folder, memory_bytes / 3);
  for (auto chunk = chunks.next(); !chunk.empty() && !stop_requested(); chunk = chunks.next()) {
    for (const Record& record : chunk) use(record);
  }
}

// Record: trivially copyable, with key() (64 bits, its high ones uniform) and a total order by key first.
template <class Record>
class RecordGroups {
 public:
  // whole_groups: as of SortedChunks.
  RecordGroups(const std::filesystem::path& folder, std::uint64_t memory_bytes, bool whole_groups = false)
      : folder_(folder),
        memory_bytes_(memory_bytes),
        whole_groups_(whole_groups),
        bytes_(std::in_place, folder, sizeof(Record), memory_bytes) {}

  void add(const Record& record) { bytes_->append(record.key() >> 56, &record); }

  // Collective, once. Each rank shows its records to the others as `shared` makes them, with the same keys. Those of
  // all ranks come together at the owner of their key, in rounds: visit(std::span<const Shared> chunk, bool goes_on) is
  // called on every rank in each, perhaps with none, sorted. Those of a key are in one round, unless they alone are
  // more than fit: then they fill several, and goes_on says that the next is one of these. bytes_besides: what a visit
  // needs for each record.
  template <class Share, class Visit>
  void for_each_round(comm::Communicator& world, std::uint64_t bytes_besides, const Share& shared, const Visit& visit) {
    using Shared = std::invoke_result_t<Share, const Record&>;
    const std::uint64_t chunk_bytes = chunk_bytes_of(memory_bytes_, world.size(), sizeof(Shared), bytes_besides);
    const Partitions<Record, Share> own{*bytes_, shared};
    if (world.size() == 1) {
      return visit_all(world, SortedChunks<Partitions<Record, Share>>(own, folder_, chunk_bytes, whole_groups_), visit);
    }
    PartitionedBytes together(folder_, sizeof(Shared), memory_bytes_);
    const auto take = [&](std::span<const Shared> records) {
      for (const Shared& record : records) together.append(record.key() >> 56, &record);
    };
    Shuffle<Shared, decltype(take)> shuffle(world, memory_bytes_ / 2, take);
    for (std::size_t p = 0; p < PartitionedBytes::n_partitions; ++p) {
      own.for_each(p, [&](const Shared& record) { shuffle.send(owner_of(record.key(), world.size()), record); });
    }
    shuffle.finish();
    bytes_.reset();
    visit_all(world, sorted_chunks<Shared>(together, folder_, chunk_bytes, whole_groups_), visit);
  }

 private:
  template <class Chunks, class Visit>
  void visit_all(comm::Communicator& world, Chunks chunks, const Visit& visit) {
    for (;;) {
      const auto chunk = chunks.next();
      if (!any_of(world, !chunk.empty())) return;
      visit(chunk, !chunk.empty() && chunks.goes_on());
    }
  }

  std::filesystem::path folder_;
  std::uint64_t memory_bytes_;
  bool whole_groups_;
  std::optional<PartitionedBytes> bytes_;
};

// Calls visit(std::span<const Record>) for the sorted records of each key that more than one has.
template <class Record, class Visit>
void for_each_group(std::span<const Record> sorted, const Visit& visit) {
  for (std::size_t begin = 0, end = 0; begin < sorted.size(); begin = end) {
    while (end < sorted.size() && sorted[end].key() == sorted[begin].key()) ++end;
    if (end - begin > 1) visit(sorted.subspan(begin, end - begin));
  }
}

}  // namespace hearth::text::dedup
