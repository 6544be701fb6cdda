// SPDX-License-Identifier: Apache-2.0
// Every writer on a disk that fills up at any moment: Error{io}, nothing left behind, and the process goes on. A limit
// on the size of files stands in for the disk (no privileges needed); where a private tmpfs may be mounted, that too.
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <csignal>
#include <functional>
#include <thread>

#include "formats/checkpoint.h"
#include "formats/classifier.h"
#include "formats/documents.h"
#include "formats/jsonl.h"
#include "formats/safetensors.h"
#include "formats/tokens.h"
#include "lib/base/json_value.h"
#include "lib/base/rng.h"
#include "tests/formats/support.h"
#include "tests/support/catch.h"

using namespace hearth;
using namespace hearth::formats;

namespace {

// Files of this thread's process may not grow beyond the limit: EFBIG, instead of the signal.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(std::uint64_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int) = nullptr;
};

std::string incompressible(std::size_t bytes, std::uint64_t seed) {
  Rng rng(seed);
  std::string text(bytes, ' ');
  for (char& c : text) c = static_cast<char>('a' + rng.below(26));
  return text;
}

void write_documents(const fs::path& folder) {
  ThreadPool pool(2);
  DocumentsWriter writer(folder / "a.h5", false, pool, {.block_bytes = 4096});
  for (int i = 0; i < 100; ++i) {
    Document document;
    document.id = "id" + std::to_string(i);
    document.text = incompressible(2000, static_cast<std::uint64_t>(i));
    writer.add(RejectedDocument{document, "why", ""});
    writer.add(std::move(document));
  }
  writer.finish(Json::object(), Json::object());
}

void write_tokens(const fs::path& folder) {
  TokensHeader header;
  header.vocab_size = 300;
  header.token_bytes.resize(300);
  TokensWriter writer(folder / "a.h5", false, header);
  const std::vector<std::uint32_t> ids(1000, 7);
  for (int i = 0; i < 1500; ++i) writer.add(Split::train, ids, 1);  // 3 MB: beyond what is spooled in memory
  writer.finish(Json::object());
}

void write_checkpoint(const fs::path& folder) {
  const std::vector<float> weights(30000 + BulkWriter::alignment, 1.5f);
  const std::size_t begin = -reinterpret_cast<std::uintptr_t>(weights.data()) % BulkWriter::alignment / sizeof(float);
  CheckpointWriter writer(folder / "step");
  int name = 0;
  for (const std::size_t at : {begin, begin + 1, begin})  // past the page cache, by it, and past it
    writer.add("weight" + std::to_string(name++), Tensor(weights.data() + at, {300, 100}));
  writer.add_json("model.json", "{}");
  writer.finish(Json::object());
}

void write_classifier_file(const fs::path& folder) {
  const LinearClassifier classifier{std::vector<float>(1u << 16, 0.5f), 1, "all", "{}"};
  write_classifier(folder / "a.clf", false, classifier, Json::object());
}

void write_safetensors(const fs::path& folder) {
  const std::vector<float> weights(30000, 1.5f);
  SafetensorsWriter writer(folder / "a.safetensors", false, {{"a", DType::f32, {30000}}});
  writer.write(std::as_bytes(std::span(weights)));
  writer.finish();
}

void write_jsonl(const fs::path& folder) {
  JsonlWriter writer(folder / "a.jsonl.zst", false);
  for (int i = 0; i < 100; ++i) writer.write(Json{{"text", incompressible(2000, static_cast<std::uint64_t>(i))}});
  writer.commit();
}

struct Writer {
  const char* name;
  void (*write)(const fs::path& folder);
};
constexpr Writer writers[] = {{"documents", write_documents},        {"tokens", write_tokens},
                              {"checkpoint", write_checkpoint},      {"safetensors", write_safetensors},
                              {"classifier", write_classifier_file}, {"jsonl", write_jsonl}};

std::uint64_t largest_file(const fs::path& folder) {
  std::uint64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) bytes = std::max<std::uint64_t>(bytes, entry.file_size());
  }
  return bytes;
}

// "" when write ended in Error{io} and left the folder empty, else what went wrong.
std::string outcome_of(const Writer& writer, const fs::path& folder, std::string& message) {
  try {
    writer.write(folder);
    return "no error";
  } catch (const Error& error) {
    message = error.what();
    if (error.kind() != Kind::io) return "another kind of error: " + message;
  }
  return fs::is_empty(folder) ? "" : "files are left behind";
}

}  // namespace

TEST_CASE("a writer whose file cannot grow ends in an I/O error and leaves nothing behind") {
  for (const Writer& writer : writers) {
    const TemporaryFolder whole, folder;
    writer.write(whole.path());
    const std::uint64_t size = largest_file(whole.path());
    for (const std::uint64_t limit :
         {std::uint64_t{0}, std::uint64_t{96}, std::uint64_t{2048}, size / 4, size / 2, size - 3000, size - 1}) {
      std::string message, outcome;
      {
        const FileSizeLimit limited(limit);
        outcome = outcome_of(writer, folder.path(), message);
      }
      INFO(writer.name << " limited to " << limit << " of " << size << ": " << message);
      CHECK(outcome == "");
      CHECK(message.find("File too large") != std::string::npos);
    }
    writer.write(folder.path());  // the process is none the worse
  }
}

TEST_CASE("a full disk is named as such") {
  const TemporaryFolder folder;
  bool mounted = false;
  std::vector<std::string> outcomes, messages;
  std::thread([&] {  // in a mount namespace of its own, which ends with the thread
    mounted = ::unshare(CLONE_NEWNS) == 0 && ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
              ::mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=64k") == 0;
    for (const Writer& writer : writers) {
      if (mounted) outcomes.push_back(outcome_of(writer, folder.path(), messages.emplace_back()));
    }
  })
      .join();
  if (!mounted) {
    WARN("skipped: a tmpfs cannot be mounted here (needs root)");
    return;
  }
  REQUIRE(outcomes.size() == std::size(writers));
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    INFO(writers[i].name << ": " << messages[i]);
    CHECK(outcomes[i] == "");
    CHECK(messages[i].find("No space left on device") != std::string::npos);
  }
}
