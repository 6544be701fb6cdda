// SPDX-License-Identifier: Apache-2.0
// A command with one option of every type, and a folder that goes when its test ends.
#pragma once
#include <stdlib.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/options.h"

namespace hearth {

struct Sample {
  std::int64_t steps = 100;
  std::optional<std::int64_t> limit;
  double rate = 0.1;
  bool json = false;
  std::string output, mode = "fast";
  std::uint64_t memory = 4096;
  std::vector<std::string> tags, config, inputs;
  int threads = 0;
  Command command{"sample", "takes a sample"};

  Sample() {
    command.details = "A sample is a command for tests.";
    command.examples = {{"hearth sample -o out.h5 docs", "sample a folder"}};
    command.positional("INPUT", &inputs, "files to sample");
    command.option("output", &output, "FILE", "where to write").letter('o').must();
    command.option("steps", &steps, "N", "number of steps").range(1, 1000000);
    command.option("limit", &limit, "N", "stop after N");
    command.option("rate", &rate, "R", "learning rate");
    command.option("mode", &mode, "MODE", "how to work").one_of({"fast", "exact"});
    command.option("tag", &tags, "TAG", "a tag");
    command.size("memory", &memory, "SIZE", "memory to use");
    command.group("Common options");
    command.flag("json", &json, "print JSON");
    command.option("threads", &threads, "N", "threads to use").letter('j').range(0, 4096);
    command.option("config", &config, "FILE", "read options from a file").not_in_config();
  }
  Sample(const Sample&) = delete;  // the command points into the fields
};

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "hearth-test-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace hearth
