// SPDX-License-Identifier: Apache-2.0
#include "formats/hdf5_internal.h"

#include <hdf5.h>
#include <zstd.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <type_traits>

#include "formats/hdf5_file.h"

namespace hearth::formats::hdf5 {
static_assert(std::is_same_v<Id, hid_t>);

namespace {

std::mutex& library_mutex() {
  static std::mutex mutex;
  return mutex;
}

// HDF5's filter contract: take *buffer, give back a malloc'ed *buffer and its size; 0 means failure, *buffer untouched.
// Plain malloc, as the caller may be another program's HDF5.
std::size_t zstd_filter(unsigned flags, std::size_t n_values, const unsigned values[], std::size_t n_bytes,
                        std::size_t* capacity, void** buffer) {
  const bool decode = (flags & H5Z_FLAG_REVERSE) != 0;
  const unsigned long long content = decode ? ZSTD_getFrameContentSize(*buffer, n_bytes) : 0;
  if (content == ZSTD_CONTENTSIZE_ERROR || content == ZSTD_CONTENTSIZE_UNKNOWN) return 0;
  const std::size_t bound = decode ? std::max<std::size_t>(content, 1) : ZSTD_compressBound(n_bytes);
  void* out = std::malloc(bound);
  if (out == nullptr) return 0;
  const int level = n_values > 0 ? static_cast<int>(values[0]) : ZSTD_CLEVEL_DEFAULT;
  const std::size_t done =
      decode ? ZSTD_decompress(out, bound, *buffer, n_bytes) : ZSTD_compress(out, bound, *buffer, n_bytes, level);
  if (ZSTD_isError(done)) {
    std::free(out);
    return 0;
  }
  std::free(*buffer);
  *buffer = out;
  *capacity = bound;
  return done;
}

void start_library() {
  H5dont_atexit();  // files are closed by their owners; at exit the library would retry a close that a full disk failed
  H5open();
  static const H5Z_class2_t filter = {H5Z_CLASS_T_VERS, filter_zstd, 1, 1, "zstd", nullptr, nullptr, zstd_filter};
  HEARTH_CHECK(H5Zregister(&filter) >= 0, "HDF5 refuses the zstd filter");
}

herr_t keep_innermost(unsigned, const H5E_error2_t* error, void* out) {
  auto& failure = *static_cast<Failure*>(out);
  if (error->desc != nullptr) failure.text = error->desc;
  const std::string_view text = failure.text;
  if (const auto at = text.find("errno = "); at != std::string_view::npos) {
    failure.error_number = std::atoi(text.data() + at + 8);
  }
  return 0;
}

// A 16-bit float: sign, exponent, mantissa.
Handle half_type(std::size_t exponent_bits, std::size_t exponent_bias) {
  Handle type(H5Tcopy(H5T_IEEE_F32LE), H5Tclose);
  H5Tset_fields(type, 15, 15 - exponent_bits, exponent_bits, 0, 15 - exponent_bits);
  H5Tset_ebias(type, exponent_bias);
  H5Tset_precision(type, 16);
  H5Tset_size(type, 2);
  return type;
}

}  // namespace

Lock::Lock() : held_(library_mutex()) {
  static const bool started = (start_library(), true);
  (void)started;
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // of this thread
}

Failure last_failure() {
  Failure failure;
  H5Ewalk2(
      H5E_DEFAULT, H5E_WALK_UPWARD,
      [](unsigned n, const H5E_error2_t* error, void* out) { return n == 0 ? keep_innermost(n, error, out) : 0; },
      &failure);
  H5Eclear2(H5E_DEFAULT);
  return failure;
}

Handle type_of(DType dtype) {
  if (dtype == DType::bf16) return half_type(8, 127);
  if (dtype == DType::f16) return half_type(5, 15);
  const std::map<DType, hid_t> standard{
      {DType::f32, H5T_IEEE_F32LE}, {DType::f64, H5T_IEEE_F64LE}, {DType::i8, H5T_STD_I8LE},
      {DType::u8, H5T_STD_U8LE},    {DType::u16, H5T_STD_U16LE},  {DType::i32, H5T_STD_I32LE},
      {DType::u32, H5T_STD_U32LE},  {DType::i64, H5T_STD_I64LE},  {DType::u64, H5T_STD_U64LE}};
  return {H5Tcopy(standard.at(dtype)), H5Tclose};
}

bool dtype_of_type(Id type, DType& dtype) {
  for (const DType candidate : {DType::f32, DType::bf16, DType::f16, DType::f64, DType::i8, DType::u8, DType::u16,
                                DType::i32, DType::u32, DType::i64, DType::u64}) {
    if (H5Tequal(type, type_of(candidate)) > 0) {
      dtype = candidate;
      return true;
    }
  }
  return false;
}

Handle text_type(std::size_t bytes) {
  Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type, std::max<std::size_t>(bytes, 1));
  H5Tset_cset(type, H5T_CSET_UTF8);
  H5Tset_strpad(type, H5T_STR_NULLPAD);
  return type;
}

Handle file_access() {
  Handle list(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_libver_bounds(list, H5F_LIBVER_V18, H5F_LIBVER_LATEST);
  H5Pset_fclose_degree(list, H5F_CLOSE_STRONG);
  H5Pset_alignment(list, 4096, 4096);
  H5Pset_file_locking(list, false, true);  // AtomicFile locks what is written; what is read no longer changes
  return list;
}

Handle untimed(Id property_class) {
  Handle list(H5Pcreate(property_class), H5Pclose);
  H5Pset_obj_track_times(list, false);
  return list;
}

}  // namespace hearth::formats::hdf5

namespace hearth::formats {

std::string compress_chunk(std::string text, std::uint64_t chunk_bytes, int zstd_level) {
  HEARTH_CHECK(text.size() <= chunk_bytes, "a chunk holds more than its size");
  text.resize(chunk_bytes);
  std::string frame(ZSTD_compressBound(text.size()), '\0');
  const std::size_t done = ZSTD_compress(frame.data(), frame.size(), text.data(), text.size(), zstd_level);
  HEARTH_CHECK(!ZSTD_isError(done), ZSTD_getErrorName(done));
  frame.resize(done);
  return frame;
}

void decompress_chunk(std::string_view frame, std::span<char> out) {
  const std::size_t done = ZSTD_decompress(out.data(), out.size(), frame.data(), frame.size());
  if (ZSTD_isError(done)) throw Error(Kind::data, std::string("not a zstd frame: ") + ZSTD_getErrorName(done));
  if (done != out.size()) throw Error(Kind::data, "a zstd frame of the wrong length");
}

}  // namespace hearth::formats
