// SPDX-License-Identifier: Apache-2.0
#include "formats/text_stream.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/file.h"

namespace hearth::formats {
namespace {

constexpr std::size_t input_bytes = 256u << 10;

// A file or standard input, in pieces.
class Input {
 public:
  explicit Input(const fs::path& path)
      : name_(path == "-" ? "standard input" : path.string()), buffer_(input_bytes, '\0') {
    if (path == "-") return;
    if (fs::is_directory(path)) throw Error(Kind::missing, name_ + ": is a folder");
    descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor_ < 0) throw Error(Kind::missing, system_error(name_, errno).what());
    ::posix_fadvise(descriptor_, 0, 0, POSIX_FADV_SEQUENTIAL);
  }
  ~Input() {
    if (descriptor_ > 0) ::close(descriptor_);
  }
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  const std::string& name() const { return name_; }
  std::string_view pending() const { return std::string_view(buffer_).substr(begin_, end_ - begin_); }
  void consume(std::size_t bytes) { begin_ += bytes; }

  // Reads until at least `wanted` bytes are pending; fewer are at the end of the file.
  void fill(std::size_t wanted) {
    if (begin_ == end_) begin_ = end_ = 0;
    while (end_ - begin_ < wanted) {
      const ssize_t got = ::read(descriptor_, buffer_.data() + end_, buffer_.size() - end_);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw Error(Kind::io, system_error(name_, errno).what());
      if (got == 0) return;
      end_ += static_cast<std::size_t>(got);
    }
  }

 private:
  std::string name_;
  std::string buffer_;
  std::size_t begin_ = 0, end_ = 0;
  int descriptor_ = 0;
};

// Turns the input's bytes into the stream's.
class Decoder {
 public:
  explicit Decoder(Input& input) : input_(input) {}
  virtual ~Decoder() = default;
  // Some bytes, at least one unless the stream has ended.
  virtual std::size_t read_some(std::span<char> out) = 0;

 protected:
  Error cut(const char* format) const {
    return {Kind::data, input_.name() + ": ends in the middle of its " + format + " stream: the file was cut short"};
  }
  Error damaged(const char* format, const char* why) const {
    return {Kind::data, input_.name() + ": damaged " + format + " stream" + (why ? std::string(": ") + why : "")};
  }
  Input& input_;
};

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

std::unique_ptr<Decoder> decoder_of(Compression compression, Input& input) {
  if (compression == Compression::gzip) return std::make_unique<GzipDecoder>(input);
  if (compression == Compression::zstd) return std::make_unique<ZstdDecoder>(input);
  return std::make_unique<PlainDecoder>(input);
}

}  // namespace

Compression compression_of(std::string_view head) {
  if (head.starts_with("\x1f\x8b")) return Compression::gzip;
  if (head.starts_with("\x28\xb5\x2f\xfd")) return Compression::zstd;
  const bool skippable = head.size() >= 4 && (head[0] & 0xf0) == 0x50 && head.substr(1, 3) == "\x2a\x4d\x18";
  return skippable ? Compression::zstd : Compression::none;
}

struct TextStream::State {
  Input input;
  Compression compression = Compression::none;
  std::unique_ptr<Decoder> decoder;

  explicit State(const fs::path& path) : input(path) {
    input.fill(4);
    compression = compression_of(input.pending());
    decoder = decoder_of(compression, input);
  }
};

TextStream::TextStream(const fs::path& path) : state_(std::make_unique<State>(path)) {}
TextStream::~TextStream() = default;
TextStream::TextStream(TextStream&&) noexcept = default;

Compression TextStream::compression() const { return state_->compression; }

std::size_t TextStream::read(std::span<char> out) {
  std::size_t done = 0;
  while (done < out.size()) {
    const std::size_t got = state_->decoder->read_some(out.subspan(done));
    if (got == 0) break;
    done += got;
  }
  return done;
}

struct TextWriter::State {
  std::unique_ptr<AtomicFile> file;  // none: standard output
  std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)> compressor{nullptr, ZSTD_freeCCtx};
  std::string packed = std::string(ZSTD_CStreamOutSize(), '\0');

  void put(std::string_view bytes) {
    if (file) return file->write(bytes);
    if (std::fwrite(bytes.data(), 1, bytes.size(), stdout) != bytes.size()) {
      throw Error(Kind::io, system_error("standard output", errno).what());
    }
  }
  void pack(std::string_view text, ZSTD_EndDirective directive) {
    ZSTD_inBuffer from{text.data(), text.size(), 0};
    std::size_t left = 0;
    do {
      ZSTD_outBuffer to{packed.data(), packed.size(), 0};
      left = ZSTD_compressStream2(compressor.get(), &to, &from, directive);
      HEARTH_CHECK(!ZSTD_isError(left), ZSTD_getErrorName(left));
      put(std::string_view(packed).substr(0, to.pos));
    } while (from.pos < from.size || (directive == ZSTD_e_end && left != 0));
  }
};

TextWriter::TextWriter(const fs::path& path, bool overwrite, int zstd_level) : state_(std::make_unique<State>()) {
  if (path != "-") state_->file = std::make_unique<AtomicFile>(path, overwrite);
  if (path.extension() != ".zst") return;
  state_->compressor.reset(ZSTD_createCCtx());
  ZSTD_CCtx_setParameter(state_->compressor.get(), ZSTD_c_compressionLevel, zstd_level);
  ZSTD_CCtx_setParameter(state_->compressor.get(), ZSTD_c_checksumFlag, 1);
}
TextWriter::~TextWriter() = default;

void TextWriter::write(std::string_view text) {
  state_->compressor ? state_->pack(text, ZSTD_e_continue) : state_->put(text);
}

void TextWriter::commit() {
  if (state_->compressor) state_->pack({}, ZSTD_e_end);
  if (state_->file) return state_->file->commit();
  if (std::fflush(stdout) != 0) throw Error(Kind::io, system_error("standard output", errno).what());
}

}  // namespace hearth::formats
