#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The cuDNN that is installed has plans for all of our graphs on an H200: it builds them (compiles their kernels) with
# no GPU at hand, for a description of one, over a driver that says yes to nearly everything. Whether they compute the right
# thing only a GPU can tell. Skipped where cuDNN or CUDA's stub of the driver is not installed.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"
stub=
for folder in "${CUDA_HOME:-/usr/local/cuda}" /usr/local/cuda; do
  [ ! -e "$folder/lib64/stubs/libcuda.so" ] || stub=$folder/lib64/stubs/libcuda.so
done
[ -n "$stub" ] || skip "no CUDA toolkit, whose stub names the driver's functions"
command -v nm >/dev/null && command -v cc >/dev/null || skip "no C compiler"

# Every function of the driver, as one that does nothing and succeeds; those that cuDNN wants more of by hand.
cat >driver.c <<'END'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
int cuInit(unsigned flags) { return 100; /* no device */ }
int cuGetExportTable(void** table) { return *table = 0, 500; }
int cuDriverGetVersion(int* version) { return *version = 13000, 0; }
int cuGetProcAddress_v2(const char* symbol, void** at, int version, unsigned long long flags, int* status) {
  const char* suffixes[] = {"_v2", "_v3", "_v4", ""};
  *at = 0;
  for (int i = 0; i < 4 && *at == 0; i++) {
    char name[256];
    snprintf(name, sizeof name, "%s%s", symbol, suffixes[i]);
    *at = dlsym(RTLD_DEFAULT, name);
  }
  if (status) *status = *at == 0;
  return *at ? 0 : 500;
}
int cuGetProcAddress(const char* symbol, void** at, int version, unsigned long long flags) {
  return cuGetProcAddress_v2(symbol, at, version, flags, 0);
}
static int handle(void** made) { return *made = (void*)0x1000, 0; }
int cuLibraryLoadData(void** made) { return handle(made); }
int cuLibraryGetKernel(void** made) { return handle(made); }
int cuLibraryGetModule(void** made) { return handle(made); }
int cuKernelGetFunction(void** made) { return handle(made); }
int cuModuleGetFunction(void** made) { return handle(made); }
int cuModuleLoadData(void** made) { return handle(made); }
int cuModuleLoadDataEx(void** made) { return handle(made); }
int cuFuncGetAttribute(int* value) { return *value = 0, 0; }
int cuKernelGetAttribute(int* value) { return *value = 0, 0; }
int cuOccupancyMaxActiveClusters(int* clusters) { return *clusters = 66, 0; }
int cuGetErrorString(int error, const char** text) { return *text = "none", 0; }
int cuGetErrorName(int error, const char** text) { return *text = "none", 0; }
END
sed -n 's/^int \(cu[A-Za-z0-9_]*\)(.*/\1/p' driver.c | sort >by_hand
nm -D --defined-only "$stub" | sed -n 's/.* [TW] \(cu[A-Za-z0-9_]*\).*/\1/p' | sort -u | comm -23 - by_hand |
  sed 's/.*/int &(void) { return 0; }/' >>driver.c
cc -shared -fPIC -w -o libcuda.so.1 driver.c || skip "the compiler makes no library of it"

# As far as it concerns kernels; written down from NVIDIA's tables.
cat >h200.json <<'END'
{"maxGridSize": [2147483647, 65535, 65535], "maxBlockSize": [1024, 1024, 64], "regsPerBlock": 65536,
 "multiProcessorCount": 132, "smClockRateKHz": 1980000, "memClockRateKHz": 3201000, "l2CacheSize": 62914560,
 "warpSize": 32, "maxSharedMemoryPerBlock": 49152, "maxSharedMemoryPerBlockOptin": 232448,
 "reservedSharedMemoryPerBlock": 1024, "maxRegistersPerSM": 65536, "pciDeviceId": 0, "maxCtasPerSM": 32,
 "maxThreadsPerBlock": 1024, "maxThreadsPerSM": 2048, "isTccDriver": 0, "supportCoopLaunch": 1, "deviceVer": 900,
 "driverVer": 13000, "cudaDeviceId": 0, "totalGlobalMem": 150000000000, "deviceName": "NVIDIA H200"}
END
code=0
LD_LIBRARY_PATH=$PWD${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} "$HEARTH_BIN/cudnn_plans" h200.json >plans 2>problem || code=$?
[ "$code" -ne 69 ] || skip "$(cat problem)"
cat plans problem
expect "cuDNN has a plan for each graph" [ "$code" -eq 0 ]
expect "they were all asked" [ "$(grep -c 'workspace' plans)" -ge 16 ]
