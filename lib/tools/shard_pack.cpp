// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/shard_pack.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <string_view>

#include "lib/base/json_value.h"
#include "lib/base/text.h"
#include "lib/text/code/order.h"
#include "lib/text/identity.h"

namespace hearth::tools::shard {
namespace {

constexpr std::uint64_t ordered_bytes = 64u << 20;

std::string_view path_in(const std::string& repository, const formats::Document& file) {
  std::string_view path = file.source;
  if (repository != "." && path.starts_with(repository)) path.remove_prefix(repository.size());
  return path;
}

// "src/linux" of "src/linux/", "a.tar.gz" of "a.tar.gz!/", "" of ".".
std::string name_of(const std::string& repository) {
  std::string name = repository == "." ? "" : repository;
  for (const char end : {'/', '!'}) {
    if (!name.empty() && name.back() == end) name.pop_back();
  }
  return name;
}

// The files' numbers, each behind those it imports.
std::vector<std::uint32_t> ordered(const std::vector<formats::Document>& files, const std::vector<std::string>& paths,
                                   ThreadPool& pool) {
  const text::code::FileIndex index(paths);
  std::vector<std::vector<std::uint32_t>> needs(files.size());
  pool.for_each(static_cast<std::int64_t>(files.size()), [&](std::int64_t i, int) {
    const auto file = static_cast<std::size_t>(i);
    needs[file] = index.needs(static_cast<std::uint32_t>(file),
                              text::code::references(paths[file], files[file].language, files[file].text));
  });
  return text::code::dependency_order(needs);
}

// One document being put together.
class Pack {
 public:
  explicit Pack(const std::string& repository) : name_(name_of(repository)) { begin(); }

  std::uint64_t bytes() const { return document_.text.size(); }
  std::uint64_t n_files() const { return n_files_; }

  void add(std::string_view path, formats::Document file) {
    std::string& text = document_.text;
    text.append("<file_sep>").append(path).append("\n");
    const std::uint64_t first = text.size();
    text += file.text;
    Json entry{{"path", path},
               {"language", file.language},
               {"license", file.license},
               {"begin", first},
               {"end", text.size()},
               {"id", file.id},
               {"attributes", parse_json(file.attributes, "attributes")}};
    if (entry["attributes"].empty()) entry.erase("attributes");
    files_.push_back(std::move(entry));
    if (text.back() != '\n') text += '\n';
    document_.split = file.split;
    bytes_of_[file.language] += file.text.size();
    if (!file.license.empty()) licences_.insert(file.license);
    ++n_files_;
  }

  formats::Document take(std::uint64_t part) {
    formats::Document document = std::exchange(document_, {});
    document.source = packed_name(name_) + "#" + std::to_string(part);
    document.type = "code";
    const auto most = std::max_element(bytes_of_.begin(), bytes_of_.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
    document.language = most->first;
    document.license = licences();
    document.id = text::document_id(text::hash_path(document.source.substr(0, document.source.rfind('#'))),
                                    text::hash_text(document.text));
    document.attributes =
        dump_json(Json{{"repository", name_}, {"part", part}, {"files", std::exchange(files_, Json::array())}});
    begin();
    return document;
  }

 private:
  void begin() {
    document_.text = name_.empty() ? "" : "<repo_name>" + name_ + "\n";
    bytes_of_.clear();
    licences_.clear();
    n_files_ = 0;
  }

  // All of them must be kept to: an SPDX expression.
  std::string licences() const {
    std::vector<std::string> all;
    for (const std::string& licence : licences_) {
      const bool joined = licence.find(' ') != std::string::npos && licences_.size() > 1;
      all.push_back(joined ? "(" + licence + ")" : licence);
    }
    return join(all, " AND ");
  }

  std::string name_;
  formats::Document document_;
  Json files_ = Json::array();
  std::map<std::string, std::uint64_t> bytes_of_;  // languages
  std::set<std::string> licences_;
  std::uint64_t n_files_ = 0;
};

}  // namespace

std::string packed_name(const std::string& repository) {
  const std::string name = name_of(repository);
  return name.empty() ? "." : name;
}

void add_code_options(Command& command, CodeOptions& options) {
  command
      .option("code", &options.records, "WHAT",
              "what a document of source code is: a file, or a repository (or a part of it): its files that are kept, "
              "each behind those it imports, with their paths")
      .one_of({"file", "repo"});
  command
      .size("repo-bytes", &options.repository_bytes, "SIZE",
            "most bytes of a document of --code repo; larger repositories are cut between files")
      .range(1, 1u << 30);
}

RepositoryPacker::RepositoryPacker(std::uint64_t record_bytes, ThreadPool& pool,
                                   std::function<void(formats::Document document, std::uint64_t n_files)> use)
    : record_bytes_(record_bytes), pool_(pool), use_(std::move(use)) {}

void RepositoryPacker::add(std::uint32_t root, const std::string& repository, formats::Document document) {
  const auto holds = [&](const Open& open) {
    return open.root == root && (open.repository == "." || repository.starts_with(open.repository));
  };
  while (!open_.empty() && !holds(open_.back())) {
    pack(open_.back());
    open_.pop_back();
  }
  if (open_.empty() || open_.back().repository != repository) open_.push_back({root, repository, {}, 0});
  Open& open = open_.back();
  open.bytes += document.text.size();
  open.files.push_back(std::move(document));
  if (open.bytes >= ordered_bytes) pack(open);
}

void RepositoryPacker::finish() {
  for (; !open_.empty(); open_.pop_back()) pack(open_.back());
}

void RepositoryPacker::pack(Open& open) {
  const auto path = [&](const formats::Document& file) { return path_in(open.repository, file); };
  std::vector<formats::Document> files = std::exchange(open.files, {});
  open.bytes = 0;
  std::stable_sort(files.begin(), files.end(), [&](const auto& a, const auto& b) { return path(a) < path(b); });
  std::vector<std::string> paths;
  for (const formats::Document& file : files) paths.emplace_back(path(file));
  std::uint64_t& n_parts = n_parts_[{open.root, open.repository}];
  Pack pack(open.repository);
  const auto hand_out = [&] {
    const std::uint64_t n_files = pack.n_files();
    if (n_files > 0) use_(pack.take(++n_parts), n_files);
  };
  for (const std::uint32_t i : ordered(files, paths, pool_)) {
    const std::uint64_t more = files[i].text.size() + paths[i].size() + std::string_view("<file_sep>\n\n").size();
    if (pack.bytes() + more > record_bytes_) hand_out();
    pack.add(paths[i], std::exchange(files[i], {}));
  }
  hand_out();
}

std::vector<formats::Document> files_of(const formats::Document& document) {
  std::vector<formats::Document> all;
  if (document.type != "code" || document.attributes.find("\"repository\"") == std::string::npos) return all;
  const Json attributes = parse_json(document.attributes, document.id);
  const auto files = attributes.find("files");
  if (files == attributes.end() || !files->is_array()) return all;
  const std::string where = "the files of document " + document.id;
  for (const Json& file : *files) {
    const auto begin = json_get<std::uint64_t>(file, "begin", where), end = json_get<std::uint64_t>(file, "end", where);
    if (begin > end || end > document.text.size()) throw Error(Kind::data, where + " lie outside its text");
    formats::Document one;
    one.id = json_get<std::string>(file, "id", where);
    one.source = json_get<std::string>(file, "path", where);
    one.type = document.type;
    one.language = json_get<std::string>(file, "language", where);
    one.license = json_get<std::string>(file, "license", where);
    one.text = document.text.substr(begin, end - begin);
    one.split = document.split;
    if (const auto its_own = file.find("attributes"); its_own != file.end()) one.attributes = dump_json(*its_own);
    all.push_back(std::move(one));
  }
  return all;
}

formats::Document packed_anew(const formats::Document& document, std::vector<formats::Document> files) {
  const Json attributes = parse_json(document.attributes, document.id);
  const std::string name = json_get<std::string>(attributes, "repository", document.id);
  Pack pack(name.empty() ? "." : name);
  for (formats::Document& file : files) {
    const std::string path = file.source;
    pack.add(path, std::move(file));
  }
  formats::Document anew = pack.take(json_get<std::uint64_t>(attributes, "part", document.id));
  anew.split = document.split;
  return anew;
}

void add_unpacked(formats::Document document, std::vector<formats::Document>& documents) {
  std::vector<formats::Document> files = files_of(document);
  if (files.empty()) return documents.push_back(std::move(document));
  std::move(files.begin(), files.end(), std::back_inserter(documents));
}

}  // namespace hearth::tools::shard
