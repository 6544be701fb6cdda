// SPDX-License-Identifier: Apache-2.0
// The repository keeps its own rules. First of all tests: a layering that is not checked does not last.
#include <algorithm>

#include "lib/base/text.h"
#include "tests/meta/checks.h"
#include "tests/support/catch.h"

using namespace hearth;
using namespace hearth::meta;

namespace {

const std::vector<SourceFile>& repository() {
  static const std::vector<SourceFile> files = source_tree(HEARTH_SOURCE_DIR);
  return files;
}

std::string all_findings(Findings (*check)(const SourceFile&)) {
  std::string text;
  for (const SourceFile& file : repository()) {
    for (const std::string& each : check(file)) text += each + "\n";
  }
  return text;
}

std::size_t quantile(std::vector<std::size_t> values, double q) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
}

struct Measured {
  std::string where;
  std::size_t n_lines;
};

std::string longer_than(const std::vector<Measured>& all, std::size_t limit) {
  std::string text;
  for (const Measured& each : all) {
    if (each.n_lines > limit) text += each.where + ": " + std::to_string(each.n_lines) + " lines (at most " + std::to_string(limit) + ")\n";
  }
  return text;
}

std::vector<std::size_t> lengths(const std::vector<Measured>& all) {
  std::vector<std::size_t> out;
  for (const Measured& each : all) out.push_back(each.n_lines);
  return out;
}

std::vector<Measured> measured_functions() {
  std::vector<Measured> out;
  for (const SourceFile& file : repository()) {
    if (!file.is_cpp()) continue;
    for (const Function& function : functions_of(file.text)) {
      out.push_back({finding(file, function.first_line, function.head.substr(0, 60)), function.n_lines});
    }
  }
  return out;
}

}  // namespace

TEST_CASE("the repository was found") {
  CHECK(std::any_of(repository().begin(), repository().end(), [](const auto& f) { return f.path == "lib/base/error.h"; }));
  CHECK(std::any_of(repository().begin(), repository().end(), [](const auto& f) { return f.path == "Makefile"; }));
}

TEST_CASE("an include only goes down") { CHECK(all_findings(check_layers) == ""); }
TEST_CASE("foreign headers stand where their library may be linked") { CHECK(all_findings(check_foreign_headers) == ""); }
TEST_CASE("the library neither prints nor exits nor looks around") { CHECK(all_findings(check_calls) == ""); }
TEST_CASE("licence lines and names") { CHECK(all_findings(check_names) == ""); }
TEST_CASE("no shell is made to run its own eval or export") { CHECK(all_findings(check_builtin_names) == ""); }

TEST_CASE("files stay short") {
  std::vector<Measured> files;
  for (const SourceFile& file : repository()) {
    if (file.is_cpp()) files.push_back({file.path, lines_of(file.text).size()});
  }
  CHECK(longer_than(files, 800) == "");
  CHECK(quantile(lengths(files), 0.5) <= 180);
  CHECK(quantile(lengths(files), 0.9) <= 450);
}

TEST_CASE("functions stay short") {
  const std::vector<Measured> functions = measured_functions();
  CHECK(functions.size() > 100);
  CHECK(longer_than(functions, 100) == "");
  CHECK(quantile(lengths(functions), 0.9) <= 45);
}

TEST_CASE("a main is a few lines") {
  std::vector<Measured> mains;
  for (const SourceFile& file : repository()) {
    if (file.path.starts_with("bin/") && file.is_cpp()) mains.push_back({file.path, lines_of(file.text).size()});
  }
  CHECK(longer_than(mains, 60) == "");
}
