// SPDX-License-Identifier: Apache-2.0
// A mail as a container: the message itself without its attachments, then these.
#include <algorithm>
#include <utility>

#include "lib/text/containers/container.h"
#include "lib/text/mail/mime.h"

namespace hearth::text {
namespace {

class Mail : public Container {
 public:
  explicit Mail(std::string bytes) : bytes_(std::move(bytes)), message_(parse_mime(bytes_)) { collect(message_); }

  bool next(Entry& entry) override {
    given_ = 0;
    if (!message_given_) {
      message_given_ = true;
      current_ = without_attachments();
      entry = {.form = Member::Form::mail};
      return true;
    }
    if (next_ == attachments_.size()) return false;
    const MimePart& part = *attachments_[next_++];
    const bool is_text = may_hold_text(part);
    current_ = is_text ? decoded_body(part) : std::string();
    const bool is_message = part.type == "message/rfc822";
    n_without_text_ += is_text ? 0 : 1;
    const std::string number =
        is_text ? "part-" + std::to_string(next_ - n_without_text_) : "no-text-" + std::to_string(n_without_text_);
    std::string name = part.file_name;
    if (name.empty()) name = number + (is_message ? ".eml" : extension_of_type(part.type));
    entry = {.path = member_path(name), .holds = is_message ? Holds::mail : Holds::document};
    if (entry.path.empty()) entry.path = number;
    if (!is_text) entry.rejection = Rejection{"not-text", "an attachment of type " + printable_name(part.type)};
    return true;
  }

  std::size_t read(std::span<char> out) override {
    const std::size_t n = std::min(out.size(), current_.size() - given_);
    std::copy_n(current_.data() + given_, n, out.data());
    given_ += n;
    return n;
  }

 private:
  // The attachments, in the order of the message.
  void collect(const MimePart& part) {
    if (part.is_attachment) {
      hidden_.emplace_back(part.body);
      attachments_.push_back(&part);
      return;
    }
    for (const MimePart& child : part.parts) collect(child);
  }
  // Not pictures, sounds and signatures.
  static bool may_hold_text(const MimePart& part) {
    static constexpr std::string_view without[] = {"image/",
                                                   "audio/",
                                                   "video/",
                                                   "application/pgp-signature",
                                                   "application/pkcs7-signature",
                                                   "application/x-pkcs7-signature"};
    return std::none_of(std::begin(without), std::end(without),
                        [&](std::string_view type) { return part.type.starts_with(type); });
  }
  static std::string extension_of_type(std::string_view type) {
    if (type == "text/html") return ".html";
    if (type == "application/pdf") return ".pdf";
    return type.starts_with("text/") ? ".txt" : "";
  }

  std::string without_attachments() const {
    std::string left;
    std::size_t at = 0;
    for (const std::string_view body : hidden_) {
      const auto begin = static_cast<std::size_t>(body.data() - bytes_.data());
      left.append(bytes_, at, begin - at);
      at = begin + body.size();
    }
    return left.append(bytes_, at);
  }

  std::string bytes_;
  MimePart message_;                           // views into bytes_
  std::vector<std::string_view> hidden_;       // bodies of attachments, in order
  std::vector<const MimePart*> attachments_;   // of message_
  std::size_t next_ = 0, n_without_text_ = 0;  // of attachments_; of those before it
  bool message_given_ = false;
  std::string current_;
  std::size_t given_ = 0;
};

}  // namespace

std::unique_ptr<Container> open_mail(std::string bytes) {
  return std::make_unique<Mail>(std::move(bytes));
}

}  // namespace hearth::text
