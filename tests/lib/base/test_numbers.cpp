// SPDX-License-Identifier: Apache-2.0
// Element types, bfloat16, shapes, hashes and random numbers, against published vectors.
#include <cmath>
#include <cstring>
#include <limits>
#include <set>

#include "lib/base/digest.h"
#include "lib/base/dtype.h"
#include "lib/base/file.h"
#include "lib/base/rng.h"
#include "lib/base/tensor.h"
#include "tests/lib/base/sample_command.h"
#include "tests/support/catch.h"

using namespace hearth;

TEST_CASE("bf16 rounds to nearest, ties to even, and keeps infinities and NaN") {
  const float inf = std::numeric_limits<float>::infinity();
  const std::pair<float, std::uint16_t> table[] = {
      {0.0f, 0x0000},          {-0.0f, 0x8000},          {1.0f, 0x3f80},         {-2.0f, 0xc000},
      {0x1.01p0f, 0x3f80},     {0x1.03p0f, 0x3f82},      {0x1.010002p0f, 0x3f81}, {0x1.00fffep0f, 0x3f80},
      {3.14159265f, 0x4049},   {65504.0f, 0x4780},       {0x1.fffffep127f, 0x7f80}, {0x1.fep127f, 0x7f7f},
      {inf, 0x7f80},           {-inf, 0xff80},           {0x1p-149f, 0x0000},    {0x1p-133f, 0x0001},
      {0x1.8p-134f, 0x0001},   {0x1p-126f, 0x0080},      {0x1.fffffep-127f, 0x0080}};
  for (const auto& [value, bits] : table) {
    INFO(value);
    CHECK(bf16(value).bits == bits);
  }
  CHECK(std::isnan(static_cast<float>(bf16(std::numeric_limits<float>::quiet_NaN()))));
  CHECK(std::isnan(static_cast<float>(bf16(std::bit_cast<float>(0x7f800001u)))));  // would round to infinity
}

TEST_CASE("every bf16 survives the way through float, and none nearer exists") {
  int wrong = 0;
  for (std::uint32_t bits = 0; bits < 0x7f80; ++bits) {
    const auto low = std::bit_cast<float>(bits << 16), high = std::bit_cast<float>((bits + 1) << 16);
    if (bf16(low).bits != bits) ++wrong;
    for (const std::uint32_t offset : {1u, 0x7fffu, 0x8001u, 0xffffu}) {
      const auto between = std::bit_cast<float>((bits << 16) + offset);
      const float got = static_cast<float>(bf16(between));
      const bool nearer_low = double(between) - double(low) < (bits == 0x7f7f ? 0x1p120 * 0.5 : (double(high) - double(low)) / 2);
      if (got != (nearer_low ? low : high)) ++wrong;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("element types by name") {
  for (const DType dtype : {DType::f32, DType::bf16, DType::f16, DType::f64, DType::i8, DType::u8, DType::u16, DType::i32,
                            DType::u32, DType::i64, DType::u64}) {
    CHECK(dtype_from_name(name_of(dtype)) == dtype);
  }
  CHECK(size_of(DType::bf16) == 2);
  CHECK(size_of(DType::u64) == 8);
  CHECK_THROWS_WITH(dtype_from_name("fp8"), "unknown element type 'fp8' (known: f32, bf16, f16, f64, i8, u8, u16, i32, u32, i64, u64)");
}

TEST_CASE("shapes and views") {
  const Shape shape{2, 3, 4};
  CHECK(shape.rank() == 3);
  CHECK(shape[-1] == 4);
  CHECK(shape.n_elements() == 24);
  CHECK(shape.text() == "[2, 3, 4]");
  CHECK(Shape{}.n_elements() == 1);
  CHECK(Shape{0, 5}.n_elements() == 0);
  CHECK_THROWS_AS((Shape{-1}), Error);
  CHECK_THROWS_AS((Shape{1, 1, 1, 1, 1, 1}), Error);
  CHECK_THROWS_AS((Shape{1ll << 40, 1ll << 40}.n_elements()), Error);
  float memory[24] = {};
  const Tensor tensor(memory, shape);
  CHECK(tensor.bytes() == 96);
  CHECK(tensor.rows(1, 1).as<float>() == memory + 12);
  CHECK(tensor.rows(1, 1).shape == Shape{1, 3, 4});
  CHECK(tensor.rows(2, 0).n_elements() == 0);
  CHECK(tensor.reshaped({6, 4}).shape == Shape{6, 4});
  CHECK_THROWS_AS(tensor.rows(1, 2), Error);
  CHECK_THROWS_AS(tensor.reshaped({5, 5}), Error);
  CHECK_THROWS_AS(tensor.as<double>(), Error);
  CHECK_FALSE(static_cast<bool>(Tensor{}));
}

TEST_CASE("digests agree with their published vectors") {
  CHECK(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256_hex(std::string(1000000, 'a')) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  CHECK(hash64({}) == 0x2d06800538d394c2u);
  CHECK(hash128(std::string_view()).hex() == "99aa06d3014798d86001c324468d497f");
}

TEST_CASE("a digest fed piecewise or from a file is that of the whole") {
  Sha256 pieces;
  pieces.update("a");
  pieces.update("");
  pieces.update("bc");
  CHECK(pieces.hex() == sha256_hex("abc"));
  const TemporaryFolder folder;
  write_file(folder / "f", "abc");
  CHECK(sha256_of_file(folder / "f") == sha256_hex("abc"));
}

TEST_CASE("philox agrees with Random123's known answers") {
  CHECK(philox(0, 0, 0) == PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox(~0ull, ~0ull, ~0ull) == PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox(0x299f31d0a4093822, 0x85a308d3243f6a88, 0x0370734413198a2e) ==
        PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("a stream continues from any position") {
  Rng whole(42, 7);
  std::vector<std::uint32_t> draws;
  for (int i = 0; i < 20; ++i) draws.push_back(whole.next_u32());
  for (std::uint64_t position = 0; position < 20; ++position) {
    Rng part(42, 7);
    part.set_position(position);
    CHECK(part.next_u32() == draws[position]);
    CHECK(part.position() == position + 1);
  }
  CHECK(Rng(42, 8).next_u32() != draws[0]);
  CHECK(Rng(43, 7).next_u32() != draws[0]);
}

TEST_CASE("below() is in range and unbiased") {
  Rng rng(1);
  constexpr int n_bins = 7, n_draws = 70000;
  int counts[n_bins] = {};
  for (int i = 0; i < n_draws; ++i) ++counts[rng.below(n_bins)];
  double chi_squared = 0;
  for (const int count : counts) chi_squared += std::pow(count - n_draws / n_bins, 2) / (n_draws / n_bins);
  CHECK(chi_squared < 22.5);  // 6 degrees of freedom, p = 0.001; the seed is fixed
  for (int i = 0; i < 100; ++i) CHECK(rng.below(1) == 0);
  // With a bound of 3 * 2^62 a plain modulo would favour the lowest third two to one.
  int lowest = 0;
  for (int i = 0; i < 30000; ++i) lowest += rng.below(3ull << 62) < (1ull << 62);
  CHECK(lowest > 9500);
  CHECK(lowest < 10500);
  CHECK_THROWS_AS(rng.below(0), Error);
}

TEST_CASE("uniform and normal have their moments") {
  Rng rng(3);
  double sum = 0, normal_sum = 0, normal_squares = 0;
  constexpr int n = 100000;
  for (int i = 0; i < n; ++i) {
    const double u = rng.uniform(), z = rng.normal();
    REQUIRE((u >= 0 && u < 1 && std::isfinite(z)));
    sum += u;
    normal_sum += z;
    normal_squares += z * z;
  }
  CHECK(std::abs(sum / n - 0.5) < 0.005);
  CHECK(std::abs(normal_sum / n) < 0.015);
  CHECK(std::abs(normal_squares / n - 1) < 0.02);
}

TEST_CASE("derived seeds differ") {
  std::set<std::uint64_t> seeds;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    for (std::uint64_t purpose = 0; purpose < 30; ++purpose) seeds.insert(mix_seed(seed, purpose));
  }
  CHECK(seeds.size() == 900);
}
