// SPDX-License-Identifier: Apache-2.0
// fuzz_replay SOURCE_TREE [TARGET...]: runs the files of tests/golden/fuzz/TARGET and of its folders in
// tests/fuzz/seeds.txt through each target; all targets when none is named. A target without files is a failure, and so
// is a folder without a target.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <vector>

#include "lib/base/file.h"
#include "tests/fuzz/fuzz.h"

namespace hearth::fuzz {
namespace {

std::map<std::string, Target>& targets() {
  static std::map<std::string, Target> map;
  return map;
}

std::vector<fs::path> folders_of(const fs::path& tree, const std::string& target) {
  std::vector<fs::path> folders = {tree / "tests/golden/fuzz" / target};
  std::ifstream seeds(tree / "tests/fuzz/seeds.txt");
  for (std::string line; std::getline(seeds, line);) {
    if (line.starts_with(target + " ")) folders.push_back(tree / line.substr(target.size() + 1));
  }
  return folders;
}

bool replay(const fs::path& tree, const std::string& name, Target target) {
  std::size_t n_files = 0;
  for (const fs::path& folder : folders_of(tree, name)) {
    if (!fs::is_directory(folder)) continue;
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (!entry.is_regular_file()) continue;
      std::cout << entry.path().string() << std::endl;  // flushed: the last one named is the one that crashed
      run(target, read_file(entry.path()));
      ++n_files;
    }
  }
  run(target, "");
  return n_files > 0;
}

int replay_all(const fs::path& tree, std::vector<std::string> names) {
  if (names.empty()) {
    for (const auto& [name, target] : targets()) names.push_back(name);
  }
  for (const auto& entry : fs::directory_iterator(tree / "tests/golden/fuzz")) {
    if (targets().contains(entry.path().filename().string())) continue;
    std::cerr << entry.path().string() << ": no target of this name\n";
    return 1;
  }
  for (const std::string& name : names) {
    const auto found = targets().find(name);
    if (found != targets().end() && replay(tree, name, found->second)) continue;
    std::cerr << name << (found == targets().end() ? ": no such target\n" : ": no files to replay\n");
    return 1;
  }
  return 0;
}

}  // namespace

Registration::Registration(const char* name, Target target) {
  targets()[name] = target;
}

}  // namespace hearth::fuzz

int main(int argc, char** argv) {
  if (argc < 2) return 64;
  return hearth::fuzz::replay_all(argv[1], {argv + 2, argv + argc});
}
