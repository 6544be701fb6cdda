// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/shard_report.h"

#include <algorithm>
#include <cstdio>

#include "lib/base/html.h"
#include "lib/base/json_value.h"
#include "lib/base/provenance.h"
#include "lib/base/text.h"

namespace hearth::tools::shard {
namespace {

constexpr const char* style = R"(
.table{margin-bottom:12px;break-inside:avoid}.grid2{display:block;columns:2 460px;column-gap:12px;margin:0 0 12px}.funnel td{white-space:nowrap}.funnel td.bar{width:45%}.bar i{display:block;height:14px;border-radius:3px;background:var(--c1)}
.bar i.gone{background:var(--c0)}td.n,th.n{text-align:right}details{border-top:1px solid var(--rule);padding:6px 0}summary{cursor:pointer;font-weight:600}
summary em{font-style:normal;font-weight:400;color:var(--soft)}.sample{margin:8px 0 14px}.sample p{margin:0 0 3px;font-size:13px;color:var(--soft);overflow-wrap:anywhere}
.sample pre{margin:0;padding:8px 10px;background:var(--page);border:1px solid var(--rule);border-radius:6px;white-space:pre-wrap;overflow-wrap:anywhere;font-size:12.5px;max-height:240px;overflow:auto}
header{margin-bottom:16px}@media(max-width:640px){.funnel .bar{display:none}}
)";

constexpr std::size_t most_rows = 20;

std::string percent(double part, double whole) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f %%", whole == 0 ? 0.0 : 100 * part / whole);
  return text;
}

std::string number_cell(const std::string& text) {
  return "<td class=\"n\">" + text + "</td>";
}

std::string cells(const Count& count, const Count& of) {
  return number_cell(std::to_string(count.documents)) +
         number_cell(percent(static_cast<double>(count.documents), static_cast<double>(of.documents))) +
         number_cell(human_bytes(static_cast<double>(count.bytes)));
}

std::string bar_cell(std::uint64_t part, std::uint64_t whole, const char* kind) {
  char width[32];
  std::snprintf(width, sizeof width, "%.2f%%",
                whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole));
  return "<td class=\"bar\"><i class=\"" + std::string(kind) + "\" style=\"width:" + width + "\"></i></td>";
}

// What came to each stage, and below it what it rejected, by reason.
std::string funnel_table(const Statistics& statistics) {
  std::string html =
      "<div class=\"table funnel\"><h2>Funnel</h2><table><tr><th>stage</th><th class=\"n\">documents</th><th "
      "class=\"n\">of read</th><th class=\"n\">bytes</th><th class=\"bar\"></th></tr>";
  const Count& read = statistics.read;
  for (const StageCount& stage : statistics.funnel) {
    html += "<tr><td><b>" + escape_html(stage.name) + "</b></td>" + cells(stage.in, read) +
            bar_cell(stage.in.documents, read.documents, "") + "</tr>";
    for (const auto& [reason, count] : stage.by_reason) {
      html += "<tr><td>&minus; " + escape_html(reason) + "</td>" + cells(count, read) +
              bar_cell(count.documents, read.documents, "gone") + "</tr>";
    }
    if (stage.changed.documents > 0 && stage.name != "extraction") {
      html += "<tr><td>changed, " + human_bytes(std::max(0.0, static_cast<double>(stage.bytes_removed))) +
              " removed</td>" + cells(stage.changed, read) + "<td class=\"bar\"></td></tr>";
    }
    if (stage.joined > 0) {
      html += "<tr><td>packed with others</td>" + number_cell(std::to_string(stage.joined)) +
              number_cell(percent(static_cast<double>(stage.joined), static_cast<double>(read.documents))) +
              "<td></td><td class=\"bar\"></td></tr>";
    }
  }
  html += "<tr><td><b>kept</b></td>" + cells(statistics.kept, read) +
          bar_cell(statistics.kept.documents, read.documents, "") + "</tr>";
  return html + "</table></div>\n";
}

std::string counts_table(const char* title, const std::map<std::string, Count>& counts, const Count& all) {
  if (counts.empty()) return {};
  std::vector<std::pair<std::string, Count>> rows(counts.begin(), counts.end());
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return a.second.bytes > b.second.bytes; });
  std::string html = "<div class=\"table\"><h2>" + std::string(title) +
                     "</h2><table><tr><th></th><th class=\"n\">documents</th><th class=\"n\">of kept</th><th "
                     "class=\"n\">bytes</th></tr>";
  for (std::size_t i = 0; i < std::min(rows.size(), most_rows); ++i) {
    html += "<tr><td>" + escape_html(rows[i].first) + "</td>" + cells(rows[i].second, all) + "</tr>";
  }
  if (rows.size() > most_rows) html += "<tr><td>and " + std::to_string(rows.size() - most_rows) + " more</td></tr>";
  return html + "</table></div>\n";
}

std::string samples_of(const std::string& title, const std::string& note, const std::vector<Sample>& samples) {
  if (samples.empty()) return {};
  std::string html = "<details><summary>" + escape_html(title) + " <em>" + escape_html(note) + "</em></summary>";
  for (const Sample& sample : samples) {
    html += "<div class=\"sample\"><p>" + escape_html(sample.source) + (sample.type.empty() ? "" : " &middot; ") +
            escape_html(sample.type) + (sample.detail.empty() ? "" : " &middot; ") + escape_html(sample.detail) +
            "</p><pre>" + escape_html(sample.excerpt) + "</pre></div>";
  }
  return html + "</details>\n";
}

std::string all_samples(const Statistics& statistics, const Samples& samples) {
  std::string html = "<div class=\"table\"><h2>Samples, drawn by chance</h2>\n";
  html += samples_of("kept", std::to_string(statistics.kept.documents) + " documents", samples.of("kept"));
  for (const StageCount& stage : statistics.funnel) {
    for (const auto& [reason, count] : stage.by_reason) {
      html += samples_of("rejected: " + reason, std::to_string(count.documents) + " documents", samples.of(reason));
    }
    if (stage.changed.documents == 0) continue;
    html += samples_of("cut by " + stage.name, "from " + std::to_string(stage.changed.documents) + " documents",
                       samples.of("cut: " + stage.name));
  }
  return html + "</div>\n";
}

std::string findings_table(const Statistics& statistics) {
  std::vector<std::pair<std::string, std::string>> rows;
  for (const auto& [name, number] : statistics.counts) rows.emplace_back(name, std::to_string(number));
  for (const auto& [stage, json] : statistics.findings) {
    const Json found = parse_json(json, stage);
    for (const auto& [key, value] : found.items()) {
      if (value.is_primitive()) rows.emplace_back(stage + ": " + key, dump_json(value));
    }
  }
  return rows.empty() ? std::string() : html_table("What the stages found", rows);
}

// A table for each stage that tallies: scores by their bands, items of suites by the documents that hold them.
std::string tally_tables(const Statistics& statistics) {
  std::string html;
  for (const auto& [stage, by_name] : statistics.tallies) {
    std::vector<std::pair<std::string, TallyCount>> rows(by_name.begin(), by_name.end());
    std::uint64_t most = 0;
    for (const auto& [name, count] : rows) most = std::max(most, count.documents);
    if (rows.size() > most_rows) {
      std::stable_sort(rows.begin(), rows.end(),
                       [](const auto& a, const auto& b) { return a.second.documents > b.second.documents; });
    }
    html += "<div class=\"table funnel\"><h2>" + escape_html(stage) +
            ": what it found</h2><table><tr><th></th><th class=\"n\">documents</th><th class=\"n\">times</th><th "
            "class=\"bar\"></th><th>the first</th></tr>";
    for (std::size_t i = 0; i < std::min(rows.size(), most_rows); ++i) {
      const TallyCount& count = rows[i].second;
      html += "<tr><td>" + escape_html(rows[i].first) + "</td>" + number_cell(std::to_string(count.documents)) +
              number_cell(std::to_string(count.number)) + bar_cell(count.documents, most, "") + "<td>" +
              escape_html(join(count.first, " ")) + "</td></tr>";
    }
    if (rows.size() > most_rows) html += "<tr><td>and " + std::to_string(rows.size() - most_rows) + " more</td></tr>";
    html += "</table></div>\n";
  }
  return html;
}

}  // namespace

std::string report_html(const std::string& output, const Statistics& statistics, const Samples& samples,
                        double seconds) {
  const Count& read = statistics.read;
  const Count& kept = statistics.kept;
  std::string html = "<header><h1>" + escape_html(output) + "</h1><p>" + escape_html(producer()) +
                     " shard: what was read, what was kept, and why the rest was not</p></header><div class=\"tiles\">";
  html += html_tile(human_count(static_cast<double>(read.documents)), "documents read");
  html += html_tile(human_bytes(static_cast<double>(read.bytes)), "read");
  html +=
      html_tile(percent(static_cast<double>(kept.documents), static_cast<double>(read.documents)), "of documents kept");
  html += html_tile(human_bytes(static_cast<double>(kept.bytes)), "of text kept");
  html += html_tile(human_bytes(static_cast<double>(read.bytes) / std::max(seconds, 1e-3)) + "/s", "of input");
  html += "</div>\n" + funnel_table(statistics) + "<div class=\"grid2\">\n";
  html += counts_table("Kept by type", statistics.by_type, kept) +
          counts_table("Kept by source", statistics.all_sources(), kept);
  html += counts_table("Kept code by language", statistics.by_language, kept);
  html += counts_table("Kept by split", statistics.by_split, kept) + findings_table(statistics) + "</div>\n";
  html += tally_tables(statistics);
  html += all_samples(statistics, samples);
  html +=
      "<footer>The same figures: hearth shard cat --stats; every rejected document with its reason: hearth shard "
      "cat --rejected.</footer>";
  return html_page(output, style, html);
}

}  // namespace hearth::tools::shard
