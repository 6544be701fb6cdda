// SPDX-License-Identifier: Apache-2.0
#include "formats/text_stream.h"

#include <zstd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "formats/decoder.h"
#include "lib/base/error.h"
#include "lib/base/file.h"

namespace hearth::formats {

Compression compression_of(std::string_view head) {
  if (head.starts_with("\x1f\x8b")) return Compression::gzip;
  if (head.starts_with("\x28\xb5\x2f\xfd")) return Compression::zstd;
  if (head.starts_with(std::string_view("\xfd"
                                        "7zXZ\0",
                                        6)))
    return Compression::xz;
  if (head.starts_with("BZh") && head.size() > 3 && head[3] >= '1' && head[3] <= '9') return Compression::bzip2;
  const bool skippable = head.size() >= 4 && (head[0] & 0xf0) == 0x50 && head.substr(1, 3) == "\x2a\x4d\x18";
  return skippable ? Compression::zstd : Compression::none;
}

struct TextStream::State {
  Input input;
  Compression compression = Compression::none;
  std::unique_ptr<Decoder> decoder;

  explicit State(const fs::path& path) : input(path) { begin(); }
  State(std::string name, ReadBytes read) : input(std::move(name), std::move(read)) { begin(); }

  void begin() {
    input.fill(6);
    compression = compression_of(input.pending());
    decoder = decoder_of(compression, input);
  }
};

TextStream::TextStream(const fs::path& path) : state_(std::make_unique<State>(path)) {}
TextStream::TextStream(std::string name, ReadBytes read)
    : state_(std::make_unique<State>(std::move(name), std::move(read))) {}
TextStream::~TextStream() = default;
TextStream::TextStream(TextStream&&) noexcept = default;
TextStream& TextStream::operator=(TextStream&&) noexcept = default;

Compression TextStream::compression() const {
  return state_->compression;
}

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
