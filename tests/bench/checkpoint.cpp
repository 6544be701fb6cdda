// SPDX-License-Identifier: Apache-2.0
// bench_checkpoint FOLDER [MIB]: checkpoints as the training writes them (lib/train/saver.h), in turns:
// - beside the same bytes written plainly and synced, and written past the page cache, from the call to the complete
//   folder;
// - read back, with checksums, beside its parts read plainly, both from the disk;
// - behind a loop of steps that multiply matrices on one thread: what the loop loses by one checkpoint.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "formats/checkpoint.h"
#include "kernels/gemm.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/device/memory.h"
#include "lib/store/checkpoint_model.h"
#include "lib/train/saver.h"

namespace hearth {
namespace {

constexpr int rounds = 7;

double median(std::vector<double> values) {
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2));
  return values[values.size() / 2];
}

double seconds_of(const std::function<void()>& body) {
  const Stopwatch watch;
  body();
  return watch.seconds();
}

// flags: O_DIRECT or none.
void write_plainly(const fs::path& path, const std::byte* from, std::size_t bytes, int flags) {
  const int file = ::open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | flags, 0644);
  for (std::size_t at = 0; at < bytes;) {
    const ssize_t n = ::write(file, from + at, bytes - at);
    if (n <= 0) throw system_error(path.string(), errno);
    at += static_cast<std::size_t>(n);
  }
  if (::fsync(file) != 0) throw system_error(path.string(), errno);
  ::close(file);
}

// What the page cache holds of a file goes.
void forget(const fs::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY);
  if (::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) != 0) throw system_error(path.string(), errno);
  ::close(file);
}

void read_plainly(const fs::path& path, std::byte* to, std::size_t bytes) {
  const int file = ::open(path.c_str(), O_RDONLY);
  for (std::size_t at = 0; at < bytes;) {
    const ssize_t n = ::read(file, to + at, bytes - at);
    if (n <= 0) throw system_error(path.string(), errno);
    at += static_cast<std::size_t>(n);
  }
  ::close(file);
}

class Bench {
 public:
  Bench(fs::path folder, std::size_t bytes)
      : folder_(std::move(folder)),
        memory_(bytes),
        self_(comm::make_self_communicator()),
        saver_(folder_, {}, *self_),
        pool_(1),
        stream_(pool_) {
    std::memset(memory_.data(), 0x3c, bytes);
    constexpr std::int64_t width = 1024;
    const std::size_t each = width * 4 * width * sizeof(float);
    for (std::size_t at = 0; at + each <= bytes; at += each)
      tensors_.push_back({"tensor" + std::to_string(at), Tensor(memory_.data() + at, DType::f32, {4 * width, width})});
  }

  void bandwidth() {
    std::vector<double> ours, plain, direct, ratios, direct_ratios;
    for (int round = 0; round < rounds; ++round) {
      plain.push_back(seconds_of([&] { write_plainly(folder_ / "plain", memory_.data(), bytes(), 0); }));
      ours.push_back(seconds_of([&] {
        save();
        saver_.finish();
      }));
      direct.push_back(seconds_of([&] { write_plainly(folder_ / "direct", memory_.data(), bytes(), O_DIRECT); }));
      ratios.push_back(plain.back() / ours.back());
      direct_ratios.push_back(direct.back() / ours.back());
    }
    fs::remove(folder_ / "plain");
    fs::remove(folder_ / "direct");
    print({{"bench", "checkpoint bandwidth"},
           {"seconds", median(ours)},
           {"plain_seconds", median(plain)},
           {"direct_seconds", median(direct)},
           {"rate", static_cast<double>(bytes()) / median(ours)},
           {"ceiling", static_cast<double>(bytes()) / median(plain)},
           {"ratio", median(ratios)},
           {"direct_ratio", median(direct_ratios)}});
  }

  void reading() {
    save(), saver_.finish();
    const fs::path checkpoint = folder_ / store::step_folder_name(step_), part = checkpoint / "part-00000.h5";
    std::vector<double> ours, plain, ratios;
    Buffer memory(bytes());
    for (int round = 0; round < rounds; ++round) {
      forget(part);
      plain.push_back(seconds_of([&] { read_plainly(part, memory.data(), bytes()); }));
      forget(part);
      ours.push_back(seconds_of([&] {
        const formats::CheckpointReader reader(checkpoint);
        for (std::size_t i = 0; i < tensors_.size(); ++i) {
          const Tensor& like = tensors_[i].tensor;
          reader.read(tensors_[i].name, Tensor(memory.data() + i * like.bytes(), like.dtype, like.shape));
        }
      }));
      ratios.push_back(plain.back() / ours.back());
    }
    print({{"bench", "checkpoint reading"},
           {"seconds", median(ours)},
           {"plain_seconds", median(plain)},
           {"rate", static_cast<double>(bytes()) / median(ours)},
           {"ceiling", static_cast<double>(bytes()) / median(plain)},
           {"ratio", median(ratios)}});
  }

  // Two loops in turns, one with a checkpoint at its first step; long enough for it to be written meanwhile.
  void behind_steps() {
    const double one = seconds_of([&] { steps(10); }) / 10;
    const double write = seconds_of([&] { save(), saver_.finish(); });
    const int n = static_cast<int>(2 * write / one) + 10;
    std::vector<double> with, without, calls;
    for (int round = 0; round < rounds; ++round) {
      without.push_back(seconds_of([&] { steps(n); }));
      with.push_back(seconds_of([&] {
        calls.push_back(seconds_of([&] { save(); }));
        steps(n);
      }));
      saver_.finish();
    }
    const double lost = median(with) - median(without);
    print({{"bench", "checkpoint behind steps"},
           {"steps", n},
           {"seconds", median(with)},
           {"seconds_without", median(without)},
           {"lost_seconds", lost},
           {"call_seconds", median(calls)},
           {"share_of_10_minutes", lost / 600}});
  }

 private:
  std::size_t bytes() const { return train::CheckpointSaver::staging_bytes(tensors_); }
  void save() { saver_.save(stream_, ++step_, tensors_, Json::object(), Json::object(), Json::object()); }

  void steps(int n) {
    constexpr std::int64_t m = 256, width = 1024;
    const Tensor x(input_.data(), {m, width}), w(weights_.data(), {width, width}), y(output_.data(), {m, width});
    for (int i = 0; i < n; ++i) kernels::gemm(stream_, {.a = x, .b = w, .y = y});
  }

  void print(Json result) {
    result["work"] = std::to_string(bytes()) + " bytes";
    result["repetitions"] = rounds;
    std::printf("%s\n", dump_json(result).c_str());
  }

  fs::path folder_;
  Buffer memory_;
  std::unique_ptr<comm::Communicator> self_;
  train::CheckpointSaver saver_;
  ThreadPool pool_;
  Stream stream_;
  std::vector<train::NamedTensor> tensors_;
  std::int64_t step_ = 0;
  std::vector<float> input_ = std::vector<float>(256 * 1024, 0.5f), weights_ = std::vector<float>(1024 * 1024, 0.5f),
                     output_ = std::vector<float>(256 * 1024);
};

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) {
  using namespace hearth;
  if (argc < 2) {
    std::fprintf(stderr, "bench_checkpoint: give an empty FOLDER to write in, and perhaps MIB to write\n");
    return 64;
  }
  try {
    Bench bench(argv[1], static_cast<std::size_t>(argc > 2 ? std::stoul(argv[2]) : 512) << 20);
    bench.bandwidth();
    bench.reading();
    bench.behind_steps();
    return 0;
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return error.exit_code();
  }
}
