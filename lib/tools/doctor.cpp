// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/doctor.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "lib/base/json_value.h"
#include "lib/base/launcher.h"
#include "lib/base/text.h"
#include "lib/tools/doctor_checks.h"

namespace hearth::tools::doctor {
namespace {

std::string_view word_of(Status status) {
  switch (status) {
    case Status::fact:
      return "";
    case Status::good:
      return "ok";
    case Status::warning:
      return "warning";
    case Status::failed:
      return "FAILED";
  }
  return "";
}

std::string table(const std::vector<Finding>& findings) {
  std::string text, group;
  for (const Finding& finding : findings) {
    if (finding.group != group) {
      text += (group.empty() ? "" : "\n") + finding.group + "\n";
      group = finding.group;
    }
    char line[512];
    std::snprintf(line, sizeof line, "  %-34s %-8s %s\n", finding.name.c_str(),
                  std::string(word_of(finding.status)).c_str(), finding.value.c_str());
    text += line;
    if (!finding.advice.empty()) text += "  " + std::string(44, ' ') + "-> " + finding.advice + "\n";
  }
  return text;
}

Json report(const std::vector<Finding>& findings, bool healthy) {
  Json checks = Json::array();
  for (const Finding& finding : findings) {
    Json check{{"group", finding.group}, {"name", finding.name}};
    check["status"] = finding.status == Status::fact     ? "fact"
                      : finding.status == Status::failed ? "failed"
                                                         : std::string(word_of(finding.status));
    check["value"] = finding.value;
    if (!finding.unit.empty()) {
      check["number"] = finding.number;
      check["unit"] = finding.unit;
    }
    if (!finding.advice.empty()) check["advice"] = finding.advice;
    checks.push_back(std::move(check));
  }
  return Json{{"schema", "hearth.doctor/1"}, {"healthy", healthy}, {"version", version()}, {"checks", checks}};
}

void append(std::vector<Finding>& all, std::vector<Finding> more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

int run(const Options& options, Context& context) {
  const std::filesystem::path temporary = options.common.tmpdir.empty() ? std::filesystem::temp_directory_path()
                                                                        : std::filesystem::path(options.common.tmpdir);
  std::vector<Finding> findings = machine_facts(context);
  append(findings, library_versions());
  append(findings, file_checks(temporary, context.pool));
  append(findings, parser_checks());
  context.log.progress("arithmetic");
  findings.push_back(bf16_support());
  for (const DType dtype : {DType::f32, DType::bf16}) findings.push_back(exact_rows(context, dtype));
  for (const DType dtype : {DType::f32, DType::bf16}) findings.push_back(gemm_ceiling(context, dtype));
  findings.push_back(training_step(context.stream));
  append(findings, gpu_checks(context.pool));
  context.log.progress_done();

  const auto n_failed = std::count_if(findings.begin(), findings.end(),
                                      [](const Finding& finding) { return finding.status == Status::failed; });
  if (context.json) {
    std::printf("%s\n", dump_json(report(findings, n_failed == 0)).c_str());
  } else {
    std::fputs(table(findings).c_str(), stdout);
    if (n_failed == 0) std::printf("\nAll checks passed.\n");
  }
  if (n_failed > 0)
    context.log.error(std::to_string(n_failed) + " of " + std::to_string(findings.size()) + " checks failed");
  return n_failed == 0 ? 0 : static_cast<int>(Kind::unavailable);
}

Command doctor_command(const std::vector<std::string>& argv) {
  const auto options = std::make_shared<Options>();
  Command command("doctor", "check this machine and this installation");
  command.details =
      "Prints what hearth runs on (processor, memory, libraries) and tries what it needs: that files can be written "
      "and\n"
      "read back, that a row of a matrix product depends on that row alone (which makes results independent of batch\n"
      "sizes), how fast products are, and that a training step by the fast kernels agrees with the reference; the same of a\n"
      "GPU where there is one.\n\n"
      "Started as many ranks, one a node, all measure at once: copies of memory, products, and links between neighbours. A\n"
      "node below 80 % of the median is named ('slow: NODE ...'), and one whose training step is wrong ('wrong: NODE ...').\n\n"
      "With --heartbeats it tells which ranks of a run that hung or died were the cause.\n\n"
      "Exits 0 when all is well, 1 when a node of many is slow, and 69 when a check failed.";
  command.examples = {{"hearth doctor", "a table"},
                      {"srun --mpi=pmix --ntasks-per-node=1 hearth-doctor", "the nodes of a job against each other"},
                      {"hearth doctor --heartbeats runs/base/heartbeats", "which rank a run died of"}};
  command.option("heartbeats", &options->heartbeats, "DIR", "tell from a run's heartbeats which ranks it died of");
  add_common(command, options->common, {.tmpdir = true});
  command.run = [options, argv](const Command& self) {
    const std::optional<Launch> launch = find_launch();
    if (launch && launch->size > 1 && options->heartbeats.empty())
      return run_on_ranks(self, options->common, argv, {}, [&](Context& context) { return run_among_ranks(*options, context); });
    return run_with_context(self, options->common, argv, [&](Context& context) {
      return options->heartbeats.empty() ? run(*options, context) : tell_heartbeats(*options, context);
    });
  };
  return command;
}

}  // namespace hearth::tools::doctor
