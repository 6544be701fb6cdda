// SPDX-License-Identifier: Apache-2.0
// One level of a file that holds documents: its entries in order, and the bytes of the current one.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "formats/text_stream.h"
#include "lib/base/error.h"
#include "lib/text/containers/members.h"
#include "lib/text/containers/names.h"

namespace hearth::text {

// All that came out of one file so far, over all levels.
struct Expansion {
  std::uint64_t max_bytes = 0, max_members = 0;
  std::uint64_t bytes = 0, members = 0;
  std::function<void()> on_progress;  // called each progress_bytes, and from time to time among members
  void add_bytes(std::uint64_t n);    // throws ExpansionExceeded
  void add_member();                  // the same
};

class ExpansionExceeded : public Error {
 public:
  explicit ExpansionExceeded(const std::string& what) : Error(Kind::data, what) {}
};

struct Entry {
  std::string path{};  // inside the container; empty for a message of a mailbox, and of a mail itself
  Member::Form form = Member::Form::file;
  std::uint64_t number = 0;
  Holds holds = Holds::document;  // as far as the container knows; else by its name
  std::optional<Rejection> rejection{};
};

class Container {
 public:
  virtual ~Container() = default;
  // The next entry; what is left of the last one is skipped. False at the end. Throws Error{data} where the container
  // is damaged: it has no more entries then.
  virtual bool next(Entry& entry) = 0;
  // Bytes of the entry, at least one unless it has no more. Throws Error{data} where the entry is damaged.
  virtual std::size_t read(std::span<char> out) = 0;
};

// An archive: a file; a stream (Holds::archive alone); bytes, which must outlive it. name stands in messages.
std::unique_ptr<Container> open_archive_file(const std::filesystem::path& path, Expansion& expansion);
std::unique_ptr<Container> open_archive_stream(formats::ReadBytes read, Expansion& expansion);
std::unique_ptr<Container> open_archive_bytes(std::string bytes, Expansion& expansion);

std::unique_ptr<Container> open_mailbox(formats::TextStream stream, std::uint64_t max_message_bytes,
                                        std::function<void()> on_progress = {});
std::unique_ptr<Container> open_mail(std::string bytes);
std::unique_ptr<Container> open_records(formats::TextStream stream, std::uint64_t max_record_bytes);

}  // namespace hearth::text
