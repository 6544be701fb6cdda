// SPDX-License-Identifier: Apache-2.0
// The filter is checked through HDF5's own reading and writing, which the codecs bypass.
#include "formats/hdf5_file.h"

#include <hdf5.h>
#include <zstd.h>

#include <array>
#include <numeric>
#include <thread>

#include "formats/documents.h"
#include "lib/base/json_value.h"
#include "tests/formats/support.h"
#include "tests/support/catch.h"

using namespace hearth;
using namespace hearth::formats;

namespace {

constexpr FormatVersion test_version{"recipes", 3, 1, "hearth cook"};

void write_sample(const fs::path& path) {
  Hdf5Writer writer(path, false, test_version);
  writer.set("servings", 4);
  writer.set("name", std::string("soup"));
  writer.set("empty", std::string());
  writer.write("group/inner/numbers", std::vector<std::int32_t>{-1, 2, 3});
  writer.write("none", std::vector<double>{});
  writer.write_text("group/text", "caf\xc3\xa9");
  writer.write_text("group/empty", "");
  writer.finish();
}

}  // namespace

TEST_CASE("what an HDF5 file holds comes back, and other types and names are refused") {
  const TemporaryFolder folder;
  const fs::path path = folder / "a.h5";
  write_sample(path);
  const Hdf5Reader reader(path, test_version);
  CHECK(reader.number("servings") == 4);
  CHECK(reader.text("name") == "soup");
  CHECK(reader.text("empty").empty());
  CHECK(reader.read<std::int32_t>("group/inner/numbers") == std::vector<std::int32_t>{-1, 2, 3});
  CHECK(reader.read<double>("none").empty());
  CHECK(reader.read_text("group/text") == "caf\xc3\xa9");
  CHECK(reader.read_text("group/empty").empty());
  CHECK(reader.has("group/inner/numbers"));
  CHECK_FALSE(reader.has("group/other/numbers"));
  const std::string damaged = ": the file is damaged; restore it from a copy or run hearth cook again";
  CHECK(message_of(Kind::data, [&] { reader.read<float>("group/inner/numbers"); }) ==
        path.string() + ": 'group/inner/numbers' holds i32" + damaged);
  CHECK(message_of(Kind::data, [&] { reader.place("group/inner/numbers", DType::i32, 2); }) ==
        path.string() + ": 'group/inner/numbers' holds i32 along 1 axes, not i32 along 2" + damaged);
  CHECK(message_of(Kind::data, [&] { reader.number("name"); }) ==
        path.string() + ": the attribute 'name' is not a readable number" + damaged);
  CHECK(message_of(Kind::data, [&] { reader.number("nothing"); }) ==
        path.string() + ": the attribute 'nothing' is not a readable number" + damaged);
}

TEST_CASE("features a file requires must be known") {
  const TemporaryFolder folder;
  {
    Hdf5Writer writer(folder / "a.h5", false, test_version);
    writer.set_required({"salt", "pepper"});
    writer.finish();
  }
  const std::array<std::string_view, 3> all{"pepper", "salt", "sugar"};
  CHECK_NOTHROW(Hdf5Reader(folder / "a.h5", test_version, all));
  CHECK(message_of(Kind::data, [&] {
          Hdf5Reader(folder / "a.h5", test_version, std::span(all).last(2));
        }).starts_with((folder / "a.h5").string() + ": requires 'pepper', which hearth "));
}

TEST_CASE("a file that is missing, a folder, or still being written is named so") {
  const TemporaryFolder folder;
  CHECK(message_of(Kind::missing, [&] { Hdf5Reader(folder / "none.h5", test_version); }) ==
        (folder / "none.h5").string() + ": No such file or directory");
  CHECK(message_of(Kind::data, [&] { Hdf5Reader(folder.path(), test_version); }) ==
        folder.path().string() + ": is a folder, not a recipes file");
  Hdf5Writer writer(folder / "a.h5", false, test_version);
  writer.write("numbers", std::vector<std::uint64_t>(10000, 7));
  CHECK(message_of(Kind::data, [&] { Hdf5Reader(folder / "a.h5.partial", test_version); }) ==
        (folder / "a.h5.partial").string() +
            ": is incomplete: the program that wrote it was stopped; run it again (hearth cook)");
  fs::copy_file(folder / "a.h5.partial", folder / "b.h5");
  message_of(Kind::data, [&] { Hdf5Reader(folder / "b.h5", test_version); });
}

TEST_CASE("HDF5 itself reads our chunks through filter 32015, and we read its") {
  const fs::path golden = fs::path(HEARTH_SOURCE_DIR) / "formats/golden/documents/passed/v1.0.h5";
  const DocumentsReader reader(golden);  // registers the filter
  const hid_t file = H5Fopen(golden.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  const hid_t text = H5Dopen2(file, "documents/text", H5P_DEFAULT),
              ranges = H5Dopen2(file, "documents/text_range", H5P_DEFAULT);
  std::string bytes(H5Dget_storage_size(text) > 0 ? 1024 * 64 : 0, '\0');
  std::vector<std::uint64_t> range(2 * reader.n_documents());
  const hid_t space = H5Dget_space(text);
  REQUIRE(static_cast<std::size_t>(H5Sget_simple_extent_npoints(space)) <= bytes.size());
  REQUIRE(H5Dread(text, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()) >= 0);
  REQUIRE(H5Dread(ranges, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, range.data()) >= 0);
  std::size_t row = 0;
  for (std::uint64_t block = 0; block < reader.n_blocks(); ++block) {
    for (const Document& document : reader.read_block(block)) {
      CHECK(bytes.substr(range[2 * row], range[2 * row + 1] - range[2 * row]) == document.text);
      ++row;
    }
  }
  CHECK(row == 9);
  for (const hid_t id : {text, ranges}) H5Dclose(id);
  H5Sclose(space);
  H5Fclose(file);

  const TemporaryFolder folder;
  std::vector<std::uint8_t> data(5000), stored(5000);
  std::iota(data.begin(), data.end(), std::uint8_t{0});
  const hid_t out = H5Fcreate((folder / "z.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hsize_t extent = data.size();
  const hid_t out_space = H5Screate_simple(1, &extent, nullptr), properties = H5Pcreate(H5P_DATASET_CREATE);
  const unsigned level = 5;
  H5Pset_chunk(properties, 1, &extent);
  REQUIRE(H5Pset_filter(properties, 32015, H5Z_FLAG_MANDATORY, 1, &level) >= 0);
  const hid_t set = H5Dcreate2(out, "z", H5T_STD_U8LE, out_space, H5P_DEFAULT, properties, H5P_DEFAULT);
  REQUIRE(H5Dwrite(set, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, data.data()) >= 0);
  REQUIRE(H5Dflush(set) >= 0);
  const hsize_t origin = 0;
  hsize_t frame_bytes = 0;
  REQUIRE(H5Dget_chunk_storage_size(set, &origin, &frame_bytes) >= 0);
  std::string frame(frame_bytes, '\0');
  std::uint32_t mask = 0;
  REQUIRE(H5Dread_chunk(set, H5P_DEFAULT, &origin, &mask, frame.data()) >= 0);
  decompress_chunk(frame, std::span(reinterpret_cast<char*>(stored.data()), stored.size()));
  CHECK(stored == data);
  H5Dclose(set);
  H5Pclose(properties);
  H5Sclose(out_space);
  H5Fclose(out);
}

TEST_CASE("frames of the wrong length or kind are refused") {
  std::string out(100, '\0');
  const std::string frame = compress_chunk("text", 100, 3);
  decompress_chunk(frame, out);
  CHECK(out == std::string("text") + std::string(96, '\0'));
  std::string longer(101, '\0');
  CHECK(message_of(Kind::data, [&] { decompress_chunk(frame, longer); }) == "a zstd frame of the wrong length");
  CHECK(message_of(Kind::data, [&] {
          decompress_chunk(frame, std::span(out).first(50));
        }).starts_with("not a zstd frame: "));
  CHECK(message_of(Kind::data, [&] { decompress_chunk("nonsense", out); }).starts_with("not a zstd frame: "));
}

TEST_CASE("many threads write and read HDF5 files at once") {
  const TemporaryFolder folder;
  std::array<std::string, 4> failures;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < failures.size(); ++i) {
    threads.emplace_back([&, i] {
      try {
        for (int round = 0; round < 10; ++round) {
          const fs::path path = folder / (std::to_string(i) + "-" + std::to_string(round) + ".h5");
          write_sample(path);
          if (Hdf5Reader(path, test_version).number("servings") != 4) failures[i] = "wrong number";
        }
      } catch (const std::exception& error) {
        failures[i] = error.what();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& failure : failures) CHECK(failure == "");
}
