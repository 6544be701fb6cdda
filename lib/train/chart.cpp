// SPDX-License-Identifier: Apache-2.0
#include "lib/train/chart.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "lib/base/html.h"
#include "lib/base/text.h"

namespace hearth::train {
namespace {

constexpr double width = 560, height = 250, left = 58, right = 14, top = 12, bottom = 30;
constexpr std::size_t most_points = 500;

struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -std::numeric_limits<double>::infinity();
  void include(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  bool empty() const { return !(low <= high); }
};

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

// 1, 2 or 5 times a power of ten, for about `wanted` ticks.
double tick_step(double span, int wanted) {
  const double raw = span / wanted, power = std::pow(10, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (raw <= factor * power) return factor * power;
  }
  return 10 * power;
}

std::string tick_label(double value) {
  if (std::abs(value) < 1e-12) return "0";
  if (std::abs(value) >= 10000) return human_count(value);
  return format_number(value, 4);
}

// The y range: all of smooth curves, but of faint ones only the middle 98 %, so that one spike does not flatten the
// rest.
Range y_range(const Chart& chart) {
  Range range;
  for (const Curve& curve : chart.curves) {
    std::vector<double> finite;
    for (const double y : curve.y) {
      if (std::isfinite(y)) finite.push_back(y);
    }
    if (finite.empty()) continue;
    std::sort(finite.begin(), finite.end());
    const std::size_t cut = curve.style == Curve::Style::faint ? finite.size() / 50 : 0;
    range.include(finite[cut / 2]);
    range.include(finite[finite.size() - 1 - cut / 2]);
  }
  if (range.empty()) return range;
  if (chart.from_zero) range.include(0);
  if (range.low == range.high) {
    const double pad = std::max(std::abs(range.low) * 0.1, 1e-9);
    if (!chart.from_zero) range.low -= pad;
    range.high += pad;
  }
  range.high += (range.high - range.low) * 0.04;
  return range;
}

class Plot {
 public:
  Plot(Range x, Range y) : x_(x), y_(y) {}

  std::string axes() const {
    std::string svg;
    const double y_step = tick_step(y_.high - y_.low, 5);
    for (double y = std::ceil(y_.low / y_step) * y_step; y <= y_.high; y += y_step) {
      svg += "<line class=\"grid\" x1=\"" + number(left) + "\" x2=\"" + number(width - right) + "\" y1=\"" +
             number(place_y(y)) + "\" y2=\"" + number(place_y(y)) +
             "\"/><text class=\"tick\" text-anchor=\"end\" x=\"" + number(left - 6) + "\" y=\"" +
             number(place_y(y) + 4) + "\">" + tick_label(y) + "</text>";
    }
    const double x_step = std::max(1.0, tick_step(x_.high - x_.low, 6));
    for (double x = std::ceil(x_.low / x_step) * x_step; x <= x_.high; x += x_step) {
      svg += "<text class=\"tick\" text-anchor=\"middle\" x=\"" + number(place_x(x)) + "\" y=\"" + number(height - 10) +
             "\">" + tick_label(x) + "</text>";
    }
    return svg;
  }

  std::string curve(const Curve& curve) const {
    const std::string colour = " c" + std::to_string(curve.colour % 6);
    // Thinning keeps each stretch's mean, and the last point.
    const std::size_t stride = (curve.x.size() + most_points - 1) / most_points;
    std::string points, dots;
    for (std::size_t begin = 0; begin < curve.x.size(); begin += stride) {
      double sum_x = 0, sum_y = 0;
      int n = 0;
      for (std::size_t i = begin; i < std::min(begin + stride, curve.x.size()); ++i) {
        if (!std::isfinite(curve.y[i])) continue;
        sum_x += curve.x[i];
        sum_y += curve.y[i];
        ++n;
      }
      if (n == 0) continue;
      const double x = place_x(sum_x / n), y = place_y(std::clamp(sum_y / n, y_.low, y_.high));
      points += number(x) + "," + number(y) + " ";
      if (curve.style == Curve::Style::points) {
        dots += "<circle class=\"dot" + colour + "\" r=\"3\" cx=\"" + number(x) + "\" cy=\"" + number(y) +
                "\"><title>step " + tick_label(sum_x / n) + ": " + format_number(sum_y / n, 5) + "</title></circle>";
      }
    }
    static constexpr const char* classes[] = {"line", "line faint", "line dashed", "line"};
    return "<polyline class=\"" + std::string(classes[static_cast<int>(curve.style)]) + colour + "\" points=\"" +
           points + "\"/>" + dots;
  }

 private:
  double place_x(double x) const { return left + (x - x_.low) / (x_.high - x_.low) * (width - left - right); }
  double place_y(double y) const {
    return height - bottom - (y - y_.low) / (y_.high - y_.low) * (height - top - bottom);
  }

  Range x_, y_;
};

std::string legend(const Chart& chart) {
  std::string html;
  for (const Curve& curve : chart.curves) {
    if (curve.name.empty()) continue;
    const std::string value = curve.y.empty() ? "" : " <b>" + tick_label(curve.y.back()) + "</b>";
    html += "<span class=\"key\"><i class=\"swatch c" + std::to_string(curve.colour % 6) + "\"></i>" +
            escape_html(curve.name) + value + "</span>";
  }
  return html;
}

}  // namespace

std::vector<double> smoothed(const std::vector<double>& y, double half_life) {
  const double keep = std::pow(0.5, 1 / half_life);
  std::vector<double> out;
  out.reserve(y.size());
  double sum = 0, weight = 0;
  for (const double value : y) {
    if (std::isfinite(value)) {
      sum = keep * sum + (1 - keep) * value;
      weight = keep * weight + (1 - keep);
    }
    out.push_back(weight > 0 ? sum / weight : value);
  }
  return out;
}

std::string svg_of(const Chart& chart) {
  Range x;
  const Range y = y_range(chart);
  for (const Curve& curve : chart.curves) {
    for (const double value : curve.x) x.include(value);
  }
  std::string html = "<figure><figcaption><span>" + escape_html(chart.title) + " <em>" + escape_html(chart.unit) +
                     "</em></span><span class=\"legend\">" + legend(chart) + "</span></figcaption>";
  if (x.empty() || y.empty()) return html + "<p class=\"none\">nothing yet</p></figure>\n";
  if (x.low == x.high) x.high = x.low + 1;
  const Plot plot(x, y);
  html += "<svg viewBox=\"0 0 " + number(width) + " " + number(height) + "\" role=\"img\" aria-label=\"" +
          escape_html(chart.title) + "\">" + plot.axes();
  for (const Curve& curve : chart.curves) html += plot.curve(curve);
  return html + "</svg></figure>\n";
}

}  // namespace hearth::train
