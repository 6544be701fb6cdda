// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/shard_plan.h"

#include <algorithm>
#include <string>
#include <system_error>
#include <vector>

#include "formats/documents.h"
#include "lib/base/digest.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/base/machine.h"

namespace hearth::tools::shard {
namespace {

// Of a folder (a model) what its files are called and hold. What is not there is said by whoever reads it.
std::string content_of(const fs::path& path) {
  std::error_code failed;
  if (fs::is_regular_file(path, failed)) return sha256_of_file(path);
  std::vector<fs::path> files;
  for (fs::recursive_directory_iterator at(path, failed), end; !failed && at != end; at.increment(failed)) {
    if (at->is_regular_file(failed)) files.push_back(at->path());
  }
  std::sort(files.begin(), files.end());
  Sha256 digest;
  for (const fs::path& file : files) digest.update(file.lexically_relative(path).string() + sha256_of_file(file));
  return digest.hex();
}

}  // namespace

Json plan_of(const Options& options, const Context& context) {
  Json config = parse_json(context.invocation.config, "the options in force");
  for (const char* name : {"threads", "json", "log", "log-level", "progress", "quiet", "verbose", "overwrite",
                           "no-provenance", "html", "resume", "dry-run", "output", "dedup-memory"}) {
    config.erase(name);
  }
  Json plan{{"producer", producer()}, {"config", config}};
  Json& contents = plan["contents"] = Json::object();
  for (const std::string& path : options.duplicates.against) contents[path] = formats::DocumentsReader(path).digest();
  std::vector<std::string> named = options.duplicates.suites;
  named.insert(named.end(), {options.classifier.path, options.perplexity.model, options.privacy.names,
                             options.privacy.pseudonym_key});
  for (const std::string& path : named) {
    if (!path.empty()) contents[path] = content_of(path);
  }
  return plan;
}

}  // namespace hearth::tools::shard
