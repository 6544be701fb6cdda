// SPDX-License-Identifier: Apache-2.0
// What the machine is and what it has installed, and whether files can be written and read back.
#include <unistd.h>

#include <system_error>

#include "formats/documents.h"
#include "formats/libraries.h"
#include "kernels/libraries.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/base/machine.h"
#include "lib/base/text.h"
#include "lib/text/libraries.h"
#include "lib/tools/doctor_checks.h"

namespace hearth::tools::doctor {
namespace {

constexpr double small_memory_bytes = 4.0 * (1u << 30);

// A folder of its own that goes with the object.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(const fs::path& parent) {
    std::string name = (parent / "hearth-doctor-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw system_error(parent.string(), errno);
    path = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  fs::path path;
};

Finding temporary_folder_check(const fs::path& folder) {
  Finding finding{"files", "temporary folder", Status::good, folder.string(), "", 0, ""};
  try {
    const TemporaryFolder own(folder);
    write_file(own.path / "file", "text");
    if (read_file(own.path / "file") != "text") throw Error(Kind::io, "what was written reads back differently");
    finding.number = static_cast<double>(fs::space(folder).available);
    finding.unit = "bytes free";
    finding.value += ", " + human_bytes(finding.number) + " free";
  } catch (const std::exception& error) {
    finding.status = Status::failed;
    finding.value = error.what();
    finding.advice = "name a folder that can be written to by --tmpdir, HEARTH_TMPDIR or TMPDIR";
  }
  return finding;
}

// Text of many kinds of bytes through zstd and HDF5 and back.
Finding zstd_round_trip(const fs::path& folder, ThreadPool& pool) {
  Finding finding{"files", "HDF5 with zstd", Status::good, "a written file reads back the same", "", 0, ""};
  try {
    const TemporaryFolder own(folder);
    formats::Document document;
    document.id = "doctor";
    for (int i = 0; i < 20000; ++i)
      document.text += std::to_string(i * i % 977) + (i % 7 == 0 ? "\n" : " \xE2\x82\xAC ");
    formats::DocumentsWriter writer(own.path / "corpus.h5", false, pool, {});
    writer.add(document);
    writer.finish(Json::object(), Json::object());
    const formats::DocumentsReader reader(own.path / "corpus.h5");
    if (reader.n_documents() != 1 || reader.read_block(0).at(0).text != document.text) {
      throw Error(Kind::io, "the text reads back differently");
    }
  } catch (const std::exception& error) {
    finding.status = Status::failed;
    finding.value = error.what();
    finding.advice = "check the versions of libhdf5 and libzstd above, and the folder named by --tmpdir";
  }
  return finding;
}

std::string text_of_isa(const std::string& isa) {
  if (isa == "avx512_bf16") return "AVX-512 with bf16";
  if (isa == "avx512") return "AVX-512";
  return isa == "avx2" ? "AVX2" : "baseline";
}

}  // namespace

std::vector<Finding> machine_facts(Context& context) {
  const Machine machine = this_machine();
  const int n_threads = context.pool.n_threads();
  const auto memory = static_cast<double>(machine.memory_bytes);
  std::vector<Finding> facts;
  const auto add = [&facts](std::string name, std::string value, double number = 0, std::string unit = "") {
    facts.push_back({"machine", std::move(name), Status::fact, std::move(value), "", number, std::move(unit)});
  };
  add("host", machine.host);
  add("processor", machine.cpu);
  add("instruction set", text_of_isa(machine.isa));
  if (machine.isa == "baseline") {
    facts.back().status = Status::warning;
    facts.back().advice = "works, but slowly: hearth's fast kernels want AVX2";
  }
  add("cores", std::to_string(machine.n_cores), machine.n_cores, "cores");
  add("threads", std::to_string(n_threads), n_threads, "threads");
  if (n_threads > machine.n_cores) {
    facts.back().status = Status::warning;
    facts.back().advice = "more threads than cores: work will take turns; leave out --threads";
  }
  add("memory", human_bytes(memory), memory, "bytes");
  if (memory < small_memory_bytes) {
    facts.back().status = Status::warning;
    facts.back().advice = "enough for small models only; see pretrain's --dry-run";
  }
  return facts;
}

std::vector<Finding> library_versions() {
  std::vector<Finding> found;
  for (const auto& libraries : {base_libraries(), formats::libraries(), text::libraries(), kernels::libraries()}) {
    for (const Library& library : libraries) {
      found.push_back({"libraries", library.name, Status::fact, library.version, "", 0, ""});
    }
  }
  return found;
}

std::vector<Finding> file_checks(const fs::path& temporary_folder, ThreadPool& pool) {
  std::vector<Finding> found{temporary_folder_check(temporary_folder)};
  if (found.back().status == Status::good) found.push_back(zstd_round_trip(temporary_folder, pool));
  return found;
}

}  // namespace hearth::tools::doctor
