// SPDX-License-Identifier: Apache-2.0
// Line charts as inline SVG, for the report: no scripts, colours by CSS classes so that light and dark both work.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace hearth::train {

struct Curve {
  enum class Style { line, faint, dashed, points };
  std::string name;          // in the legend; empty: not shown there
  std::vector<double> x, y;  // equally long; points that are not finite are left out
  int colour = 0;            // 0..5
  Style style = Style::line;
};

struct Chart {
  std::string title, unit;  // "held-out", "bits per byte"
  std::vector<Curve> curves;
  bool from_zero = false;  // the y axis begins at 0
};

// A figure with title, legend, axes, curves thinned to at most ~500 points each, and the last value of the first curve.
std::string svg_of(const Chart& chart);

// Exponential moving average with bias correction, over points in order; half_life in points.
std::vector<double> smoothed(const std::vector<double>& y, double half_life);

}  // namespace hearth::train
