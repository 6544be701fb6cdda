// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <regex>

#include "tests/meta/checks.h"

namespace hearth::meta {
namespace {

using Folders = std::vector<std::string>;

struct Layer {
  std::string folder;
  Folders below;  // what it may include beside itself
};

Folders operator+(Folders a, const Folders& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// DESIGN section 1, bottom up.
const std::vector<Layer>& layers() {
  static const Folders base{"lib/base"};
  static const Folders device = base + Folders{"lib/device"};
  static const Folders first = device + Folders{"kernels", "formats", "lib/comm", "lib/http"};
  static const Folders second = first + Folders{"lib/text", "lib/data", "lib/nn", "lib/optim", "lib/grade", "lib/store"};
  static const std::vector<Layer> table{
      {"lib/base", {}},
      {"lib/device", base},
      {"kernels", device},
      {"formats", base},
      {"lib/comm", device},
      {"lib/http", base},
      {"lib/text", first},
      {"lib/data", first + Folders{"lib/text"}},
      {"lib/nn", first},
      {"lib/optim", first + Folders{"lib/nn"}},
      {"lib/grade", first + Folders{"lib/text"}},
      {"lib/store", second},
      {"lib/train", second},
      {"lib/infer", second},
      {"lib/align", second + Folders{"lib/train", "lib/infer"}},
      {"lib/evaluate", second + Folders{"lib/infer"}},
      {"lib/tools", second + Folders{"lib/train", "lib/infer", "lib/align", "lib/evaluate"}},
      {"bin", base + Folders{"lib/tools"}},
  };
  return table;
}

struct Foreign {
  std::string header;    // a regular expression
  Folders folders;       // where it may stand
  bool in_headers;       // also in .h files
};

const std::vector<Foreign>& foreign_headers() {
  static const std::vector<Foreign> table{
      {"hdf5.*|H5.*", {"formats"}, false},
      {"zstd.*|zlib\\.h|zdict\\.h|lzma\\.h|bzlib\\.h", {"formats"}, false},
      {"dnnl.*|oneapi/.*", {"kernels"}, false},
      {"hwy/.*", {"kernels", "lib/text"}, true},
      {"mpi\\.h|nccl.*", {"lib/comm"}, false},
      {"cuda.*|cublas.*|cudnn.*", {"lib/device", "kernels"}, false},
      {"boost/program_options.*", {"lib/base"}, false},
      {"boost/(beast|asio).*|openssl/ssl\\.h", {"lib/http"}, false},
      {"openssl/evp\\.h|xxhash\\.h", {"lib/base"}, false},
      {"archive.*\\.h", {"lib/text/containers"}, false},
      {"gumbo\\.h", {"lib/text/html"}, true},
      {"pugixml\\.hpp", {"lib/text/extract"}, false},
      {"utf8proc\\.h", {"lib/text"}, false},
      {"cld2/.*", {"lib/text/quality"}, false},
      {"nlohmann/.*", {"lib/base/json"}, true},
      {"catch2/.*", {"tests/support"}, true},
  };
  return table;
}

bool within(const std::string& path, const std::string& folder) { return path.starts_with(folder); }

struct Include {
  std::size_t line;
  std::string header;
  bool quoted;
};

std::vector<Include> includes_of(const SourceFile& file) {
  static const std::regex pattern(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"])");
  std::vector<Include> found;
  const std::vector<std::string> lines = lines_of(without_comments(file.text));
  for (std::size_t i = 0; i < lines.size(); ++i) {
    std::smatch match;
    if (std::regex_search(lines[i], match, pattern)) found.push_back({i + 1, match[2], match[1] == "\""});
  }
  return found;
}

}  // namespace

Findings check_layers(const SourceFile& file) {
  Findings findings;
  if (!file.is_cpp() || file.path.starts_with("tests/")) return findings;
  const Layer* layer = nullptr;
  for (const Layer& each : layers()) {
    if (within(file.path, each.folder + "/")) layer = &each;
  }
  if (layer == nullptr) return {finding(file, 1, "C++ outside the folders of DESIGN section 1")};
  for (const Include& include : includes_of(file)) {
    if (!include.quoted) continue;
    bool allowed = within(include.header, layer->folder + "/");
    for (const std::string& folder : layer->below) allowed = allowed || within(include.header, folder + "/");
    if (!allowed) {
      findings.push_back(finding(file, include.line, layer->folder + " may not include " + include.header));
    }
  }
  return findings;
}

Findings check_foreign_headers(const SourceFile& file) {
  Findings findings;
  if (!file.is_cpp()) return findings;
  const bool test = file.path.starts_with("tests/");
  for (const Include& include : includes_of(file)) {
    if (include.header == "lib/base/json_value.h" && file.is_header() && !test) {
      findings.push_back(finding(file, include.line, "json_value.h is for .cpp files (headers include json.h)"));
    }
    for (const Foreign& foreign : foreign_headers()) {
      if (include.quoted || !std::regex_match(include.header, std::regex(foreign.header))) continue;
      bool allowed = test && foreign.folders.front() != "tests/support";
      for (const std::string& folder : foreign.folders) allowed = allowed || within(file.path, folder);
      if (!allowed) findings.push_back(finding(file, include.line, "<" + include.header + "> may not stand here"));
      // A .cuh is part of the .cu files that include it, never of a contract.
      if (allowed && !test && file.extension() == ".h" && !foreign.in_headers) {
        findings.push_back(finding(file, include.line, "<" + include.header + "> may stand in .cpp files only"));
      }
    }
  }
  return findings;
}

}  // namespace hearth::meta
