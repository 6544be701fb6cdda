// SPDX-License-Identifier: Apache-2.0
// --code repo: the source files of a repository that are kept, packed into one document or several. Packing is the last
// thing that happens: all stages saw the files one by one.
//
// The document: "<repo_name>NAME", a line, then of each file "<file_sep>PATH", a line, and its text, a file behind
// those it imports (lib/text/code/order.h). Its attributes: repository, part (from 1), and files, a list of {path,
// language, license, begin, end, id, attributes}, bytes [begin, end) of the text.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "formats/documents.h"
#include "lib/base/options.h"
#include "lib/base/thread_pool.h"

namespace hearth::tools::shard {

struct CodeOptions {
  std::string records = "file";  // "repo": packed
  std::uint64_t repository_bytes = 1u << 20;
};

void add_code_options(Command& command, CodeOptions& options);

// What the sources of a repository's documents begin with: "src/linux" of "src/linux/", "." of ".".
std::string packed_name(const std::string& repository);

class RepositoryPacker {
 public:
  // record_bytes: a document ends before the file that would make it longer; one longer file is a document of its own.
  // use: gets each document, and how many files are in it. Its split is that of its files, which have one.
  RepositoryPacker(std::uint64_t record_bytes, ThreadPool& pool,
                   std::function<void(formats::Document document, std::uint64_t n_files)> use);

  // Files come as a walk finds them: those of a repository one after another, but for repositories inside it. root: the
  // input it lies in, as two may have the same name. Of a repository with more than 64 MiB so many at a time are put in
  // order, so that memory is bounded. document.source begins with repository, if that is not ".".
  void add(std::uint32_t root, const std::string& repository, formats::Document document);
  void finish();  // hands out what is left

 private:
  struct Open {
    std::uint32_t root = 0;
    std::string repository;
    std::vector<formats::Document> files;
    std::uint64_t bytes = 0;
  };
  void pack(Open& open);

  std::uint64_t record_bytes_;
  ThreadPool& pool_;
  std::function<void(formats::Document, std::uint64_t)> use_;
  std::vector<Open> open_;                                                  // each inside the one before
  std::map<std::pair<std::uint32_t, std::string>, std::uint64_t> n_parts_;  // handed out, of each repository
};

// The files of a packed document, as they were before (source: the path in the repository); none of another document.
std::vector<formats::Document> files_of(const formats::Document& document);
// A packed document of fewer of its files, at least one: as it would have been packed, with an id of its own.
formats::Document packed_anew(const formats::Document& document, std::vector<formats::Document> files);
// Appends the document, or the files of a packed one.
void add_unpacked(formats::Document document, std::vector<formats::Document>& documents);

}  // namespace hearth::tools::shard
