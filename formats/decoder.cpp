// SPDX-License-Identifier: Apache-2.0
#include "formats/decoder.h"

#include <bzlib.h>
#include <fcntl.h>
#include <lzma.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "lib/base/file.h"

namespace hearth::formats {
namespace {

constexpr std::size_t input_bytes = 256u << 10;

class PlainDecoder : public Decoder {
 public:
  using Decoder::Decoder;
  std::size_t read_some(std::span<char> out) override {
    input_.fill(1);
    const std::size_t taken = std::min(out.size(), input_.pending().size());
    std::copy_n(input_.pending().data(), taken, out.data());
    input_.consume(taken);
    return taken;
  }
};

class GzipDecoder : public Decoder {
 public:
  explicit GzipDecoder(Input& input) : Decoder(input) {
    constexpr int gzip_window = 15 + 16;
    HEARTH_CHECK(inflateInit2(&stream_, gzip_window) == Z_OK, "zlib does not start");
  }
  ~GzipDecoder() override { inflateEnd(&stream_); }

  std::size_t read_some(std::span<char> out) override {
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(std::min<std::size_t>(out.size(), 1u << 30));
    const uInt wanted = stream_.avail_out;
    while (stream_.avail_out == wanted) {
      input_.fill(1);
      if (!inside_member_ && at_end_or_padding()) return 0;
      if (input_.pending().empty()) throw cut("gzip");
      inside_member_ = true;
      const std::string_view pending = input_.pending();
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(pending.data()));
      stream_.avail_in = static_cast<uInt>(pending.size());
      const int result = inflate(&stream_, Z_NO_FLUSH);
      input_.consume(pending.size() - stream_.avail_in);
      if (result == Z_STREAM_END) {
        inside_member_ = false;
        inflateReset(&stream_);
      } else if (result != Z_OK && result != Z_BUF_ERROR) {
        throw damaged("gzip", stream_.msg);
      }
    }
    return wanted - stream_.avail_out;
  }

 private:
  // Between members: nothing, or the zeros that tapes and some tools add.
  bool at_end_or_padding() {
    while (!input_.pending().empty() && input_.pending().find_first_not_of('\0') == std::string_view::npos) {
      input_.consume(input_.pending().size());
      input_.fill(1);
    }
    return input_.pending().empty();
  }

  z_stream stream_{};
  bool inside_member_ = false;
};

class ZstdDecoder : public Decoder {
 public:
  explicit ZstdDecoder(Input& input) : Decoder(input), stream_(ZSTD_createDStream(), ZSTD_freeDStream) {}

  std::size_t read_some(std::span<char> out) override {
    ZSTD_outBuffer output{out.data(), out.size(), 0};
    while (output.pos == 0) {
      input_.fill(1);
      ZSTD_inBuffer from{input_.pending().data(), input_.pending().size(), 0};
      if (from.size == 0 && !inside_frame_) return 0;
      const std::size_t hint = ZSTD_decompressStream(stream_.get(), &output, &from);
      input_.consume(from.pos);
      if (ZSTD_isError(hint)) throw damaged("zstd", ZSTD_getErrorName(hint));
      inside_frame_ = hint != 0;
      if (from.size == 0 && output.pos == 0) throw cut("zstd");
    }
    return output.pos;
  }

 private:
  std::unique_ptr<ZSTD_DStream, std::size_t (*)(ZSTD_DStream*)> stream_;
  bool inside_frame_ = false;
};

class XzDecoder : public Decoder {
 public:
  explicit XzDecoder(Input& input) : Decoder(input) {
    constexpr std::uint64_t memory = 1u << 30;  // of a dictionary; xz -9 needs 65 MiB
    HEARTH_CHECK(lzma_stream_decoder(&stream_, memory, LZMA_CONCATENATED) == LZMA_OK, "liblzma does not start");
  }
  ~XzDecoder() override { lzma_end(&stream_); }

  std::size_t read_some(std::span<char> out) override {
    stream_.next_out = reinterpret_cast<std::uint8_t*>(out.data());
    stream_.avail_out = out.size();
    while (!ended_ && stream_.avail_out == out.size()) {
      input_.fill(1);
      const std::string_view pending = input_.pending();
      stream_.next_in = reinterpret_cast<const std::uint8_t*>(pending.data());
      stream_.avail_in = pending.size();
      const lzma_ret result = lzma_code(&stream_, pending.empty() ? LZMA_FINISH : LZMA_RUN);
      input_.consume(pending.size() - stream_.avail_in);
      ended_ = result == LZMA_STREAM_END;
      if (result == LZMA_BUF_ERROR && pending.empty()) throw cut("xz");
      if (result == LZMA_MEMLIMIT_ERROR) throw damaged("xz", "it wants more than 1 GiB of memory");
      if (result != LZMA_OK && !ended_) throw damaged("xz", nullptr);
    }
    return out.size() - stream_.avail_out;
  }

 private:
  lzma_stream stream_ = LZMA_STREAM_INIT;
  bool ended_ = false;
};

class Bzip2Decoder : public Decoder {
 public:
  explicit Bzip2Decoder(Input& input) : Decoder(input) { start(); }
  ~Bzip2Decoder() override { BZ2_bzDecompressEnd(&stream_); }

  std::size_t read_some(std::span<char> out) override {
    const auto wanted = static_cast<unsigned>(std::min<std::size_t>(out.size(), 1u << 30));
    stream_.next_out = out.data();
    stream_.avail_out = wanted;
    while (stream_.avail_out == wanted) {
      input_.fill(1);
      const std::string_view pending = input_.pending();
      if (pending.empty() && !inside_stream_) return 0;
      if (pending.empty()) throw cut("bzip2");
      inside_stream_ = true;
      stream_.next_in = const_cast<char*>(pending.data());
      stream_.avail_in = static_cast<unsigned>(pending.size());
      const int result = BZ2_bzDecompress(&stream_);
      input_.consume(pending.size() - stream_.avail_in);
      if (result == BZ_STREAM_END) {
        inside_stream_ = false;
        const bz_stream ended = stream_;
        BZ2_bzDecompressEnd(&stream_);
        stream_ = {};
        stream_.next_out = ended.next_out;
        stream_.avail_out = ended.avail_out;
        start();
      } else if (result != BZ_OK) {
        throw damaged("bzip2", nullptr);
      }
    }
    return wanted - stream_.avail_out;
  }

 private:
  void start() { HEARTH_CHECK(BZ2_bzDecompressInit(&stream_, 0, 0) == BZ_OK, "libbz2 does not start"); }

  bz_stream stream_{};
  bool inside_stream_ = false;
};

}  // namespace

Error Decoder::cut(const char* format) const {
  return {Kind::data, input_.name() + ": ends in the middle of its " + format + " stream: the file was cut short"};
}

Error Decoder::damaged(const char* format, const char* why) const {
  return {Kind::data, input_.name() + ": damaged " + format + " stream" + (why ? std::string(": ") + why : "")};
}

Input::Input(const fs::path& path) : name_(path == "-" ? "standard input" : path.string()), buffer_(input_bytes, '\0') {
  if (path == "-") return;
  if (fs::is_directory(path)) throw Error(Kind::missing, name_ + ": is a folder");
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0) throw Error(Kind::missing, system_error(name_, errno).what());
  ::posix_fadvise(descriptor_, 0, 0, POSIX_FADV_SEQUENTIAL);
}

Input::Input(std::string name, ReadBytes read)
    : name_(std::move(name)), buffer_(input_bytes, '\0'), read_(std::move(read)) {}

Input::~Input() {
  if (descriptor_ > 0) ::close(descriptor_);
}

std::size_t Input::read_some(std::span<char> out) {
  if (read_) return read_(out);
  while (true) {
    const ssize_t got = ::read(descriptor_, out.data(), out.size());
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) throw Error(Kind::io, system_error(name_, errno).what());
  }
}

void Input::fill(std::size_t wanted) {
  if (begin_ == end_) begin_ = end_ = 0;
  while (end_ - begin_ < wanted) {
    const std::size_t got = read_some(std::span(buffer_).subspan(end_));
    if (got == 0) return;
    end_ += got;
  }
}

std::unique_ptr<Decoder> decoder_of(Compression compression, Input& input) {
  if (compression == Compression::gzip) return std::make_unique<GzipDecoder>(input);
  if (compression == Compression::zstd) return std::make_unique<ZstdDecoder>(input);
  if (compression == Compression::xz) return std::make_unique<XzDecoder>(input);
  if (compression == Compression::bzip2) return std::make_unique<Bzip2Decoder>(input);
  return std::make_unique<PlainDecoder>(input);
}

}  // namespace hearth::formats
