// SPDX-License-Identifier: Apache-2.0
// Shared by hdf5_writer.cpp and hdf5_reader.cpp only: the one lock, handles, errors and element types of HDF5.
#pragma once
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

#include "lib/base/dtype.h"
#include "lib/base/error.h"

namespace hearth::formats::hdf5 {

using Id = std::int64_t;  // hid_t, checked in hdf5_internal.cpp

// Held around every HDF5 call. Taking it also starts the library, silences its own printing and registers filter 32015.
class Lock {
 public:
  Lock();

 private:
  std::lock_guard<std::mutex> held_;
};

// One HDF5 identifier, closed on destruction. Use under the Lock.
class Handle {
 public:
  Handle() = default;
  Handle(Id id, int (*close)(Id)) : id_(id), close_(close) {}
  ~Handle() { reset(); }
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  operator Id() const { return id_; }
  void reset() {
    if (id_ >= 0) close_(std::exchange(id_, -1));
  }
  int close() { return id_ >= 0 ? close_(std::exchange(id_, -1)) : 0; }  // < 0 when closing failed

 private:
  Id id_ = -1;
  int (*close_)(Id) = nullptr;
};

// What the library says of the failure just met: the innermost description, and the errno within it (0: none).
struct Failure {
  std::string text;
  int error_number = 0;
};
Failure last_failure();

// The file type of a dtype (little endian; bfloat16 as a 16-bit float of 8 exponent bits).
Handle type_of(DType dtype);
// The dtype of a dataset's type; false when it is none of ours.
bool dtype_of_type(Id type, DType& dtype);
// A string of n bytes of UTF-8, zero padded.
Handle text_type(std::size_t bytes);
// Property lists: files in the 1.8 layout (all metadata checksummed), objects without time stamps.
Handle file_access();
Handle untimed(Id property_class);

constexpr int filter_zstd = 32015;
constexpr const char* checksum_attribute = "checksum_xxh3_64";

}  // namespace hearth::formats::hdf5
