// SPDX-License-Identifier: Apache-2.0
// The programs that shard runs to read formats, and what keeps them in.
#include "lib/base/child_process.h"
#include "lib/tools/doctor_checks.h"

namespace hearth::tools::doctor {

std::vector<Finding> parser_checks() {
  Finding pdf{"parsers", "pdftotext", Status::good, find_program("pdftotext"), "", 0, ""};
  if (pdf.value.empty()) {
    pdf.status = Status::warning;
    pdf.value = "not in PATH: shard rejects PDF files as parser-missing";
    pdf.advice = "install the Debian package poppler-utils";
  }
  Finding network{"parsers", "without network", Status::good, "the kernel filters their system calls", "", 0, ""};
  if (!children_are_offline()) {
    network.status = Status::warning;
    network.value = "no: this kernel has no seccomp filters for unprivileged programs";
    network.advice = "run shard where there is no network if its inputs are not to be trusted";
  }
  return {pdf, network};
}

}  // namespace hearth::tools::doctor
