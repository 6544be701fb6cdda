// SPDX-License-Identifier: Apache-2.0
// Times work of a GPU by the device's own clock and holds it against what that GPU was just measured to copy and to
// multiply. Before each timed run a block larger than the second-level cache is overwritten, so that nothing is found
// there; the median of the runs counts. Every output is filled with NaN first and looked at afterwards.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/json_value.h"
#include "lib/device/memory.h"

namespace hearth::gpu {

// What a run must do at the least. Operations count at the rate of products in bf16, or in f32 where operands are f32.
struct Work {
  double bytes = 0;  // each input read once, each output written once
  double flops = 0;
  DType dtype = DType::bf16;
};

class Measurement {
 public:
  Measurement(Stream& stream, std::string only, bool tiny);

  // Random numbers in [-0.5, 0.5); indices and bytes are zero.
  Tensor tensor(DType dtype, Shape shape);
  Tensor indices(const std::vector<std::int32_t>& values);
  void clear();  // gives back all tensors

  bool wanted(const std::string& name) const { return name.find(only_) != std::string::npos; }
  // Prints one JSON line. outputs: all that body overwrites. An op that fails is named in its line, and the next goes
  // on.
  void run(const std::string& name, const Json& shape, const Work& work, const std::vector<Tensor>& outputs,
           const std::function<void()>& body);

  // The runs of body by the kernels chosen.
  template <class Body>
  void run_with(const GpuKernels& kernels, const Body& body) {
    stream_.choose(kernels);
    body();
    stream_.choose({});
  }
  bool has_cudnn() const { return has_cudnn_; }

  Stream& stream() const { return stream_; }
  bool tiny() const { return tiny_; }
  int n_failed() const { return n_failed_; }
  Json ceilings() const;

 private:
  double seconds_of(const std::function<void()>& body);
  double copy_rate();
  double product_rate(DType dtype);
  void fill_repeating(const Tensor& tensor, const Tensor& pattern);
  void spoil(const Tensor& output);
  void check_written(const Tensor& output);

  Stream& stream_;
  std::string only_;
  bool tiny_, has_cudnn_ = false;
  int n_failed_ = 0;
  std::vector<std::unique_ptr<Buffer>> blocks_;
  Buffer flush_;
  double copy_rate_ = 0, bf16_rate_ = 0, f32_rate_ = 0;
};

// Where sequences of one length begin, and where the experts' rows of a routing that is uneven as routings are.
std::vector<std::int32_t> even_bounds(std::int64_t sequences, std::int64_t length);
std::vector<std::int32_t> uneven_bounds(std::int64_t experts, std::int64_t rows);

void measure_rows(Measurement& m);      // norms, rope, GLU, embedding, elementwise, sums
void measure_products(Measurement& m);  // dense and grouped products, the head
void measure_mixture(Measurement& m);   // router, sort, gather, combine
void measure_optimizers(Measurement& m);
void measure_generation(Measurement& m);  // attention over pages, sampling
void measure_attention(Measurement& m);   // the grid of reference shapes
void measure_moe_layers(Measurement& m);

}  // namespace hearth::gpu
