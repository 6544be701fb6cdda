// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/shard.h"

#include <memory>
#include <utility>

#include "lib/tools/shard_classifier.h"
#include "lib/tools/shard_dedup.h"
#include "lib/tools/shard_extract_command.h"
#include "lib/tools/shard_forget.h"
#include "lib/tools/shard_licences.h"
#include "lib/tools/shard_privacy.h"
#include "lib/tools/shard_quality.h"

namespace hearth::tools::shard {
namespace {

constexpr const char* details =
    "Reads text, Markdown, HTML, reStructuredText, LaTeX, RTF, manual pages, PDF, office documents (docx, pptx, xlsx, "
    "odt, "
    "odp, ods, epub), Jupyter notebooks, source code, mail and JSONL files, plain or compressed by gzip, zstd, xz or "
    "bzip2, archives (tar, zip, 7z) of all "
    "these, and folders of them, and writes their texts to one documents file. What a file is shows in its name and "
    "its content.\n"
    "\n"
    "Text becomes UTF-8 in Normalization Form C with LF line ends; bytes that are not UTF-8 are read as the encoding "
    "the file declares, else as Windows-1252, or what the bytes of another alphabet tell. "
    "Of "
    "HTML pages the readable part is kept. Code keeps its white space and says its language. Each line of a *.jsonl "
    "file is a document; its other fields become attributes. Of a mail the text is kept without quotes of others and "
    "signature; its attachments are documents.\n"
    "\n"
    "With --code repo the source files of a repository become one document (or several: --repo-bytes), each behind "
    "the files it imports as far as its text tells (Python, C, C++, Java, Kotlin, Scala, Go, Rust, JavaScript, "
    "TypeScript; else by path): a line <repo_name>NAME, then of each file a line <file_sep>PATH and its text; the "
    "attribute files says which. They are judged one by one before. A repository is the topmost folder with version "
    "control or a build file (.git, Makefile, setup.py, Cargo.toml, package.json, ...), else the input itself; also an "
    "archive, and the files that a list names.\n"
    "\n"
    "What lies in a container says so: a.tar.gz!/dir/b.txt, c.mbox#12, c.mbox#12!/report.txt. In a name that is not "
    "UTF-8, bytes that are none and % become %XX.\n"
    "\n"
    "In folders, names that begin with a dot, node_modules, caches and what a .gitignore names are passed by, and "
    "symbolic links are not followed. Everything else ends in the documents file, kept or rejected with its reason: "
    "not-text, "
    "unknown-encoding, too-short, too-large, duplicate-exact, license, html-too-deep, html-too-large, bad-json, "
    "no-text-field, bad-id, no-text, man-link, encrypted, parser-missing, parser-failed, parser-crashed, "
    "parser-timeout, "
    "parser-memory, "
    "damaged, "
    "missing, "
    "unreadable, changed (while it was read), path-too-long, special-file; in archives and mail also archive-link, "
    "archive-bomb, nested-too-deep, nested-too-large. HTML, office documents, notebooks, "
    "archives, mail and PDF (by pdftotext, Debian package poppler-utils) are parsed in child processes limited in time "
    "and memory, without network: a file that breaks one costs itself alone. "
    "The first of equal texts is kept. The split is drawn from the text and the seed.\n"
    "\n"
    "Unless switched off, private data are masked before anything is written (--privacy), texts are judged by loose "
    "rules on quality (--quality; 'hearth shard rules' lists all; --classifier and --perplexity-model: one's own), "
    "near-duplicates are "
    "rejected (duplicate-near), and "
    "passages that stand in the corpus before are cut out (only-repeats: too little was left). Each rule that rejects "
    "is a reason of its own.\n"
    "\n"
    "Equal inputs give equal files, whatever the number of threads (with --no-provenance to the byte). What was read "
    "is kept in OUTPUT.work until the end: stopped by a signal (exit code 75) or killed, the same command goes on "
    "where it was.\n"
    "\n"
    "As many ranks (mpirun -np 4 hearth shard ...) each reads a share of the files, whole ones, and writes a part into "
    "OUTPUT.parts; OUTPUT is an index that every tool takes as one file. What is judged by the whole corpus is judged "
    "over all ranks: the documents and their order are those of one rank. An interrupted run goes on with as many "
    "ranks. A list on standard input is for one rank.\n"
    "\n"
    "'hearth shard cat FILE' prints a documents file as JSON lines, 'hearth shard extract FILE' the text "
    "that a file would give; an input named cat is given as ./cat.";

Command build_command(const std::vector<std::string>& argv) {
  const auto options = std::make_shared<Options>();
  Command command("shard", "documents and source code to a documents file");
  command.details = details;
  command.examples = {
      {"hearth shard docs/ src/ tickets.jsonl.zst -o corpus.h5", "two folders and a file of records"},
      {"git ls-files | hearth shard - -o corpus.h5", "the files that a list names"},
      {"hearth shard cat corpus.h5 --rejected | head", "what was not kept, and why"},
      {"hearth shard extract report.docx", "the text that a file would give"},
  };
  command.positional("INPUT", &options->inputs, "files and folders; -: a list of them on standard input, one a line");
  command.option("output", &options->output, "FILE", "the documents file to write").letter('o').must();
  command.option("files-from", &options->files_from, "FILE",
                 "read the names of further inputs from FILE, one a line; - is standard input");
  command.flag("no-gitignore", &options->no_gitignore, "read also what .gitignore files in folders name");
  command.group("Records of JSONL files");
  command.option("text-field", &options->text_field, "NAME", "the field that holds the text");
  command.option("id-field", &options->id_field, "NAME",
                 "the field that holds the document's id; by default ids are made from path and text");
  command
      .option("on-bad-line", &options->on_bad_line, "WHAT",
              "what to do about a line that is not JSON, lacks the text or has an id over 1 KiB")
      .one_of({"skip", "fail"});
  add_container_options(command, options->containers);
  add_parser_options(command, options->parsers);
  command.group("What is kept");
  add_code_options(command, options->code);
  command.option("min-chars", &options->min_chars, "N", "least characters of a document");
  command
      .size("max-document-bytes", &options->max_document_bytes, "SIZE",
            "most bytes of a document as read; memory per thread grows with it")
      .range(1, 1u << 30);
  command
      .option("validation-fraction", &options->validation_fraction, "F", "share of documents held out for validation")
      .range(0, 1);
  command.option("test-fraction", &options->test_fraction, "F", "share of documents held out for testing").range(0, 1);
  add_quality_options(command, options->quality);
  add_classifier_options(command, options->classifier);
  add_perplexity_options(command, options->perplexity);
  add_duplicate_options(command, options->duplicates);
  add_boilerplate_options(command, options->boilerplate);
  add_privacy_options(command, options->privacy);
  add_licence_options(command, options->licences);
  command.group("Run");
  command
      .option("resume", &options->resume, "WHEN",
              "whether to go on with an interrupted run, kept in OUTPUT.work: auto, never (start over) or must")
      .one_of({"auto", "never", "must"});
  command.option("html", &options->html, "FILE",
                 "write a page with the funnel and with samples kept and rejected by each rule");
  add_common(command, options->common, {.seed = true, .dry_run = true, .overwrite = true, .no_provenance = true});
  command.run = [options, argv](const Command& self) {
    return run_on_ranks(self, options->common, argv, {}, [&](Context& context) { return run(*options, context); });
  };
  return command;
}

Command build_cat_command(const std::vector<std::string>& argv) {
  const auto options = std::make_shared<CatOptions>();
  Command command("shard cat", "a documents file as JSON lines");
  command.examples = {
      {"hearth shard cat corpus.h5 --split validation | jq -r .text", "the texts held out for validation"}};
  command.positional("FILE", &options->input, "the documents file").must();
  command.option("split", &options->split, "NAME", "only documents of this split")
      .one_of({"all", "train", "validation", "test"});
  command.flag("rejected", &options->rejected, "the documents that were not kept, with reason and detail");
  command.option("limit", &options->limit, "N", "at most so many; 0: all");
  command.flag("stats", &options->stats, "the statistics of the file, as one JSON object, instead of documents");
  add_common(command, options->common, {.json = false});
  command.run = [options, argv](const Command& self) {
    return run_with_context(self, options->common, argv, [&](Context& context) { return run_cat(*options, context); });
  };
  return command;
}

}  // namespace

Command shard_command(const std::vector<std::string>& argv) {
  const std::string first = argv.size() < 2 ? "" : argv[1];
  if (first == parser_worker_word) return parser_worker_command();
  const bool other =
      first == "cat" || first == "extract" || first == "forget" || first == "rules" || first == "train-classifier";
  if (!other) return build_command(argv);
  Command command("shard", "documents and source code to a documents file");
  command.subcommand(build_cat_command(argv));
  command.subcommand(extract_command(argv));
  command.subcommand(forget_command(argv));
  command.subcommand(build_rules_command(argv));
  command.subcommand(build_train_classifier_command(argv));
  return command;
}

}  // namespace hearth::tools::shard
