// SPDX-License-Identifier: Apache-2.0
// Element types of tensors and files, and bfloat16 arithmetic on the host.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hearth {

enum class DType : std::uint8_t { f32, bf16, f16, f64, i8, u8, u16, i32, u32, i64, u64 };

std::size_t size_of(DType dtype);             // bytes of one element
std::string_view name_of(DType dtype);        // "f32", "bf16", ...
DType dtype_from_name(std::string_view name);  // throws Error{config} naming the known ones

// IEEE binary32 cut to its upper 16 bits; conversion rounds to nearest even and keeps NaN a NaN.
struct bf16 {
  std::uint16_t bits;

  bf16() = default;
  explicit bf16(float value) {
    const auto wide = std::bit_cast<std::uint32_t>(value);
    const bool is_nan = (wide & 0x7fffffffu) > 0x7f800000u;
    bits = is_nan ? static_cast<std::uint16_t>((wide >> 16) | 0x40u)
                  : static_cast<std::uint16_t>((wide + 0x7fffu + ((wide >> 16) & 1u)) >> 16);
  }
  explicit operator float() const { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }
};
static_assert(sizeof(bf16) == 2);

template <class T>
constexpr DType dtype_of();
template <>
constexpr DType dtype_of<float>() { return DType::f32; }
template <>
constexpr DType dtype_of<bf16>() { return DType::bf16; }
template <>
constexpr DType dtype_of<double>() { return DType::f64; }
template <>
constexpr DType dtype_of<std::int8_t>() { return DType::i8; }
template <>
constexpr DType dtype_of<std::uint8_t>() { return DType::u8; }
template <>
constexpr DType dtype_of<std::uint16_t>() { return DType::u16; }
template <>
constexpr DType dtype_of<std::int32_t>() { return DType::i32; }
template <>
constexpr DType dtype_of<std::uint32_t>() { return DType::u32; }
template <>
constexpr DType dtype_of<std::int64_t>() { return DType::i64; }
template <>
constexpr DType dtype_of<std::uint64_t>() { return DType::u64; }

}  // namespace hearth
