// SPDX-License-Identifier: Apache-2.0
// The checks themselves: each is seen to fail on a snippet that breaks its rule and to pass one that keeps it.
#include "tests/meta/checks.h"
#include "tests/support/catch.h"

using namespace hearth::meta;

namespace {
using Check = Findings (*)(const SourceFile&);

struct Case {
  Check check;
  std::string path, text;
  Findings expected;
};
}  // namespace

TEST_CASE("layers: down is allowed, up and sideways are not") {
  const Case cases[] = {
      {check_layers, "kernels/gemm.cpp", "#include \"lib/base/error.h\"\n#include \"kernels/gemm.h\"\n", {}},
      {check_layers, "kernels/gemm.cpp", "#include \"lib/nn/model.h\"\n", {"kernels/gemm.cpp:1: kernels may not include lib/nn/model.h"}},
      {check_layers, "kernels/gemm.cpp", "\n#include \"formats/tokens.h\"\n", {"kernels/gemm.cpp:2: kernels may not include formats/tokens.h"}},
      {check_layers, "lib/train/loop.cpp", "#include \"lib/infer/sample.h\"\n", {"lib/train/loop.cpp:1: lib/train may not include lib/infer/sample.h"}},
      {check_layers, "lib/align/loop.cpp", "#include \"lib/infer/sample.h\"\n#include \"lib/train/x.h\"\n", {}},
      {check_layers, "lib/data/a.cpp", "#include \"lib/text/x.h\"\n", {}},
      {check_layers, "lib/text/a.cpp", "#include \"lib/data/x.h\"\n", {"lib/text/a.cpp:1: lib/text may not include lib/data/x.h"}},
      {check_layers, "bin/shard.cpp", "#include \"lib/nn/model.h\"\n", {"bin/shard.cpp:1: bin may not include lib/nn/model.h"}},
      {check_layers, "lib/base/a.h", "#include \"tests/support/catch.h\"\n", {"lib/base/a.h:1: lib/base may not include tests/support/catch.h"}},
      {check_layers, "lib/base/a.h", "// #include \"lib/nn/model.h\"\n/*\n#include \"lib/nn/model.h\"\n*/\n", {}},
      {check_layers, "engine/a.cpp", "", {"engine/a.cpp:1: C++ outside the folders of DESIGN section 1"}},
      {check_layers, "tests/lib/nn/test_moe.cpp", "#include \"lib/nn/moe.h\"\n", {}},
  };
  for (const Case& each : cases) CHECK(each.check({each.path, each.text}) == each.expected);
}

TEST_CASE("foreign headers: their folder, and .cpp files") {
  const Case cases[] = {
      {check_foreign_headers, "formats/hdf5.cpp", "#include <hdf5.h>\n#include <zstd.h>\n", {}},
      {check_foreign_headers, "formats/hdf5.h", "#include <hdf5.h>\n", {"formats/hdf5.h:1: <hdf5.h> may stand in .cpp files only"}},
      {check_foreign_headers, "lib/nn/a.cpp", "#include <hdf5.h>\n", {"lib/nn/a.cpp:1: <hdf5.h> may not stand here"}},
      {check_foreign_headers, "lib/train/a.cpp", "#include <mpi.h>\n", {"lib/train/a.cpp:1: <mpi.h> may not stand here"}},
      {check_foreign_headers, "kernels/cpu/a.cpp", "#include <dnnl.hpp>\n#include <hwy/highway.h>\n", {}},
      {check_foreign_headers, "kernels/cuda/a.cuh", "#include <cuda_runtime.h>\n", {}},
      {check_foreign_headers, "lib/device/a.h", "#include <cuda_runtime.h>\n", {"lib/device/a.h:1: <cuda_runtime.h> may stand in .cpp files only"}},
      {check_foreign_headers, "kernels/gemm.h", "#include <dnnl.hpp>\n", {"kernels/gemm.h:1: <dnnl.hpp> may stand in .cpp files only"}},
      {check_foreign_headers, "lib/store/a.cpp", "#include <nlohmann/json.hpp>\n", {"lib/store/a.cpp:1: <nlohmann/json.hpp> may not stand here"}},
      {check_foreign_headers, "lib/store/a.h", "#include \"lib/base/json_value.h\"\n", {"lib/store/a.h:1: json_value.h is for .cpp files (headers include json.h)"}},
      {check_foreign_headers, "tests/formats/test_a.cpp", "#include <hdf5.h>\n", {}},
      {check_foreign_headers, "tests/formats/test_a.cpp", "#include <catch2/catch.hpp>\n", {"tests/formats/test_a.cpp:1: <catch2/catch.hpp> may not stand here"}},
  };
  for (const Case& each : cases) CHECK(each.check({each.path, each.text}) == each.expected);
}

TEST_CASE("calls the library never makes") {
  const auto n = [](const std::string& path, const std::string& text) { return check_calls({path, text}).size(); };
  CHECK(n("lib/nn/a.cpp", "void f() { std::cout << 1; }") == 1);
  CHECK(n("lib/nn/a.cpp", "void f() { printf(\"x\"); }") == 1);
  CHECK(n("lib/nn/a.cpp", "void f() { std::printf(\"x\"); }") == 1);
  CHECK(n("lib/nn/a.cpp", "void f() { std::snprintf(a, 3, \"x\"); }") == 0);
  CHECK(n("lib/nn/a.cpp", "void f() { std::fprintf(stderr, \"x\"); }") == 1);
  CHECK(n("lib/tools/a.cpp", "void f() { std::printf(\"x\"); }") == 0);
  CHECK(n("kernels/a.cpp", "void f() { exit(1); }") == 1);
  CHECK(n("kernels/a.cpp", "void f() { std::abort(); }") == 1);
  CHECK(n("kernels/a.cpp", "void f() { on_exit(1); table.exit(1); }") == 0);
  CHECK(n("formats/a.cpp", "auto x = std::getenv(\"HOME\");") == 1);
  CHECK(n("lib/base/a.cpp", "auto x = std::getenv(\"HOME\");") == 0);
  CHECK(n("lib/data/a.cpp", "std::mt19937 generator;") == 1);
  CHECK(n("lib/nn/a.cpp", "using namespace std;") == 1);
  CHECK(n("lib/nn/a.cpp", "#pragma omp parallel for") == 1);
  CHECK(n("lib/nn/a.cpp", "H5Fclose(file);") == 1);
  CHECK(n("formats/hdf5_file.cpp", "H5Fclose(file);") == 0);
  CHECK(n("lib/nn/a.cpp", "cudaStreamSynchronize(stream);") == 1);
  CHECK(n("kernels/gemm.h", "cublasLtHandle_t handle;") == 1);
  CHECK(n("kernels/cuda/gemm.cu", "cudaStream_t stream; cublasLtHandle_t handle;") == 0);
  CHECK(n("kernels/cuda/gemm.cu", "cudaMalloc(&memory, 8);") == 1);
  CHECK(n("lib/device/cuda/api.cpp", "cudaMalloc(&memory, 8);") == 0);
  CHECK(n("lib/nn/a.cpp", "// it does not exit(1) nor printf(\"x\")\nconst char* s = \"std::cout\";") == 0);
  CHECK(n("tests/a.cpp", "std::cout << 1;") == 0);
}

TEST_CASE("names and licence lines") {
  const std::string spdx = "// SPDX-License-Identifier: Apache-2.0\n";
  CHECK(check_names({"lib/nn/a.cpp", spdx}).empty());
  CHECK(check_names({"lib/nn/a.cpp", "#include <vector>\n"}).size() == 1);
  CHECK(check_names({"lib/utils/a.cpp", spdx}).size() == 1);
  CHECK(check_names({"src/a.cpp", spdx}).size() == 1);
  CHECK(check_names({"packaging/a.sh", "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n"}).empty());
  CHECK(check_names({"packaging/a.sh", "#!/bin/sh\necho\n"}).size() == 1);
  CHECK(check_names({"Makefile", ""}).size() == 1);
  CHECK(check_names({"README.md", "# hearth\n"}).empty());
}

TEST_CASE("eval and export at command position") {
  const auto n = [](const std::string& path, const std::string& text) { return check_builtin_names({path, text}).size(); };
  for (const char* wrong : {"export --to hf", "  eval model", "cd x && export run1", "x; eval $y", "if eval x; then", "$(eval x)",
                            "export run1 out", "\"export\" --to hf", "command eval x", "then export x", "@export --to hf", "export"}) {
    INFO(wrong);
    CHECK(n("slurm/a.sh", wrong) == 1);
    CHECK(n("Makefile", std::string("\t") + wrong) == 1);
  }
  for (const char* right : {"hearth export --to hf", "\"$HEARTH_BIN/eval\" x", "export PATH=/bin", "export PATH LC_ALL", "srun eval x", "build/bin/export x",
                            "# eval is a builtin", "evaluate x", "echo export", "export_model x", "case eval) ;;"}) {
    INFO(right);
    CHECK(n("slurm/a.sh", right) == 0);
  }
  CHECK(n("bin/hearth", "#!/bin/sh\ncat <<'END'\neval   a tool\nEND\necho\n") == 0);
  CHECK(n("bin/hearth", "#!/bin/sh\ncat <<'END'\nEND\neval x\n") == 1);
  CHECK(n("README.md", "```\n$ export --to hf\n```\n") == 1);
  CHECK(n("README.md", "    export --to hf\n") == 1);
  CHECK(n("README.md", "then `export --to hf` writes\n") == 1);
  CHECK(n("README.md", "`eval` and `export` are builtins; use `hearth export --to hf`\n") == 0);
  CHECK(n("lib/tools/export.cpp", "c.examples = {{\"export --to hf\", \"x\"}};") == 1);
  CHECK(n("lib/tools/export.cpp", "c.examples = {{\"hearth export --to hf\", \"x\"}};") == 0);
}

TEST_CASE("functions are found and measured") {
  const auto functions = functions_of(R"(#include <a>
namespace x {
namespace {
constexpr int table[] = {1, 2};
const std::array<int, 2> more{{1, 2}};
}
int one() { return 1; }
struct S {
  int two() const {
    return 2;
  }
  std::vector<int> field = {3};
  int other{4};
};
template <class T>
T three(T a,
        T b) {
  const auto inner = [](int x) { return x; };  // }
  if (a) { return "}"[0] + inner(b); }
  return '{';
}
enum class E { a, b };
}
)");
  REQUIRE(functions.size() == 3);
  CHECK(functions[0].n_lines == 1);
  CHECK(functions[1].n_lines == 3);
  CHECK(functions[1].first_line == 9);
  CHECK(functions[2].n_lines == 7);
  CHECK(functions[2].first_line == 15);
}

TEST_CASE("comments and literals are blanked, lines kept") {
  CHECK(without_comments("a // b\nc /* d\ne */ f") == "a     \nc     \n     f");
  CHECK(code_only("a = \"b // c\"; d") == "a = \"      \"; d");
  CHECK(code_only("n = 1'000'000; c = '\"'; x") == "n = 1'000'000; c = ' '; x");
  CHECK(code_only("R\"(a\n\"b)\" c") == "    \n     c");
}
