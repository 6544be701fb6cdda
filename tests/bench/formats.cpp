// SPDX-License-Identifier: Apache-2.0
// bench_formats SCRATCH_FOLDER TEXT_FOLDER: documents, tokens and checkpoints written and read, beside the least that
// could be done with the same bytes: zstd alone, or plain write and pread of the finished file (warm in the page
// cache).
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "formats/checkpoint.h"
#include "formats/documents.h"
#include "formats/hdf5_file.h"
#include "formats/jsonl.h"
#include "formats/tokens.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/base/machine.h"
#include "lib/device/memory.h"

namespace hearth::formats {
namespace {

constexpr int repetitions = 3;
constexpr std::size_t piece_bytes = 4u << 20;
constexpr std::uint64_t most_text_bytes = 256u << 20;

double best_seconds(const std::function<void()>& body) {
  double best = 1e30;
  for (int i = 0; i < repetitions; ++i) {
    const Stopwatch watch;
    body();
    best = std::min(best, watch.seconds());
  }
  return best;
}

void print(const char* name, std::uint64_t bytes, double seconds, const char* against, double ceiling_seconds,
           int threads) {
  const auto work = static_cast<double>(bytes);
  const Json line{{"bench", name},
                  {"work", bytes},
                  {"seconds", seconds},
                  {"rate", work / seconds},
                  {"unit", "bytes/s"},
                  {"threads", threads},
                  {"against", against},
                  {"ceiling", work / ceiling_seconds},
                  {"ratio", ceiling_seconds / seconds},
                  {"repetitions", repetitions},
                  {"machine", this_machine().cpu}};
  std::printf("%s\n", dump_json(line).c_str());
}

void read_plainly(const fs::path& path) {
  const RawFile file(path, RawFile::Mode::read);
  std::vector<std::byte> piece(piece_bytes);
  const std::uint64_t size = file.bytes();
  for (std::uint64_t at = 0; at < size; at += piece.size()) {
    file.read_at(at, std::span(piece).first(std::min<std::uint64_t>(piece.size(), size - at)));
  }
}

// Writes and syncs bytes under their name, as the codecs do.
void write_plainly(const fs::path& path, std::span<const std::byte> bytes) {
  AtomicFile file(path, true);
  for (; !bytes.empty(); bytes = bytes.subspan(std::min(bytes.size(), piece_bytes)))
    file.write(bytes.first(std::min(bytes.size(), piece_bytes)));
  file.commit();
}

std::vector<Document> documents_of(const fs::path& folder) {
  std::vector<Document> documents;
  std::uint64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied)) {
    if (!entry.is_regular_file() || entry.file_size() > (1u << 20) || bytes > most_text_bytes) continue;
    Document& document = documents.emplace_back();
    document.id = std::to_string(documents.size());
    document.source = entry.path().string();
    document.text = read_file(entry.path());
    bytes += document.text.size();
  }
  return documents;
}

void bench_documents(const fs::path& scratch, const std::vector<Document>& documents, int n_threads) {
  ThreadPool pool(n_threads);
  std::string all;
  for (const Document& document : documents) all += document.text;
  const fs::path path = scratch / "documents.h5";
  const double write_s = best_seconds([&] {
    DocumentsWriter writer(path, true, pool, {});
    for (const Document& document : documents) writer.add(Document(document));
    writer.finish(Json::object(), Json::object());
  });
  const auto n_chunks = static_cast<std::int64_t>((all.size() + piece_bytes - 1) / piece_bytes);
  std::vector<std::string> frames(static_cast<std::size_t>(n_chunks));
  const double pack_s = best_seconds([&] {
    pool.for_each(n_chunks, [&](std::int64_t i, int) {
      const auto chunk = static_cast<std::size_t>(i);
      frames[chunk] = compress_chunk(all.substr(chunk * piece_bytes, piece_bytes), piece_bytes, 3);
    });
  });
  print("documents write", all.size(), write_s, "zstd level 3 alone", pack_s, n_threads);
  const DocumentsReader reader(path);
  const double read_s = best_seconds([&] {
    pool.for_each(static_cast<std::int64_t>(reader.n_blocks()),
                  [&](std::int64_t b, int) { reader.read_block(static_cast<std::uint64_t>(b)); });
  });
  std::vector<std::string> outs(static_cast<std::size_t>(n_threads), std::string(piece_bytes, '\0'));
  const double unpack_s = best_seconds([&] {
    pool.for_each(n_chunks, [&](std::int64_t i, int thread) {
      decompress_chunk(frames[static_cast<std::size_t>(i)], outs[static_cast<std::size_t>(thread)]);
    });
  });
  print("documents read", all.size(), read_s, "zstd alone", unpack_s, n_threads);
  print("documents read", fs::file_size(path), read_s, "pread of the file", best_seconds([&] { read_plainly(path); }),
        n_threads);
}

void bench_tokens(const fs::path& scratch) {
  constexpr std::size_t document_tokens = 1000, n_documents = 200'000;
  TokensHeader header;
  header.vocab_size = 50'000;
  header.token_bytes.resize(header.vocab_size);
  std::vector<std::uint32_t> ids(document_tokens);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::uint32_t>(i * 7919 % header.vocab_size);
  const fs::path path = scratch / "tokens.h5";
  const double write_s = best_seconds([&] {
    TokensWriter writer(path, true, header);
    for (std::size_t i = 0; i < n_documents; ++i) writer.add(Split::train, ids, 4 * document_tokens);
    writer.finish(Json::object());
  });
  const TokensReader reader(path);
  const auto mapped = std::as_bytes(reader.split(Split::train).ids16);
  const double plain_s = best_seconds([&] { write_plainly(scratch / "plain", mapped); });
  print("tokens write", mapped.size(), write_s, "plain write and sync", plain_s, 1);
  volatile std::uint64_t sum = 0;
  const double read_s = best_seconds([&] {
    const TokensReader fresh(path);
    std::uint64_t total = 0;
    for (const std::uint16_t id : fresh.split(Split::train).ids16) total += id;
    sum = total;
  });
  print("tokens read", mapped.size(), read_s, "pread of the file", best_seconds([&] { read_plainly(path); }), 1);
  print("tokens verify", mapped.size(), best_seconds([&] { reader.verify(); }), "pread of the file",
        best_seconds([&] { read_plainly(path); }), 1);
}

void bench_checkpoint(const fs::path& scratch) {
  constexpr int n_tensors = 100;
  const Shape shape{1024, 1024};
  Buffer memory(4u << 20);
  const Tensor tensor(memory.data(), DType::f32, shape);
  const fs::path folder = scratch / "step";
  const double write_s = best_seconds([&] {
    fs::remove_all(folder);
    CheckpointWriter writer(folder);
    for (int i = 0; i < n_tensors; ++i) writer.add("tensor" + std::to_string(i), tensor);
    writer.finish(Json::object());
  });
  const MappedFile part(folder / "part-00000.h5");
  const std::uint64_t bytes = n_tensors * tensor.bytes();
  print("checkpoint write", bytes, write_s, "plain write and sync",
        best_seconds([&] { write_plainly(scratch / "plain", part.bytes()); }), 1);
  const double read_s = best_seconds([&] {
    const CheckpointReader reader(folder);
    for (int i = 0; i < n_tensors; ++i) reader.read("tensor" + std::to_string(i), tensor);
  });
  print("checkpoint read", bytes, read_s, "pread of the file",
        best_seconds([&] { read_plainly(folder / "part-00000.h5"); }), 1);
}

void bench_jsonl(const fs::path& scratch, const std::vector<Document>& documents) {
  const fs::path path = scratch / "records.jsonl";
  JsonlWriter writer(path, true);
  for (const Document& document : documents) writer.write(Json{{"id", document.id}, {"text", document.text}});
  writer.commit();
  const double lines_s = best_seconds([&] {
    LineReader reader(path);
    for (Line line; reader.next(line);) continue;
  });
  const double parse_s = best_seconds([&] {
    LineReader reader(path);
    Json value;
    std::string reason;
    for (Line line; reader.next(line);) parse_line(line, value, reason);
  });
  const double plain_s = best_seconds([&] { read_plainly(path); });
  print("jsonl lines", fs::file_size(path), lines_s, "pread of the file", plain_s, 1);
  print("jsonl records", fs::file_size(path), parse_s, "pread of the file", plain_s, 1);
}

}  // namespace
}  // namespace hearth::formats

int main(int argc, char** argv) {
  using namespace hearth;
  using namespace hearth::formats;
  if (argc != 3) {
    std::fprintf(stderr, "usage: bench_formats SCRATCH_FOLDER TEXT_FOLDER\n");
    return static_cast<int>(Kind::usage);
  }
  const fs::path scratch = argv[1];
  const std::vector<Document> documents = documents_of(argv[2]);
  bench_documents(scratch, documents, 1);
  bench_documents(scratch, documents, available_cores());
  bench_tokens(scratch);
  bench_checkpoint(scratch);
  bench_jsonl(scratch, documents);
}
