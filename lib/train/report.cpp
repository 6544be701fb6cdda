// SPDX-License-Identifier: Apache-2.0
#include "lib/train/report.h"

#include <algorithm>
#include <cmath>

#include "lib/base/text.h"
#include "lib/train/chart.h"

namespace hearth::train {
namespace {

constexpr const char* style = R"(
:root{--page:#f6f5f2;--card:#fff;--ink:#22211f;--soft:#6b6862;--rule:#e4e1da;--c0:#c2410c;--c1:#1d6fa5;--c2:#4d7c0f;--c3:#7c3aed;--c4:#b08900;--c5:#0f766e;color-scheme:light dark}
@media (prefers-color-scheme:dark){:root{--page:#191817;--card:#232220;--ink:#eceae5;--soft:#a09c94;--rule:#3a3835;--c0:#fb8b4b;--c1:#69b1e0;--c2:#a3cf5b;--c3:#b79bff;--c4:#e3c04a;--c5:#4fc9bd}}
*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);font:15px/1.45 system-ui,"Segoe UI",sans-serif}
main{max-width:1220px;margin:0 auto;padding:28px 20px 48px}h1{font-size:24px;margin:0;overflow-wrap:anywhere}h2{font-size:15px;margin:0 0 8px}
header p{margin:4px 0 0;color:var(--soft)}.status{color:var(--ink);font-weight:600}
.bar{height:6px;border-radius:3px;background:var(--rule);margin:14px 0 18px;overflow:hidden}.bar i{display:block;height:100%;background:var(--c0)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin-bottom:12px}
.tile,figure,.table{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:12px 14px;margin:0}
.tile b{display:block;font-size:21px;font-variant-numeric:tabular-nums}.tile span{color:var(--soft);font-size:13px}
.grid2{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr));gap:12px;margin-bottom:12px}
figcaption{display:flex;justify-content:space-between;flex-wrap:wrap;gap:4px 12px;font-weight:600}figcaption em{font-style:normal;font-weight:400;color:var(--soft)}
.legend{font-weight:400;font-size:13px;color:var(--soft)}.key{margin-left:12px;white-space:nowrap}.key b{color:var(--ink);font-variant-numeric:tabular-nums}
.swatch{display:inline-block;width:10px;height:10px;border-radius:2px;margin-right:5px;background:var(--c)}
svg{display:block;width:100%;height:auto;margin-top:6px}.grid{stroke:var(--rule)}.tick{fill:var(--soft);font-size:11px;font-variant-numeric:tabular-nums}
.line{fill:none;stroke:var(--c);stroke-width:1.8;stroke-linejoin:round}.faint{opacity:.28;stroke-width:1}.dashed{stroke-dasharray:5 4;stroke-width:1.2}.dot{fill:var(--c)}
.c0{--c:var(--c0)}.c1{--c:var(--c1)}.c2{--c:var(--c2)}.c3{--c:var(--c3)}.c4{--c:var(--c4)}.c5{--c:var(--c5)}
.none{color:var(--soft)}table{border-collapse:collapse;width:100%;font-size:14px}td,th{padding:3px 10px 3px 0;text-align:left;vertical-align:top;font-weight:400;overflow-wrap:anywhere}
th{color:var(--soft);white-space:nowrap}td{font-variant-numeric:tabular-nums}footer{color:var(--soft);font-size:13px}
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

std::string tile(const std::string& value, const std::string& label) {
  return "<div class=\"tile\"><b>" + escape_html(value) + "</b><span>" + escape_html(label) + "</span></div>";
}

std::string tiles(const RunHistory& history, const ReportFacts& facts) {
  std::string html = "<div class=\"tiles\">";
  html += tile(std::to_string(facts.step) + " / " + std::to_string(facts.n_steps), "steps");
  html += tile(human_count(static_cast<double>(history.tokens)), "tokens trained on");
  if (!history.steps.empty()) html += tile(format_number(history.steps.back().loss, 4), "training loss");
  if (!history.evaluations.empty()) {
    html += tile(format_number(history.evaluations.back().bits_per_byte, 4),
                 "held-out bits per byte, from " + format_number(history.evaluations.front().bits_per_byte, 4));
  }
  if (!history.steps.empty()) {
    html += tile(human_count(history.steps.back().tokens_per_s), "tokens per second");
    html += tile(format_number(100 * history.steps.back().ceiling_ratio, 3) + " %", "of the measured matrix rate");
  }
  html += tile(human_bytes(static_cast<double>(history.memory_bytes)), "peak memory");
  if (facts.status == "running" && history.step_s > 0) {
    html += tile(human_seconds(static_cast<double>(facts.n_steps - facts.step) * history.step_s), "left");
  }
  return html + "</div>\n";
}

std::string table(const std::string& title, const std::vector<std::pair<std::string, std::string>>& rows) {
  std::string html = "<div class=\"table\"><h2>" + title + "</h2><table>";
  for (const auto& [label, value] : rows)
    html += "<tr><th>" + escape_html(label) + "</th><td>" + escape_html(value) + "</td></tr>";
  return html + "</table></div>\n";
}

std::string notes(const RunHistory& history) {
  constexpr std::size_t most = 20;
  std::vector<std::pair<std::string, std::string>> rows;
  for (std::size_t i = history.notes.size() > most ? history.notes.size() - most : 0; i < history.notes.size(); ++i) {
    rows.emplace_back("step " + std::to_string(history.notes[i].step),
                      history.notes[i].kind + ": " + history.notes[i].message);
  }
  return rows.empty() ? "" : table("What happened (newest last)", rows);
}

}  // namespace

std::string report_html(const RunHistory& history, const ReportFacts& facts) {
  const double done =
      facts.n_steps > 0 ? 100.0 * static_cast<double>(facts.step) / static_cast<double>(facts.n_steps) : 0;
  std::string html =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width\">";
  if (facts.status == "running") html += "<meta http-equiv=\"refresh\" content=\"60\">";
  html +=
      "<title>" + escape_html(facts.title) + "</title><style>" + std::string(style) + "</style></head><body><main>\n";
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
  html += "</div>\n<div class=\"grid2\">" + table("Model", facts.model) + table("Run", facts.run) + notes(history) +
          "</div>\n";
  return html +
         "<footer>The same figures stand in metrics.jsonl beside this page, one event a "
         "line.</footer></main></body></html>\n";
}

}  // namespace hearth::train
