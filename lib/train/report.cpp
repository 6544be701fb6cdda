// SPDX-License-Identifier: Apache-2.0
#include "lib/train/report.h"

#include <algorithm>
#include <cmath>

#include "lib/base/html.h"
#include "lib/base/text.h"
#include "lib/train/chart.h"

namespace hearth::train {
namespace {

constexpr const char* style = R"(
.bar{height:6px;border-radius:3px;background:var(--rule);margin:14px 0 18px;overflow:hidden}.bar i{display:block;height:100%;background:var(--c0)}
figcaption{display:flex;justify-content:space-between;flex-wrap:wrap;gap:4px 12px;font-weight:600}figcaption em{font-style:normal;font-weight:400;color:var(--soft)}
.legend{font-weight:400;font-size:13px;color:var(--soft)}.key{margin-left:12px;white-space:nowrap}.key b{color:var(--ink);font-variant-numeric:tabular-nums}
.swatch{display:inline-block;width:10px;height:10px;border-radius:2px;margin-right:5px;background:var(--c)}
svg{display:block;width:100%;height:auto;margin-top:6px}.grid{stroke:var(--rule)}.tick{fill:var(--soft);font-size:11px;font-variant-numeric:tabular-nums}
.line{fill:none;stroke:var(--c);stroke-width:1.8;stroke-linejoin:round}.faint{opacity:.28;stroke-width:1}.dashed{stroke-dasharray:5 4;stroke-width:1.2}.dot{fill:var(--c)}
.c0{--c:var(--c0)}.c1{--c:var(--c1)}.c2{--c:var(--c2)}.c3{--c:var(--c3)}.c4{--c:var(--c4)}.c5{--c:var(--c5)}
)";

using Step = RunHistory::Step;

template <class Value>
Curve curve_of(const RunHistory& history, std::string name, int colour, Curve::Style line_style, Value value) {
  Curve curve{std::move(name), {}, {}, colour, line_style};
  for (const Step& step : history.steps) {
    curve.x.push_back(static_cast<double>(step.step));
    curve.y.push_back(value(step));
  }
  return curve;
}

// A faint curve of all points under a smooth one.
std::vector<Curve> noisy(Curve raw) {
  Curve line = raw;
  line.y = smoothed(raw.y, std::clamp(static_cast<double>(raw.y.size()) / 60, 1.0, 200.0));
  line.style = Curve::Style::line;
  raw.style = Curve::Style::faint;
  raw.name.clear();
  return {line, raw};
}

Chart loss_chart(const RunHistory& history) {
  Chart chart{
      "Training loss", "nats per token",
      noisy(curve_of(history, "train", 0, Curve::Style::line, [](const Step& s) { return s.skipped ? NAN : s.loss; }))};
  Curve held_out{"held out", {}, {}, 1, Curve::Style::points};
  for (const auto& evaluation : history.evaluations) {
    held_out.x.push_back(static_cast<double>(evaluation.step));
    held_out.y.push_back(evaluation.loss);
  }
  if (!held_out.x.empty()) chart.curves.push_back(held_out);
  return chart;
}

Chart held_out_chart(const RunHistory& history) {
  Curve curve{"held out", {}, {}, 1, Curve::Style::points};
  for (const auto& evaluation : history.evaluations) {
    curve.x.push_back(static_cast<double>(evaluation.step));
    curve.y.push_back(evaluation.bits_per_byte);
  }
  return {"Held-out text", "bits per byte", {curve}};
}

Chart speed_chart(const RunHistory& history) {
  return {"Speed", "tokens per second",
          noisy(curve_of(history, "tokens/s", 2, Curve::Style::line, [](const Step& s) { return s.tokens_per_s; })),
          true};
}

Chart ceiling_chart(const RunHistory& history, const ReportFacts& facts) {
  const std::string ceiling =
      facts.ceiling_flops_per_s > 0 ? format_number(facts.ceiling_flops_per_s * 1e-9, 4) + " GFLOP/s" : "the ceiling";
  return {"Model arithmetic", "% of the machine's measured matrix rate, " + ceiling,
          noisy(curve_of(history, "%", 5, Curve::Style::line, [](const Step& s) { return 100 * s.ceiling_ratio; })),
          true};
}

Chart experts_chart(const RunHistory& history) {
  Chart chart{"Expert load", "busiest expert of each layer, times an equal share", {}};
  for (std::size_t layer = 0; layer < history.experts.size(); ++layer) {
    Curve curve{history.experts.size() <= 6 ? "layer " + std::to_string(history.expert_layers[layer]) : "",
                {},
                {},
                static_cast<int>(layer),
                Curve::Style::line};
    for (std::size_t i = 0; i < history.experts[layer].size() && i < history.steps.size(); ++i) {
      curve.x.push_back(static_cast<double>(history.steps[i].step));
      curve.y.push_back(history.experts[layer][i].most);
    }
    curve.y = smoothed(curve.y, std::clamp(static_cast<double>(curve.y.size()) / 60, 1.0, 200.0));
    chart.curves.push_back(std::move(curve));
  }
  return chart;
}

std::string tiles(const RunHistory& history, const ReportFacts& facts) {
  std::string html = "<div class=\"tiles\">";
  html += html_tile(std::to_string(facts.step) + " / " + std::to_string(facts.n_steps), "steps");
  html += html_tile(human_count(static_cast<double>(history.tokens)), "tokens trained on");
  if (!history.steps.empty()) html += html_tile(format_number(history.steps.back().loss, 4), "training loss");
  if (!history.evaluations.empty()) {
    html += html_tile(format_number(history.evaluations.back().bits_per_byte, 4),
                      "held-out bits per byte, from " + format_number(history.evaluations.front().bits_per_byte, 4));
  }
  if (!history.steps.empty()) {
    html += html_tile(human_count(history.steps.back().tokens_per_s), "tokens per second");
    html += html_tile(format_number(100 * history.steps.back().ceiling_ratio, 3) + " %", "of the measured matrix rate");
  }
  html += html_tile(human_bytes(static_cast<double>(history.memory_bytes)), "peak memory");
  if (facts.status == "running" && history.step_s > 0) {
    html += html_tile(human_seconds(static_cast<double>(facts.n_steps - facts.step) * history.step_s), "left");
  }
  return html + "</div>\n";
}

std::string notes(const RunHistory& history) {
  constexpr std::size_t most = 20;
  std::vector<std::pair<std::string, std::string>> rows;
  for (std::size_t i = history.notes.size() > most ? history.notes.size() - most : 0; i < history.notes.size(); ++i) {
    rows.emplace_back("step " + std::to_string(history.notes[i].step),
                      history.notes[i].kind + ": " + history.notes[i].message);
  }
  return rows.empty() ? "" : html_table("What happened (newest last)", rows);
}

}  // namespace

std::string report_html(const RunHistory& history, const ReportFacts& facts) {
  const double done =
      facts.n_steps > 0 ? 100.0 * static_cast<double>(facts.step) / static_cast<double>(facts.n_steps) : 0;
  std::string html;
  html += "<header><h1>" + escape_html(facts.title) + "</h1><p><span class=\"status\">" + escape_html(facts.status) +
          "</span> &middot; written " + escape_html(facts.time) +
          "</p></header><div class=\"bar\"><i style=\"width:" + format_number(std::min(done, 100.0), 4) +
          "%\"></i></div>\n";
  html +=
      tiles(history, facts) + "<div class=\"grid2\">\n" + svg_of(loss_chart(history)) + svg_of(held_out_chart(history));
  html += svg_of({"Learning rate",
                  "",
                  {curve_of(history, "", 4, Curve::Style::line, [](const Step& s) { return s.learning_rate; })},
                  true});
  html += svg_of(
      {"Gradient norm", "before clipping",
       noisy(curve_of(history, "norm", 3, Curve::Style::line, [](const Step& s) { return s.gradient_norm; })), true});
  html += svg_of(speed_chart(history)) + svg_of(ceiling_chart(history, facts));
  if (!history.experts.empty()) html += svg_of(experts_chart(history));
  html += "</div>\n<div class=\"grid2\">" + html_table("Model", facts.model) + html_table("Run", facts.run) +
          notes(history) + "</div>\n";
  html += "<footer>The same figures stand in metrics.jsonl beside this page, one event a line.</footer>";
  return html_page(facts.title, style, html, facts.status == "running" ? 60 : 0);
}

}  // namespace hearth::train
