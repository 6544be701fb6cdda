// SPDX-License-Identifier: Apache-2.0
// Which GPUs there are, whether the kernels of this program run on one, and why not.
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdlib>

#include "lib/base/text.h"
#include "lib/device/cuda/device_api.h"
#include "lib/device/cuda_api.h"

namespace hearth {
namespace {

// As CMAKE_CUDA_ARCHITECTURES has it: "80" (for sm_80, and as PTX for what is later), "90a-real" (for that one alone).
constexpr const char* built_for = HEARTH_CUDA_ARCHITECTURES;
constexpr const char* driver_needed = "NVIDIA's driver 580 or later";  // the first for CUDA 13

[[noreturn]] void unavailable(const std::string& problem, const std::string& advice) {
  throw Error(Kind::unavailable, problem + ": " + advice + ", or use --device cpu");
}

// 13000 as "13.0".
std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

// Of the driver, as of CUDA; 0 where none is installed.
int driver_version() {
  int version = 0;
  return cudaDriverGetVersion(&version) == cudaSuccess ? version : 0;
}

int count_gpus() {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (const int driver = driver_version(); driver == 0) {
    unavailable("no GPU: no NVIDIA driver is installed (libcuda.so.1)", std::string("install ") + driver_needed);
  } else if (error == cudaErrorInsufficientDriver) {
    unavailable("no GPU: the NVIDIA driver knows CUDA " + version_text(driver) + ", this hearth needs " +
                    version_text(CUDART_VERSION),
                std::string("install ") + driver_needed);
  } else if (error != cudaSuccess && error != cudaErrorNoDevice) {
    unavailable(std::string("no GPU: ") + cudaGetErrorString(error), "see what nvidia-smi says");
  } else if (error == cudaErrorNoDevice || count == 0) {
    unavailable("no GPU: the NVIDIA driver sees none", "see what nvidia-smi says, and CUDA_VISIBLE_DEVICES");
  }
  return count;
}

int attribute(cudaDeviceAttr which, int ordinal) {
  int value = 0;
  return cudaDeviceGetAttribute(&value, which, ordinal) == cudaSuccess ? value : 0;
}
// 90 for sm_90.
int capability_of(int ordinal) {
  return 10 * attribute(cudaDevAttrComputeCapabilityMajor, ordinal) +
         attribute(cudaDevAttrComputeCapabilityMinor, ordinal);
}

// One of built_for: machine code for an architecture alone ("90a"), for its generation ("80-real"), or with PTX.
struct Target {
  int architecture = 0;
  bool alone = false, machine_code_only = false;

  bool runs_on(int capability) const {
    if (alone || capability <= architecture) return capability == architecture;
    return !machine_code_only || capability / 10 == architecture / 10;
  }
  std::string text() const {
    return "sm_" + std::to_string(architecture) +
           (alone               ? "a"
            : machine_code_only ? " to sm_" + std::to_string(architecture / 10) + "9"
                                : " and later");
  }
};

std::vector<Target> targets() {
  std::vector<Target> all;
  for (const std::string& each : split(built_for, ',')) {
    char* end = nullptr;
    const long architecture = std::strtol(each.c_str(), &end, 10);
    all.push_back({static_cast<int>(architecture), *end == 'a', each.ends_with("-real")});
  }
  return all;
}

bool runs_on(int capability) {
  const std::vector<Target> all = targets();
  return std::any_of(all.begin(), all.end(), [&](const Target& each) { return each.runs_on(capability); });
}

std::string targets_text() {
  std::string text;
  for (const Target& each : targets()) text += (text.empty() ? "" : ", ") + each.text();
  return text;
}

}  // namespace

const DeviceApi& cuda_api(int ordinal) {
  const int count = count_gpus();
  if (ordinal >= count) {
    throw Error(Kind::unavailable, "no GPU " + std::to_string(ordinal) + ": there are " + std::to_string(count));
  }
  if (const int capability = capability_of(ordinal); !runs_on(capability)) {
    unavailable("the kernels of this hearth were built for " + targets_text() + ", this GPU is sm_" +
                    std::to_string(capability),
                "build with the preset cuda-sm80, which runs on all later ones");
  }
  if (const cudaError_t error = cudaSetDevice(ordinal); error != cudaSuccess) {
    unavailable("cannot use GPU " + std::to_string(ordinal) + ": " + cudaGetErrorString(error),
                "see what nvidia-smi says");
  }
  return cuda_device_api();
}

int cuda_gpus() {
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess ? count : 0;
}

std::vector<Library> cuda_facts() {
  std::vector<Library> facts{{"kernels built for", targets_text()}, {"CUDA runtime", version_text(CUDART_VERSION)}};
  const int driver = driver_version();
  facts.push_back({"NVIDIA driver", driver == 0 ? "none" : "for CUDA " + version_text(driver)});
  const int count = cuda_gpus();
  for (int i = 0; i < count; ++i) {
    cudaDeviceProp properties{};
    if (cudaGetDeviceProperties(&properties, i) != cudaSuccess) continue;
    facts.push_back({"GPU " + std::to_string(i),
                     std::string(properties.name) + ", sm_" + std::to_string(capability_of(i)) + ", " +
                         std::to_string(attribute(cudaDevAttrMultiProcessorCount, i)) + " processors, " +
                         human_bytes(static_cast<double>(properties.totalGlobalMem))});
  }
  return facts;
}

}  // namespace hearth
