// SPDX-License-Identifier: Apache-2.0
// A mailbox (mbox): messages, each behind a line "From ADDRESS DATE" that follows an empty line or begins the file.
// Lines of messages that look like it were quoted when written (">From "), and lose one ">" here, as the mboxrd form
// has it.
#include <algorithm>
#include <utility>

#include "lib/base/text.h"
#include "lib/text/containers/container.h"

namespace hearth::text {
namespace {

constexpr std::size_t piece_bytes = 256u << 10;

class Mailbox : public Container {
 public:
  Mailbox(formats::TextStream stream, std::uint64_t max_message_bytes, std::function<void()> on_progress)
      : stream_(std::move(stream)), on_progress_(std::move(on_progress)), max_message_bytes_(max_message_bytes) {}

  bool next(Entry& entry) override {
    message_.clear();
    given_ = 0;
    std::string_view line;
    bool any = false, too_large = false;
    while (peek_line(line)) {
      const bool separator = after_empty_line_ && line.starts_with("From ");
      if (separator && any) break;
      after_empty_line_ = line == "\n" || line == "\r\n";
      if (!separator) {
        if (is_quoted_from(line)) line.remove_prefix(1);
        if (!too_large) message_ += line;
        too_large = too_large || message_.size() > max_message_bytes_;
      }
      any = true;
      take_line();
    }
    if (!any) return false;
    entry = {.number = ++number_, .holds = Holds::mail};
    if (too_large) {
      entry.rejection =
          Rejection{"too-large", "a message of more than " + human_bytes(static_cast<double>(max_message_bytes_)) +
                                     " with its attachments"};
    }
    return true;
  }

  std::size_t read(std::span<char> out) override {
    const std::size_t n = std::min(out.size(), message_.size() - given_);
    std::copy_n(message_.data() + given_, n, out.data());
    given_ += n;
    return n;
  }

 private:
  static bool is_quoted_from(std::string_view line) {
    const std::size_t quotes = line.find_first_not_of('>');
    return quotes != std::string_view::npos && quotes > 0 && line.substr(quotes).starts_with("From ");
  }

  // The next line with its line break, or piece_bytes of one that is longer; false at the end.
  bool peek_line(std::string_view& line) {
    std::size_t end = buffer_.find('\n', begin_);
    while (end == std::string::npos && buffer_.size() - begin_ < piece_bytes && !at_end_) {
      buffer_.erase(0, begin_);
      begin_ = 0;
      const std::size_t kept = buffer_.size();
      buffer_.resize(kept + piece_bytes);
      const std::size_t got = stream_.read(std::span(buffer_).subspan(kept));
      buffer_.resize(kept + got);
      if (on_progress_ && read_bytes_ / progress_bytes != (read_bytes_ + got) / progress_bytes) on_progress_();
      read_bytes_ += got;
      at_end_ = got == 0;
      end = buffer_.find('\n', kept);
    }
    line_bytes_ = std::min(end == std::string::npos ? buffer_.size() - begin_ : end + 1 - begin_, 2 * piece_bytes);
    line = std::string_view(buffer_).substr(begin_, line_bytes_);
    return line_bytes_ > 0;
  }
  void take_line() { begin_ += line_bytes_; }

  formats::TextStream stream_;
  std::function<void()> on_progress_;
  std::uint64_t read_bytes_ = 0;
  std::uint64_t max_message_bytes_;
  std::string buffer_;
  std::size_t begin_ = 0, line_bytes_ = 0;
  bool at_end_ = false, after_empty_line_ = true;
  std::uint64_t number_ = 0;
  std::string message_;
  std::size_t given_ = 0;
};

}  // namespace

std::unique_ptr<Container> open_mailbox(formats::TextStream stream, std::uint64_t max_message_bytes,
                                        std::function<void()> on_progress) {
  return std::make_unique<Mailbox>(std::move(stream), max_message_bytes, std::move(on_progress));
}

}  // namespace hearth::text
