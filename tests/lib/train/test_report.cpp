// SPDX-License-Identifier: Apache-2.0
// metrics.jsonl, the report made from it, and which steps are skipped.
#include <cmath>
#include <filesystem>
#include <limits>

#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/base/rng.h"
#include "lib/train/chart.h"
#include "lib/train/metrics.h"
#include "lib/train/outlier.h"
#include "lib/train/report.h"
#include "tests/lib/train/scratch.h"
#include "tests/support/catch.h"

using namespace hearth;
using namespace hearth::train;

namespace {

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

// Every tag that opens is closed, in order (void elements and self-closed ones aside): what a browser would repair
// silently.
bool is_balanced(const std::string& html) {
  std::vector<std::string> open;
  for (std::size_t at = html.find('<'); at != std::string::npos; at = html.find('<', at + 1)) {
    const std::size_t end = html.find('>', at);
    if (end == std::string::npos) return false;
    std::string tag = html.substr(at + 1, end - at - 1);
    if (tag.starts_with("!") || tag.ends_with("/") || tag.starts_with("meta")) continue;
    if (!tag.starts_with("/")) {
      open.push_back(tag.substr(0, tag.find(' ')));
    } else {
      if (open.empty() || open.back() != tag.substr(1)) return false;
      open.pop_back();
    }
  }
  return open.empty();
}

RunHistory some_history(int n_steps) {
  RunHistory history;
  for (int i = 1; i <= n_steps; ++i) {
    Json step{{"event", "step"},
              {"step", i},
              {"tokens", i * 1000},
              {"loss", 5.0 / std::sqrt(i)},
              {"learning_rate", 1e-3},
              {"gradient_norm", 1.0 + 0.1 * (i % 3)},
              {"clock", {{"tokens_per_s", 1e4}, {"ceiling_ratio", 0.5}, {"step_s", 0.1}}}};
    step["experts"] =
        Json::array({{{"layer", 1}, {"min", 0.5}, {"max", 2.0}}, {{"layer", 2}, {"min", 0.7}, {"max", 1.5}}});
    history.add(step);
    if (i % 10 == 0) history.add({{"event", "eval"}, {"step", i}, {"loss", 4.0}, {"bits_per_byte", 1.5}});
  }
  history.add({{"event", "warning"}, {"step", 3}, {"message", "a <b> & \"c\""}});
  return history;
}

}  // namespace

TEST_CASE("a metrics log goes on where the checkpoint says, dropping what came after") {
  const Scratch scratch;
  const auto path = scratch.path() / "metrics.jsonl";
  std::uint64_t at_two = 0;
  {
    MetricsLog log(path, 0);
    for (int step = 1; step <= 4; ++step) {
      log.write("step", step, {{"loss", step * 0.5}}, {{"tokens_per_s", 10}});
      if (step == 2) at_two = log.position();
    }
  }
  CHECK(read_history(path).steps.size() == 4);
  {
    MetricsLog log(path, at_two);
    CHECK(log.position() == at_two);
    log.write("step", 3, {{"loss", 7}}, Json::object());
  }
  const RunHistory history = read_history(path);
  REQUIRE(history.steps.size() == 3);
  CHECK(history.steps[1].loss == 1.0f);
  CHECK(history.steps[2].loss == 7.0f);
}

TEST_CASE("a line cut short by a kill is left out when the log is read") {
  const Scratch scratch;
  const auto path = scratch.path() / "metrics.jsonl";
  write_file(path, "{\"event\":\"step\",\"step\":1,\"loss\":2}\n{\"event\":\"step\",\"st");
  CHECK(read_history(path).steps.size() == 1);
}

TEST_CASE("a metrics log in a folder that is not there is refused") {
  CHECK_THROWS_AS(MetricsLog("/nonexistent-hearth/metrics.jsonl", 0), Error);
}

TEST_CASE("the report shows the run, is self-contained and well-formed") {
  ReportFacts facts{"runs/<base>", "running", "2026-01-01T00:00:00Z", 300,
                    1000,          1e11,      {{"layers", "4"}},      {{"seed", "1"}}};
  const std::string html = report_html(some_history(300), facts);
  CHECK(is_balanced(html));
  CHECK(count(html, "<svg") == 7);  // loss, held out, rate, norm, speed, ceiling, experts
  for (const char* absent : {"<script", "http://", "https://", "src=", "@import", "url(", "nan", "inf\""}) {
    INFO(absent);
    CHECK(count(html, absent) == 0);
  }
  CHECK(html.find("runs/&lt;base&gt;") != std::string::npos);
  CHECK(html.find("a &lt;b&gt; &amp; &quot;c&quot;") != std::string::npos);
  CHECK(html.find("300 / 1000") != std::string::npos);
  CHECK(html.find("prefers-color-scheme:dark") != std::string::npos);
}

TEST_CASE("a report of a run without a step, and of one step") {
  CHECK(is_balanced(report_html(RunHistory{}, {})));
  CHECK(is_balanced(report_html(some_history(1), {})));
}

TEST_CASE("a long curve is thinned, a step that is not finite is left out") {
  Curve curve{"x", {}, {}, 0, Curve::Style::line};
  for (int i = 0; i < 100000; ++i) {
    curve.x.push_back(i);
    curve.y.push_back(i == 50000 ? std::nan("") : std::sin(i * 1e-3));
  }
  const std::string svg = svg_of({"t", "u", {curve}});
  CHECK(svg.size() < 20000);
  CHECK(svg.find("nan") == std::string::npos);
}

TEST_CASE("smoothing keeps a constant and follows a step") {
  const std::vector<double> constant = smoothed({3, 3, 3, 3}, 2);
  for (const double value : constant) CHECK(value == Approx(3));
  const std::vector<double> step = smoothed({0, 0, 0, 1, 1}, 1);
  CHECK(step[3] == Approx(8.0 / 15));  // weights 1/2, 1/4, 1/8, 1/16 of the newest first, normalised
}

namespace {
// The detector as the trainer uses it, one step after another.
struct Judge {
  ThreadPool pool{1};
  Stream stream{pool};
  OutlierDetector detector{{}, {.clip = 2}};
  double at(const Tensor& tensor, std::int64_t i) const { return tensor.as<double>()[i]; }

  std::string operator()(double loss, double norm) {
    double squares = norm * norm;
    detector.judge(stream, {&loss, {1}}, {&squares, {1}}, 0.125);
    const auto verdict =
        static_cast<kernels::StepVerdict>(static_cast<int>(at(detector.report(), kernels::StepReport::verdict)));
    CHECK(at(detector.control(), kernels::StepControl::taken) == (verdict == kernels::StepVerdict::taken ? 1 : 0));
    return OutlierDetector::reason(verdict);
  }
  int skipped() const { return static_cast<int>(at(detector.report(), kernels::StepReport::skipped_in_a_row)); }
};
}  // namespace

TEST_CASE("steps that are not finite are skipped from the first on, and only taken ones count and are clipped") {
  Judge judge;
  const double inf = std::numeric_limits<double>::infinity(), nan = std::nan("");
  CHECK(judge(nan, 1) == "the loss is not finite");
  CHECK(judge(1, inf) == "the gradient is not finite");
  CHECK(judge.skipped() == 2);
  CHECK(judge.at(judge.detector.report(), kernels::StepReport::steps) == 0);
  CHECK(judge(1, 1).empty());
  CHECK(judge.skipped() == 0);
  const Tensor& control = judge.detector.control();
  CHECK(judge.at(control, kernels::StepControl::gradient_scale) == 1);
  CHECK(judge.at(control, kernels::StepControl::learning_rate) == 0.125);
  CHECK(judge(1, 8).empty());
  CHECK(judge.at(control, kernels::StepControl::gradient_scale) == 0.25);
  CHECK(judge.at(control, kernels::StepControl::steps) == 2);
  CHECK(judge.at(control, kernels::StepControl::correction1) == Approx(1 / (1 - 0.81)));
}

TEST_CASE("a spike is skipped, ordinary noise and a falling loss are not") {
  Judge judge;
  Rng rng(3);
  for (int i = 0; i < 1000; ++i) {
    const double loss = 3 + 3 * std::exp(-i / 100.0) + 0.05 * rng.normal(), norm = std::exp(0.3 * rng.normal());
    INFO(i);
    REQUIRE(judge(loss, norm).empty());
  }
  CHECK(judge(3.6, 1) == "the loss is an outlier");
  CHECK(judge(3, 50) == "the gradient norm is an outlier");
  CHECK(judge(2, 0.001).empty());  // only upwards
  Judge restored;
  const Json state = judge.detector.state(judge.stream);
  restored.detector.restore(restored.stream, parse_json(dump_json(state), "state"));
  CHECK(restored.detector.state(restored.stream) == state);
  CHECK(restored(3.6, 1) == judge(3.6, 1));
  judge.detector.reset(judge.stream);
  CHECK(judge(3.6, 1).empty());
}
