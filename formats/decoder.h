// SPDX-License-Identifier: Apache-2.0
// The parts of a TextStream: an input read piece by piece, and the decoders that turn its bytes into the stream's.
#pragma once
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "formats/text_stream.h"
#include "lib/base/error.h"

namespace hearth::formats {

// A file, standard input or whatever a function reads, in pieces.
class Input {
 public:
  explicit Input(const std::filesystem::path& path);
  Input(std::string name, ReadBytes read);
  ~Input();
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  const std::string& name() const { return name_; }
  std::string_view pending() const { return std::string_view(buffer_).substr(begin_, end_ - begin_); }
  void consume(std::size_t bytes) { begin_ += bytes; }
  // Reads until at least `wanted` bytes are pending; fewer are at the end of the file. Throws Error{io}.
  void fill(std::size_t wanted);

 private:
  std::size_t read_some(std::span<char> out);

  std::string name_;
  std::string buffer_;
  std::size_t begin_ = 0, end_ = 0;
  int descriptor_ = 0;
  ReadBytes read_;  // empty: the descriptor is read
};

// Turns the input's bytes into the stream's.
class Decoder {
 public:
  explicit Decoder(Input& input) : input_(input) {}
  virtual ~Decoder() = default;
  // Some bytes, at least one unless the stream has ended. Throws Error{data} for a damaged stream.
  virtual std::size_t read_some(std::span<char> out) = 0;

 protected:
  Error cut(const char* format) const;
  Error damaged(const char* format, const char* why) const;
  Input& input_;
};

std::unique_ptr<Decoder> decoder_of(Compression compression, Input& input);

}  // namespace hearth::formats
