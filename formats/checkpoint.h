// SPDX-License-Identifier: Apache-2.0
// A checkpoint folder (step-00001000/): named tensors in part files, an index that says where each lies, and small JSON
// documents. Specification: formats/checkpoint.md. A tensor may lie in several slabs of whole rows, one a rank.
//
// Many ranks write one together: one begins it, each then writes its part without talking to the others, and when all
// have finished theirs, one completes it. A folder without ".partial" is whole. CheckpointWriter is all of that alone.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/json.h"
#include "lib/base/tensor.h"

namespace hearth::formats {

struct CheckpointTensor {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
  std::uint64_t checksum = 0;  // XXH3-64 of its bytes; of its slabs' checksums when it has several
};

// Makes an empty FOLDER.partial, replacing one that a killed run left. Error{cannot_create} when folder exists already
// or its parent cannot be written to.
void begin_checkpoint(const std::filesystem::path& folder);

// The tensors, or rows of them, that one rank holds: FOLDER.partial/part-RRRRR.h5.
class CheckpointPart {
 public:
  CheckpointPart(const std::filesystem::path& folder, int part);
  ~CheckpointPart();  // removes what was not finished

  // Writes now; the memory may change afterwards. Names are unique, not empty, without line breaks.
  void add(const std::string& name, const Tensor& value);
  // Rows [first_row, first_row + rows.shape[0]) of a tensor of shape whole.
  void add(const std::string& name, const Tensor& rows, std::int64_t first_row, const Shape& whole);
  void finish();  // synced and whole; Error{io} for a full disk

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct CheckpointDocument {
  std::string name;  // "model.json": read back by that name
  std::string text;
};

// After all parts are finished: writes the index, syncs what is not synced yet, renames the folder. Error{internal}
// when the parts do not cover a tensor once; Error{missing} or Error{data} for a part that is not there or not whole.
void complete_checkpoint(const std::filesystem::path& folder, int n_parts,
                         const std::vector<CheckpointDocument>& documents, const Json& provenance);

class CheckpointWriter {
 public:
  explicit CheckpointWriter(std::filesystem::path folder);
  ~CheckpointWriter();  // removes what was not finished

  // Further files of the checkpoint (a tokenizer) may be put here before finish().
  const std::filesystem::path& partial_folder() const;
  // Writes the tensor now; its memory may change afterwards. Names are unique, not empty, without line breaks.
  void add(const std::string& name, const Tensor& value);
  void add_json(const std::string& name, std::string_view text);  // "model.json": read back by that name
  // Syncs every file, then renames the folder. Error{io} for a full disk.
  void finish(const Json& provenance);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

class CheckpointReader {
 public:
  // Reads the index only. Error{missing} when folder, index or a part file is not there, naming it; Error{data} when
  // the index is damaged, incomplete or of a later version, or a part file is shorter than its tensors.
  explicit CheckpointReader(const std::filesystem::path& folder);
  ~CheckpointReader();
  CheckpointReader(CheckpointReader&&) noexcept;

  const std::vector<CheckpointTensor>& tensors() const;         // in the order they were added
  const CheckpointTensor* find(const std::string& name) const;  // nullptr: there is none
  // Reads a tensor whole into out, of the same dtype and shape (Error{data} when they differ or there is no such
  // tensor), and verifies its checksum (Error{data} naming file and tensor). Thread-safe.
  void read(const std::string& name, const Tensor& out) const;
  // Rows [first_row, first_row + out.shape[0]) of it; verified likewise.
  void read_rows(const std::string& name, std::int64_t first_row, const Tensor& out) const;
  bool has_json(const std::string& name) const;
  std::string json(const std::string& name) const;  // Error{data} when there is none
  Json provenance() const;
  // Reads every tensor and compares its checksum: Error{data} naming the first that is damaged, with its file.
  void verify() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hearth::formats
