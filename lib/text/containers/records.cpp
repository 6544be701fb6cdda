// SPDX-License-Identifier: Apache-2.0
// A JSONL file as a container: its lines that are not blank.
#include <algorithm>
#include <utility>

#include "formats/jsonl.h"
#include "lib/base/text.h"
#include "lib/text/containers/container.h"

namespace hearth::text {
namespace {

class Records : public Container {
 public:
  Records(formats::TextStream stream, std::uint64_t max_record_bytes)
      : lines_(std::move(stream), max_record_bytes), max_record_bytes_(max_record_bytes) {}

  bool next(Entry& entry) override {
    do {
      if (!lines_.next(line_)) return false;
    } while (!line_.too_long && trim(line_.text).empty());
    given_ = 0;
    entry = {.form = Member::Form::record, .number = line_.number};
    if (line_.too_long) {
      entry.rejection =
          Rejection{"too-large", human_bytes(static_cast<double>(line_.bytes)) + "; at most " +
                                     human_bytes(static_cast<double>(max_record_bytes_)) + " (--max-document-bytes)"};
    }
    return true;
  }

  std::size_t read(std::span<char> out) override {
    const std::size_t n = std::min(out.size(), line_.text.size() - given_);
    std::copy_n(line_.text.data() + given_, n, out.data());
    given_ += n;
    return n;
  }

 private:
  formats::LineReader lines_;
  std::uint64_t max_record_bytes_;
  formats::Line line_;
  std::size_t given_ = 0;
};

}  // namespace

std::unique_ptr<Container> open_records(formats::TextStream stream, std::uint64_t max_record_bytes) {
  return std::make_unique<Records>(std::move(stream), max_record_bytes);
}

}  // namespace hearth::text
