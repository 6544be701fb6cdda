// SPDX-License-Identifier: Apache-2.0
// Parsers that the user brings: a program for files of an extension, run as a limited child without network. It gets
// the file on its standard input, or as a path where an argument is {}, and prints the text.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/child_process.h"
#include "lib/text/stage.h"

namespace hearth::text {

class ParserWorkers;

struct ExternalParser {
  std::string extension;          // in lower case, without its dot; may hold dots ("tar.cpio")
  std::vector<std::string> argv;  // the program, looked up in PATH, and its arguments
};

// How files are read where that can be chosen.
struct ExtractOptions {
  std::vector<ExternalParser> parsers;     // the first whose extension fits is taken
  ChildLimits limits;                      // of these, and of pdftotext
  std::filesystem::path temporary_folder;  // for files that are given as paths; must be there when a parser has {}
  ParserWorkers* workers = nullptr;  // read HTML, notebooks, office documents and archives; null: this process does
};

// From "EXT=COMMAND"; COMMAND is split at spaces, nothing in it is quoted or expanded. Throws Error{config} for what
// has not this form, and for a program that is not in PATH.
ExternalParser external_parser(std::string_view rule);

// The parser for a file of this name, by its end, in any case; nullptr for none.
const ExternalParser* parser_for(std::string_view file_name, const ExtractOptions& options);

// Runs it on bytes; output is what it printed, of whatever encoding. Rejections: "parser-missing", "parser-failed"
// (with exit code and the first line it wrote to standard error), "parser-crashed", "parser-timeout", "parser-memory",
// "too-large". Throws Error{io} when the temporary file cannot be written.
std::optional<Rejection> run_external(const ExternalParser& parser, std::string_view bytes,
                                      const ExtractOptions& options, std::string& output);

// The rejection for a parser in a child that did not succeed; name is the program's.
Rejection parser_rejection(std::string_view name, const ChildResult& result, const ChildLimits& limits);
Rejection rejection_of_end(std::string_view name, ChildEnd end, std::string_view description);

}  // namespace hearth::text
