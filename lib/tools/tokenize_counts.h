// SPDX-License-Identifier: Apache-2.0
// The first half of tokenize train: how often each piece occurs in documents files, kept in OUTPUT.work now and then so
// that an interrupted run goes on from there; or in plain text on stdin, which cannot be gone on with.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "lib/text/tokenizer/word_counts.h"
#include "lib/tools/tokenize.h"
#include "lib/tools/work_folder.h"

namespace hearth::tools {

class PieceCounting {
 public:
  // path: of the tokenizer.json to come.
  PieceCounting(const TokenizeTrainOptions& options, text::Pattern pattern, const std::filesystem::path& path,
                Context& context);
  ~PieceCounting();  // takes the work folder away unless it is of use to another run

  // Throws Error{stopped} when a signal asked for it, with what was counted kept; Error{data} when there is no text.
  std::vector<text::WordTable> count();
  // Throws Error{stopped} if a signal has asked for it, as above. words: what count() gave.
  void stop_if_asked(const std::vector<text::WordTable>& words);
  void done();  // the output is complete

  struct Seen {
    std::uint64_t n_documents = 0, text_bytes = 0, n_left_out = 0;
    double seconds = 0;
  };
  const Seen& seen() const { return seen_; }

 private:
  struct Input;
  void go_on();
  void count_files();
  void count_file(std::size_t index, std::uint64_t& n_passed, double share);
  void count_stdin();
  void refuse_long_pieces() const;
  void keep(const std::vector<text::WordTable>* words);

  const TokenizeTrainOptions& options_;
  Context& context_;
  std::unique_ptr<text::WordCounter> counter_;
  Seen seen_;
  std::vector<Input> inputs_;
  std::unique_ptr<WorkFolder> work_;  // none for stdin
  std::uint64_t n_done_ = 0;          // blocks of all files together
  double kept_at_ = 0;                // time of the last keep()
  std::uint64_t bytes_kept_ = 0;      // of text that is in it
  bool is_done_ = false;
};

}  // namespace hearth::tools
