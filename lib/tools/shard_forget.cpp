// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/shard_forget.h"

#include <fnmatch.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "formats/documents.h"
#include "lib/base/digest.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/base/text.h"
#include "lib/text/encoding.h"
#include "lib/text/identity.h"
#include "lib/tools/shard_pack.h"

namespace hearth::tools::shard {
namespace {

using formats::Document;
using formats::DocumentsReader;
using formats::RejectedDocument;

constexpr int certificate_version = 1;

// Where a file of a packed repository is said to come from.
std::string source_in(const Document& packed, const Document& file) {
  const std::string repository = packed.source.substr(0, packed.source.rfind('#'));
  return repository == "." ? file.source : repository + "/" + file.source;
}

// What is to be gone: filled from the old file or from a certificate.
struct Forgotten {
  std::set<std::string> ids;
  std::set<std::string> text_hashes;  // hash_text, hexadecimal
  bool has(const std::string& id, const std::string& text) const {
    return ids.contains(id) || text_hashes.contains(text::hash_text(text).hex());
  }
  // How many documents or files of packed ones are there still.
  std::uint64_t n_in(const Document& document) const {
    if (has(document.id, document.text)) return 1;
    const std::vector<Document> files = files_of(document);
    return static_cast<std::uint64_t>(
        std::count_if(files.begin(), files.end(), [&](const Document& file) { return has(file.id, file.text); }));
  }
  // Rejected as a copy of one: "of ID" stands in the detail.
  bool has(const RejectedDocument& rejected) const {
    if (has(rejected.document.id, rejected.document.text)) return true;
    if (!rejected.reason.starts_with("duplicate")) return false;
    const std::vector<std::string> words = split(rejected.detail, ' ');
    return std::any_of(words.begin(), words.end(), [&](std::string word) {
      while (!word.empty() && std::string_view(",;:.").find(word.back()) != std::string_view::npos) word.pop_back();
      return ids.contains(word);
    });
  }
};

// Letters and digits alone, small: texts that differ in spaces, marks and case are equal by it.
Hash128 loose_hash(std::string_view text) {
  std::string plain;
  for (const char c : text) {
    const char small = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    if ((small >= 'a' && small <= 'z') || (small >= '0' && small <= '9') || (small & 0x80) != 0) plain += small;
  }
  return hash128(std::string_view(plain));
}

// Identifies documents and their order by everything they hold.
class ContentDigest {
 public:
  void add(const Document& document) {
    const std::string split_name(name_of(document.split));
    for (const std::string* field : {&document.id, &document.source, &document.type, &document.language,
                                     &document.license, &document.attributes, &document.text, &split_name}) {
      digest_.update(std::to_string(field->size()) + ":");
      digest_.update(*field);
    }
    ++n_;
  }
  void add(const RejectedDocument& rejected) {
    add(rejected.document);
    digest_.update(std::to_string(rejected.reason.size()) + ":" + rejected.reason + rejected.detail + "\n");
  }
  std::uint64_t n() const { return n_; }
  std::string hex() { return digest_.hex(); }

 private:
  Sha256 digest_;
  std::uint64_t n_ = 0;
};

template <class Visit>
void for_documents(const DocumentsReader& reader, Visit visit) {
  for (std::uint64_t block = 0; block < reader.n_blocks(); ++block) {
    for (Document& document : reader.read_block(block)) visit(document);
  }
}

template <class Visit>
void for_rejected(const DocumentsReader& reader, Visit visit) {
  for (std::uint64_t block = 0; block < reader.n_rejected_blocks(); ++block) {
    for (RejectedDocument& rejected : reader.read_rejected_block(block)) visit(rejected);
  }
}

Json json_of(const DocumentsReader& reader) {
  return {{"digest", reader.digest()}, {"documents", reader.n_documents()}, {"rejected", reader.n_rejected()}};
}

// What a scan of a whole file says of it: the part of the certificate that --check makes anew.
struct Scan {
  Json json;
  std::uint64_t n_left = 0;  // documents that should be gone
};

Scan scan(const DocumentsReader& reader, const Forgotten& forgotten) {
  Scan result;
  ContentDigest documents, rejected;
  for_documents(reader, [&](const Document& document) {
    result.n_left += forgotten.n_in(document);
    documents.add(document);
  });
  for_rejected(reader, [&](const RejectedDocument& one) {
    result.n_left += forgotten.has(one) ? 1 : 0;
    rejected.add(one);
  });
  result.json = json_of(reader);
  result.json["documents_content"] = documents.hex();
  result.json["rejected_content"] = rejected.hex();
  return result;
}

class Forgetting {
 public:
  Forgetting(const ForgetOptions& options, Context& context)
      : options_(options), context_(context), reader_(options.input) {}
  int run();

 private:
  bool is_named(const std::string& id, const std::string& source);
  void take(const Document& document);
  void search();
  Json write();
  Json near_copies() const;

  const ForgetOptions& options_;
  Context& context_;
  DocumentsReader reader_;
  std::set<std::string> wanted_, found_;  // ids of the list
  Forgotten forgotten_;
  std::set<Hash128> loose_hashes_;
  std::vector<std::uint64_t> by_pattern_;  // documents and files of packed ones that each source pattern named
  std::size_t n_files_ = 0;                // of packed documents, that are gone
};

bool Forgetting::is_named(const std::string& id, const std::string& source) {
  bool named = wanted_.contains(id);
  if (named) found_.insert(id);
  for (std::size_t i = 0; i < options_.sources.size(); ++i) {
    if (fnmatch(options_.sources[i].c_str(), source.c_str(), 0) != 0) continue;
    ++by_pattern_[i];
    named = true;
  }
  return named;
}

void Forgetting::take(const Document& document) {
  forgotten_.ids.insert(document.id);
  if (trim(document.text).empty()) return;  // equal to every other empty text
  forgotten_.text_hashes.insert(text::hash_text(document.text).hex());
  loose_hashes_.insert(loose_hash(document.text));
}

// Collects what is named, and its texts, of kept and rejected documents; a packed one names all its files.
void Forgetting::search() {
  if (!options_.ids.empty()) {
    for (const std::string& line : split(read_file(options_.ids), '\n')) {
      if (!trim(line).empty()) wanted_.emplace(trim(line));
    }
  }
  by_pattern_.resize(options_.sources.size());
  const auto look = [&](const Document& document) {
    const bool named = is_named(document.id, document.source);
    if (named) take(document);
    for (const Document& file : files_of(document)) {
      if (named || is_named(file.id, source_in(document, file))) take(file);
    }
  };
  for_documents(reader_, look);
  for_rejected(reader_, [&](const RejectedDocument& rejected) { look(rejected.document); });
  if (forgotten_.ids.empty()) {
    throw Error(Kind::data, options_.input + ": no document has one of the ids or sources given; nothing is written");
  }
}

// Writes the new file; returns what it must be when read back.
Json Forgetting::write() {
  formats::DocumentsWriter writer(options_.output, options_.common.overwrite, context_.pool, {});
  ContentDigest documents, rejected;
  Json gone = Json::array();
  const auto name = [&](const Document& document, const std::string& source, const std::string& reason) -> Json& {
    gone.push_back({{"id", document.id},
                    {"source", source},
                    {"rejected", reason},
                    {"text_hash", text::hash_text(document.text).hex()},
                    {"named", forgotten_.ids.contains(document.id)}});
    return gone.back();
  };
  // Of a packed document the files that stay, packed anew; false when none does.
  const auto cut_files = [&](Document& document) {
    std::vector<Document> stay;
    const std::size_t n_before = gone.size();
    for (Document& file : files_of(document)) {
      if (!forgotten_.has(file.id, file.text)) {
        stay.push_back(std::move(file));
      } else {
        name(file, source_in(document, file), "")["packed_in"] = document.id;
      }
    }
    if (gone.size() == n_before) return true;
    n_files_ += gone.size() - n_before;
    if (stay.empty()) return false;
    document = packed_anew(document, std::move(stay));
    for (std::size_t i = n_before; i < gone.size(); ++i) gone[i]["packed_anew"] = document.id;
    return true;
  };
  for_documents(reader_, [&](Document& document) {
    if (forgotten_.has(document.id, document.text)) {
      name(document, document.source, "");
      for (const Document& file : files_of(document)) {
        name(file, source_in(document, file), "")["packed_in"] = document.id;
        ++n_files_;
      }
      return;
    }
    if (!cut_files(document)) return;
    documents.add(document);
    writer.add(std::move(document));
  });
  for_rejected(reader_, [&](RejectedDocument& one) {
    if (forgotten_.has(one)) {
      name(one.document, one.document.source, one.reason);
      return;
    }
    rejected.add(one);
    writer.add(std::move(one));
  });
  if (documents.n() == 0) throw Error(Kind::data, options_.input + ": no document would be left; nothing is written");
  Json statistics = reader_.statistics();
  statistics["forgotten"] = {{"of", reader_.digest()}, {"documents", gone.size()}};
  writer.finish(provenance(context_.invocation, {{options_.input, reader_.digest()}}), statistics);
  return {{"gone", std::move(gone)},
          {"documents", documents.n()},
          {"rejected", rejected.n()},
          {"documents_content", documents.hex()},
          {"rejected_content", rejected.hex()}};
}

// Documents that stay and differ from a forgotten one in case, spaces and marks alone: for a person to decide on.
Json Forgetting::near_copies() const {
  Json copies = Json::array();
  const DocumentsReader reader(options_.output);
  const auto look = [&](const Document& document) {
    if (loose_hashes_.contains(loose_hash(document.text)))
      copies.push_back({{"id", document.id}, {"source", document.source}});
  };
  for_documents(reader, [&](const Document& document) {
    look(document);
    for (Document& file : files_of(document)) {
      file.source = source_in(document, file);
      look(file);
    }
  });
  for_rejected(reader, [&](const RejectedDocument& rejected) { look(rejected.document); });
  return copies;
}

int Forgetting::run() {
  const std::string path = options_.certificate.empty() ? options_.output + ".forgotten.json" : options_.certificate;
  require_creatable(options_.output, options_.common.overwrite);
  require_creatable(path, options_.common.overwrite);
  search();
  Json expected = write();
  const DocumentsReader written(options_.output);
  const Scan after = scan(written, forgotten_);
  for (const char* part : {"documents", "rejected", "documents_content", "rejected_content"}) {
    HEARTH_CHECK(after.json.at(part) == expected.at(part), "the file read back differs from what was to be kept");
  }
  HEARTH_CHECK(after.n_left == 0, "a document that was to be forgotten is in the file read back");
  Json missing = Json::array(), patterns = Json::object();
  for (const std::string& id : wanted_) {
    if (!found_.contains(id)) missing.push_back(id);
  }
  for (std::size_t i = 0; i < by_pattern_.size(); ++i) patterns[options_.sources[i]] = by_pattern_[i];
  const Json copies = near_copies();
  const Json certificate{{"certificate", "hearth shard forget"},
                         {"version", certificate_version},
                         {"before", json_of(reader_)},
                         {"after", after.json},
                         {"forgotten", expected.at("gone")},
                         {"not_found", missing},
                         {"sources", patterns},
                         {"near_copies_left", copies}};
  write_file(path, dump_json(certificate, 2) + "\n");
  const std::string files = n_files_ == 0 ? "" : " and " + std::to_string(n_files_) + " files of packed repositories";
  std::printf("forgot %zu of %llu documents and rejected ones%s: %s\n", expected.at("gone").size() - n_files_,
              static_cast<unsigned long long>(reader_.n_documents() + reader_.n_rejected()), files.c_str(),
              path.c_str());
  if (!missing.empty())
    context_.log.warning(std::to_string(missing.size()) + " ids were not found; the certificate names them");
  if (!copies.empty()) {
    context_.log.warning(
        std::to_string(copies.size()) +
        " documents that stay differ from forgotten ones in case, spaces and marks alone; the certificate "
        "names them");
  }
  context_.log.info("tokens files encoded from the corpus with digest " + reader_.digest() +
                    " hold the texts still: encode " + options_.output + " anew and remove them");
  return 0;
}

int check(const ForgetOptions& options) {
  const Json certificate = read_json(options.check);
  if (json_get_or<std::string>(certificate, "certificate", options.check, "") != "hearth shard forget" ||
      json_get<int>(certificate, "version", options.check) != certificate_version) {
    throw Error(Kind::data, options.check + ": not a certificate of 'hearth shard forget' that this version reads");
  }
  Forgotten forgotten;
  for (const Json& one : json_get<Json>(certificate, "forgotten", options.check)) {
    if (json_get<bool>(one, "named", options.check))
      forgotten.ids.insert(json_get<std::string>(one, "id", options.check));
    const std::string hash = json_get<std::string>(one, "text_hash", options.check);
    if (hash != text::hash_text("").hex()) forgotten.text_hashes.insert(hash);
  }
  const Scan found = scan(DocumentsReader(options.input), forgotten);
  if (found.n_left > 0) {
    std::printf("%s: %llu forgotten documents are in it\n", options.input.c_str(),
                static_cast<unsigned long long>(found.n_left));
    return 1;
  }
  if (found.json != json_get<Json>(certificate, "after", options.check)) {
    std::printf("%s: no forgotten document is in it, but it is not the file the certificate was written for\n",
                options.input.c_str());
    return 1;
  }
  std::printf("%s: as the certificate says; %zu documents are gone\n", options.input.c_str(),
              certificate.at("forgotten").size());
  return 0;
}

}  // namespace

int run_forget(const ForgetOptions& options, Context& context) {
  const bool names_something = !options.ids.empty() || !options.sources.empty();
  if (!options.check.empty()) {
    if (names_something || !options.output.empty())
      throw Error(Kind::usage, "--check judges a file by a certificate; it takes neither --ids, --source nor -o");
    return check(options);
  }
  if (!names_something) throw Error(Kind::usage, "nothing to forget is named: give --ids FILE or --source PATTERN");
  if (options.output.empty()) throw Error(Kind::usage, "-o FILE is missing: where the documents that stay are written");
  return Forgetting(options, context).run();
}

Command forget_command(const std::vector<std::string>& argv) {
  const auto options = std::make_shared<ForgetOptions>();
  Command command("shard forget", "a documents file without some documents, and the proof");
  command.details =
      "Writes the documents file anew without the documents named by id or source, all others of equal text and those "
      "rejected as their duplicates. Files of a packed repository are named like documents, by their own ids or as "
      "REPOSITORY/PATH; their document is packed anew without them, under a new id. The new file is read back: only "
      "when none of them is in it and all else is "
      "unchanged, a "
      "certificate is written that says so. --check judges a file by its certificate; the exit code is 1 when it does "
      "not "
      "agree. Tokens files made from the old corpus must be encoded anew.";
  command.examples = {
      {"hearth shard forget corpus.h5 --ids ids.txt -o clean.h5", "without the documents of a list"},
      {"hearth shard forget clean.h5 --check clean.h5.forgotten.json", "is it what the certificate says?"}};
  command.positional("FILE", &options->input, "the documents file").must();
  command.option("output", &options->output, "FILE", "the documents file to write").letter('o');
  command.option("ids", &options->ids, "FILE", "ids of documents to forget, one a line");
  command.option("source", &options->sources, "PATTERN",
                 "forget documents whose whole source matches, as in 'mail/bob/*'");
  command.option("certificate", &options->certificate, "FILE",
                 "where the proof is written; by default OUTPUT.forgotten.json");
  command.option("check", &options->check, "FILE", "judge the documents file by this certificate and write nothing");
  add_common(command, options->common, {.overwrite = true, .no_provenance = true, .json = false});
  command.run = [options, argv](const Command& self) {
    return run_with_context(self, options->common, argv,
                            [&](Context& context) { return run_forget(*options, context); });
  };
  return command;
}

}  // namespace hearth::tools::shard
