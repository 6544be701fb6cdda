// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/shard_extract_command.h"

#include <cstdio>
#include <memory>
#include <utility>

#include "lib/base/json_value.h"
#include "lib/base/signals.h"
#include "lib/text/encoding.h"
#include "lib/tools/shard_item.h"
#include "lib/tools/shard_source.h"
#include "lib/tools/shard_walk.h"

namespace hearth::tools::shard {
namespace {

constexpr std::uint64_t ahead_bytes = 1u << 20;

constexpr const char* details =
    "Shows what shard would read: each file, and each document in an archive, a mail or a file of records, goes the "
    "way it goes in a run up to its text. Nothing is masked, judged or cut after that. Of one document the text alone "
    "is printed, of several each behind a line '==> SOURCE (TYPE) <=='; what gives no text is named on standard error "
    "with its reason. The exit code is 65 when nothing gave a text.\n"
    "\n"
    "With --json there is a line for each document, rejected ones too: source, path (of the file it is in), type, "
    "language, license, encoding, title, attributes, read_bytes, and text, or reason and detail.";

Json line_of(const Item& item) {
  const formats::Document& document = item.candidate.document;
  Json line{{"source", document.source},
            {"path", text::printable_name(item.file.path.native())},
            {"type", document.type},
            {"language", document.language},
            {"license", document.license},
            {"encoding", item.candidate.encoding},
            {"read_bytes", item.candidate.read_bytes}};
  const Json attributes =
      document.attributes.empty() ? Json::object() : parse_json(document.attributes, "the attributes");
  line["title"] = attributes.contains("title") ? attributes["title"] : Json();
  line["attributes"] = attributes;
  if (item.rejection) {
    line["reason"] = item.rejection->reason;
    line["detail"] = item.rejection->detail;
  } else {
    line["text"] = document.text;
  }
  return line;
}

class Printer {
 public:
  Printer(bool json, Log& log) : json_(json), log_(log) {}

  void print(const Item& item, bool alone) {
    if (!item.rejection) ++n_texts_;
    if (json_) {
      std::printf("%s\n", dump_json(line_of(item)).c_str());
      return;
    }
    const formats::Document& document = item.candidate.document;
    if (item.rejection) {
      log_.warning(document.source + ": " + item.rejection->reason + ": " + item.rejection->detail);
      return;
    }
    if (!alone) std::printf("==> %s (%s) <==\n", document.source.c_str(), document.type.c_str());
    std::fwrite(document.text.data(), 1, document.text.size(), stdout);
    if (!document.text.ends_with('\n')) std::fputc('\n', stdout);
  }
  std::uint64_t n_texts() const { return n_texts_; }

 private:
  bool json_;
  Log& log_;
  std::uint64_t n_texts_ = 0;
};

}  // namespace

int run_extract(const ExtractCommandOptions& options, Context& context) {
  const auto workers = parser_workers(options.parsers, options.max_document_bytes);
  text::ExtractOptions extract = extract_options(options.parsers);
  extract.workers = workers.get();
  InputWalk files(options.inputs, "", "/");
  SharedWalk walk(files);
  ItemSource source(walk, member_limits(options.containers, options.max_document_bytes), workers.get());
  Printer printer(options.json, context.log);
  std::vector<Item> items;
  bool more = source.fill(items, 2, ahead_bytes);
  const bool alone = !more && items.size() == 1;
  for (std::size_t at = 0; !stop_requested(); ++at) {
    if (at == items.size()) {
      if (!more) break;
      items.clear();
      at = 0;
      more = source.fill(items, 2, ahead_bytes);
      if (items.empty()) break;
    }
    extract_item(items[at], options.max_document_bytes, options.fields, extract);
    printer.print(items[at], alone);
    items[at] = {};
  }
  return printer.n_texts() > 0 ? 0 : static_cast<int>(Kind::data);
}

Command extract_command(const std::vector<std::string>& argv) {
  const auto options = std::make_shared<ExtractCommandOptions>();
  Command command("shard extract", "the texts that files would give");
  command.details = details;
  command.examples = {{"hearth shard extract report.docx | less", "what shard reads of a document"},
                      {"hearth shard extract --json mails.mbox | jq -r .title", "one line a document"}};
  command.positional("FILE", &options->inputs, "files and folders; - reads a list of them from standard input").must();
  command.flag("json", &options->json, "print a JSON line for each document, rejected ones too");
  command.option("text-field", &options->fields.text, "NAME", "the field of JSONL records that holds the text");
  command.size("max-document-bytes", &options->max_document_bytes, "SIZE", "most bytes of a document as read")
      .range(1, 1u << 30);
  add_container_options(command, options->containers);
  add_parser_options(command, options->parsers);
  add_common(command, options->common, {.json = false});
  command.run = [options, argv](const Command& self) {
    return run_with_context(self, options->common, argv,
                            [&](Context& context) { return run_extract(*options, context); });
  };
  return command;
}

}  // namespace hearth::tools::shard
