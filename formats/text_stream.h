// SPDX-License-Identifier: Apache-2.0
// Reads a file that is plain, gzip, zstd, xz or bzip2 as one stream of bytes, in bounded memory. The file's first bytes
// decide, not its name; members and frames may follow one another. And the writer of plain and zstd text files.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace hearth::formats {

enum class Compression { none, gzip, zstd, xz, bzip2 };

// What the first bytes of a file say it is (6 suffice).
Compression compression_of(std::string_view head);

// Puts the next bytes into out, at least one unless there are no more, and says how many.
using ReadBytes = std::function<std::size_t(std::span<char> out)>;

class TextStream {
 public:
  // "-" reads standard input. Throws Error{missing} when path cannot be opened.
  explicit TextStream(const std::filesystem::path& path);
  // What read gives; name stands in messages.
  TextStream(std::string name, ReadBytes read);
  ~TextStream();
  TextStream(TextStream&&) noexcept;
  TextStream& operator=(TextStream&&) noexcept;

  Compression compression() const;
  // Fills out with the next bytes; fewer than out.size() only at the end, then 0. Throws Error{data} naming path when a
  // compressed stream is damaged or ends in its middle, Error{io} when reading fails.
  std::size_t read(std::span<char> out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Writes under NAME.partial until commit(); zstd when the name ends in .zst. "-" writes standard output, plain.
class TextWriter {
 public:
  TextWriter(const std::filesystem::path& path, bool overwrite, int zstd_level = 3);
  ~TextWriter();
  void write(std::string_view text);  // Error{io}: a full disk, a closed pipe
  void commit();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hearth::formats
