// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/shard_write.h"

#include <algorithm>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/json_value.h"
#include "lib/base/signals.h"
#include "lib/base/text.h"
#include "lib/comm/agreement.h"
#include "lib/comm/mesh.h"
#include "lib/text/encoding.h"
#include "lib/text/identity.h"

namespace hearth::tools::shard {
namespace {

constexpr std::size_t sampled_cut_bytes = 1024;

// Sorted, those that touch made one.
std::vector<text::Range> merged(std::vector<text::Range> ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const auto& a, const auto& b) { return a.begin < b.begin; });
  std::vector<text::Range> apart;
  for (const text::Range& range : ranges) {
    if (range.end <= range.begin) continue;
    if (!apart.empty() && range.begin <= apart.back().end) {
      apart.back().end = std::max(apart.back().end, range.end);
    } else {
      apart.push_back(range);
    }
  }
  return apart;
}

std::uint64_t bytes_in(const std::vector<text::Range>& ranges) {
  std::uint64_t bytes = 0;
  for (const text::Range& range : ranges) bytes += range.end - range.begin;
  return bytes;
}

// Appends part to text, from which something was cut just before it.
void join_at_cut(std::string& text, std::string_view part) {
  std::size_t n_before = 0;
  while (n_before < text.size() && text[text.size() - 1 - n_before] == '\n') ++n_before;
  std::size_t n_after = 0;
  while (n_after < part.size() && part[n_after] == '\n') ++n_after;
  const std::size_t most = text.size() == n_before ? 0 : 2;
  while (n_after > 0 && n_before + n_after > most) {
    part.remove_prefix(1);
    --n_after;
  }
  text += part;
}

}  // namespace

std::string without(std::string_view text, std::vector<text::Range> ranges) {
  std::string left;
  std::size_t at = 0;
  bool cut = false;
  const auto keep = [&](std::string_view part) {
    if (part.empty()) return;
    cut ? join_at_cut(left, part) : void(left += part);
  };
  for (const text::Range& range : merged(std::move(ranges))) {
    HEARTH_CHECK(range.end <= text.size(), "a stage cuts beyond the text");
    keep(text.substr(at, range.begin - at));
    at = range.end;
    cut = true;
  }
  keep(text.substr(at));
  return left;
}

CorpusWriter::CorpusWriter(const Options& options, const fs::path& output, const Stages& stages, const Spool& spool,
                           const Judgement& judgement, const comm::Numbering& rows,
                           const std::vector<std::string>& roots, Context& context)
    : options_(options),
      stages_(stages),
      spool_(spool),
      judgement_(judgement),
      rows_(rows),
      roots_(roots),
      context_(context),
      writer_(output, options.common.overwrite || !context.mesh->alone(), context.pool, {}),
      packer_(
          options.code.repository_bytes, context.pool,
          [this](formats::Document document, std::uint64_t n_files) { write_packed(std::move(document), n_files); }),
      statistics_(stages.names(), stages.document.size(), options.code.records == "repo"),
      all_statistics_(statistics_),
      samples_(context.seed),
      input_digests_(roots.size()) {}

bool CorpusWriter::run() {
  if (options_.code.records == "repo" && options_.duplicates.near == "tag") find_sides();
  for (std::size_t segment = 0; segment < spool_.n_segments() && !stop_requested(); ++segment) {
    std::vector<Passing> documents = load(segment);
    context_.pool.for_each(static_cast<std::int64_t>(documents.size()),
                           [&](std::int64_t i, int) { conclude(documents[static_cast<std::size_t>(i)]); });
    for (Passing& passing : documents) {
      if (stop_requested()) break;
      if (!passing.row.reference) write(passing);
      passing = {};
    }
    context_.log.progress("writing: segment " + std::to_string(segment + 1) + " of " +
                          std::to_string(spool_.n_segments()));
  }
  if (any_stopped(context_.mesh->world())) return false;
  packer_.finish();
  context_.log.progress_done();
  sum_up();
  if (all_statistics_.kept.documents == 0) {
    const std::string reasons = all_statistics_.reasons();
    throw Error(Kind::data, "no document is left of " + std::to_string(all_statistics_.read.documents) + " read" +
                                (reasons.empty() ? "" : ": " + reasons) + "; " + options_.output + " is not written");
  }
  return true;
}

void CorpusWriter::finish() {
  writer_.finish(provenance(context_.invocation, records(own_digests_)), statistics_.json());
}

// Ends the counts of this rank and adds those of all. Findings of the corpus stages are of all ranks already.
void CorpusWriter::sum_up() {
  statistics_.n_files = spool_.position().n_files;
  statistics_.skipped = spool_.position().skipped;
  for (const auto& stage : stages_.document) {
    if (std::string found = stage->findings_json(); found != "{}") {
      statistics_.findings.emplace_back(stage->name(), std::move(found));
    }
  }
  for (const auto& stage : stages_.corpus) statistics_.findings.emplace_back(stage->name(), stage->findings_json());
  for (Sha256& digest : input_digests_) own_digests_.push_back(digest.hex());
  comm::Communicator& world = context_.mesh->world();
  if (world.size() == 1) {
    all_statistics_ = statistics_;
    all_digests_ = own_digests_;
    return;
  }
  all_statistics_.findings = statistics_.findings;
  const Json own{{"statistics", statistics_.json()}, {"samples", samples_.json()}, {"digests", own_digests_}};
  std::vector<Sha256> digests(roots_.size());
  for (const std::string& text : comm::gathered_texts(world, dump_json(own))) {
    const Json one = parse_json(text, "a rank");
    all_statistics_.add(one["statistics"]);
    samples_.add(one["samples"]);
    for (std::size_t i = 0; i < digests.size(); ++i) digests[i].update(one["digests"][i].get<std::string>());
  }
  for (Sha256& digest : digests) all_digests_.push_back(digest.hex());
}

std::vector<InputRecord> CorpusWriter::records(const std::vector<std::string>& digests) const {
  std::vector<InputRecord> inputs;
  for (std::size_t i = 0; i < roots_.size(); ++i) inputs.push_back({roots_[i], digests[i]});
  for (const std::string& path : options_.duplicates.against)
    inputs.push_back({path, formats::DocumentsReader(path).digest()});
  return inputs;
}

std::vector<InputRecord> CorpusWriter::inputs() const {
  return records(all_digests_);
}

std::vector<CorpusWriter::Passing> CorpusWriter::load(std::size_t segment) {
  std::vector<Passing> documents;
  spool_.for_each_row(segment, [&](Row row) {
    Passing passing;
    passing.row = std::move(row);
    passing.number = next_row_++;
    documents.push_back(std::move(passing));
  });
  std::size_t i = 0;
  spool_.for_each_text(segment, [&](std::string_view text) { documents.at(i++).text = text; });
  HEARTH_CHECK(i == documents.size(), "a segment of the work folder has fewer texts than rows");
  return documents;
}

// All that can be said of a document without the others; on any thread.
void CorpusWriter::conclude(Passing& passing) const {
  if (passing.row.reference) return;
  passing.row.document.id = passing.row.id();
  const std::uint8_t verdict = judgement_.by_row[passing.number];
  passing.group = group_of(stages_, judgement_, passing.number, rows_.shared(passing.number));
  if (verdict == Judgement::rejected_before) {
    passing.rejection = passing.row.rejection;
    passing.stage = passing.row.stage;
  } else if (verdict != Judgement::kept) {
    passing.rejection = stages_.corpus[verdict]->judge(rows_.shared(passing.number));
    passing.stage = 1 + stages_.document.size() + verdict;
  } else {
    cut(passing);
    for (const auto& stage : stages_.corpus) {
      if (!passing.rejection) stage->annotate(rows_.shared(passing.number), passing.row.document);
    }
  }
}

void CorpusWriter::cut(Passing& passing) const {
  std::vector<text::Range> all;
  passing.cut_bytes.resize(stages_.corpus.size());
  passing.cut_begins.resize(stages_.corpus.size());
  for (std::size_t i = 0; i < stages_.corpus.size(); ++i) {
    std::vector<text::Range> ranges;
    stages_.corpus[i]->cut(rows_.shared(passing.number), passing.text, ranges);
    if (ranges.empty()) continue;
    ranges = merged(std::move(ranges));
    passing.cut_bytes[i] = bytes_in(ranges);
    const std::uint64_t shown = std::min<std::uint64_t>(ranges[0].end - ranges[0].begin, sampled_cut_bytes);
    passing.cut_begins[i] = passing.text.substr(ranges[0].begin, shown);
    all.insert(all.end(), ranges.begin(), ranges.end());
  }
  if (all.empty()) return;
  std::string left = without(passing.text, std::move(all));
  const std::uint64_t n_characters = text::count_characters(trim(left));
  if (n_characters < options_.min_chars) {
    passing.stage = 1 + stages_.document.size() + stages_.corpus.size();
    passing.rejection = {"only-repeats", std::to_string(n_characters) + " characters are left without what other " +
                                             "documents hold too; at least " + std::to_string(options_.min_chars) +
                                             " are wanted"};
    return;
  }
  passing.text = std::move(left);
}

void CorpusWriter::write(Passing& passing) {
  Row& row = passing.row;
  row.document.split = split_of(passing);
  const bool packed = !passing.rejection && !row.repository.empty();
  const Outcome outcome{passing.rejection ? &*passing.rejection : nullptr, passing.stage, passing.cut_bytes,
                        passing.text.size(), packed};
  statistics_.add(row, outcome);
  sample(passing);
  input_digests_[row.root].update(row.document.source + '\0' +
                                  (passing.rejection ? passing.rejection->reason : row.text_hash.hex()) + '\n');
  row.document.text = std::move(passing.text);
  if (passing.rejection) {
    writer_.add(
        formats::RejectedDocument{std::move(row.document), passing.rejection->reason, passing.rejection->detail});
  } else if (packed) {
    packer_.add(row.root, row.repository, std::move(row.document));
  } else {
    writer_.add(std::move(row.document));
  }
}

void CorpusWriter::write_packed(formats::Document document, std::uint64_t n_files) {
  statistics_.add_packed(document, n_files);
  sample_kept(document, document.text);
  writer_.add(std::move(document));
}

void CorpusWriter::find_sides() {
  sides_.emplace(options_.duplicates.memory_bytes, spool_.folder());
  sides_->find(spool_, stages_, judgement_, rows_, {options_.validation_fraction, options_.test_fraction}, context_);
}

// All documents of a repository are held out together: drawn from its name, or as sides_ says. Else drawn from the
// text; for one of a group from the text of its first document, whose split it shares. Of a reference the split is what
// its corpus says.
formats::Split CorpusWriter::split_of(const Passing& passing) const {
  const text::SplitFractions fractions{options_.validation_fraction, options_.test_fraction};
  if (const auto side = sides_ ? sides_->of(passing.number) : std::nullopt) return *side;
  if (!passing.rejection && !passing.row.repository.empty()) {
    return text::choose_split(text::hash_text(packed_name(passing.row.repository)), context_.seed, fractions);
  }
  const std::optional<text::Group>& group = passing.group;
  if (!group) return text::choose_split(passing.row.text_hash, context_.seed, fractions);
  return group->split ? *group->split : text::choose_split(group->text_hash, context_.seed, fractions);
}

void CorpusWriter::sample(const Passing& passing) {
  const formats::Document& document = passing.row.document;
  const auto offer = [&](const std::string& kind, std::string_view detail, std::string_view text) {
    samples_.offer(kind, document.id, document.source, document.type, detail, text);
  };
  if (passing.rejection) {
    offer(passing.rejection->reason, passing.rejection->detail, passing.text);
    return;
  }
  if (passing.row.repository.empty()) sample_kept(document, passing.text);
  for (std::size_t i = 0; i < passing.cut_begins.size(); ++i) {
    if (passing.cut_begins[i].empty()) continue;
    offer("cut: " + std::string(stages_.corpus[i]->name()), human_bytes(static_cast<double>(passing.cut_bytes[i])),
          passing.cut_begins[i]);
  }
}

void CorpusWriter::sample_kept(const formats::Document& document, std::string_view text) {
  samples_.offer("kept", document.id, document.source, document.type,
                 document.attributes == "{}" ? "" : document.attributes, text);
}

}  // namespace hearth::tools::shard
