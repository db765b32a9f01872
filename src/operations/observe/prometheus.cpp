#include "operations/observe/prometheus.hpp"

#include <charconv>
#include <cmath>
#include <cstdint>

namespace opaline::operations {
namespace {

using base::MetricRegistry;

enum class Quotes { keep, escape };

// Help lines escape backslash and newline; label values the double quote as well.
void append_escaped(std::string& out, std::string_view text, Quotes quotes) {
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quotes == Quotes::escape) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
}

void append_number(std::string& out, double number) {
  if (std::isnan(number)) {
    out += "NaN";
  } else if (std::isinf(number)) {
    out += number > 0 ? "+Inf" : "-Inf";
  } else {
    char digits[32];
    const auto end = std::to_chars(digits, digits + sizeof digits, number);
    out.append(digits, end.ptr);
  }
}

void append_number(std::string& out, std::uint64_t number) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, number);
  out.append(digits, end.ptr);
}

/// Writes the samples of one family.
class FamilyText {
 public:
  FamilyText(std::string& out, const MetricRegistry::Family& family) : out_(out), family_(family) {}

  void append() {
    out_ += "# HELP " + family_.name + ' ';
    append_escaped(out_, family_.help, Quotes::keep);
    out_ += "\n# TYPE " + family_.name + ' ' + std::string(type()) + '\n';
    for (const auto& series : family_.series) append(*series);
  }

 private:
  [[nodiscard]] std::string_view type() const {
    switch (family_.kind) {
      case MetricRegistry::Kind::counter: return "counter";
      case MetricRegistry::Kind::gauge: return "gauge";
      case MetricRegistry::Kind::histogram: return "histogram";
    }
    return "untyped";
  }

  void append(const MetricRegistry::Series& series) {
    if (series.counter) sample("", series.labels, nullptr, series.counter->value());
    if (series.gauge) sample("", series.labels, nullptr, series.gauge->value());
    if (series.histogram) append(*series.histogram, series.labels);
  }

  void append(const base::Histogram& histogram, const base::Labels& labels) {
    const auto counts = histogram.counts();
    const auto& bounds = histogram.bounds();
    for (std::size_t i = 0; i < counts.size(); ++i) {
      std::string bound;
      append_number(bound, i < bounds.size() ? bounds[i] : INFINITY);
      sample("_bucket", labels, &bound, counts[i]);
    }
    sample("_sum", labels, nullptr, histogram.sum());
    sample("_count", labels, nullptr, counts.back());
  }

  template <class Number>
  void sample(std::string_view suffix, const base::Labels& labels, const std::string* bound,
              Number value) {
    out_ += family_.name;
    out_ += suffix;
    char before = '{';
    for (const auto& [name, text] : labels) {
      out_ += before;
      out_ += name + "=\"";
      append_escaped(out_, text, Quotes::escape);
      out_ += '"';
      before = ',';
    }
    if (bound != nullptr) {
      out_ += before;
      out_ += "le=\"" + *bound + '"';
      before = ',';
    }
    if (before == ',') out_ += '}';
    out_ += ' ';
    append_number(out_, value);
    out_ += '\n';
  }

  std::string& out_;
  const MetricRegistry::Family& family_;
};

}  // namespace

std::string prometheus_text(const MetricRegistry& registry) {
  std::string out;
  registry.each([&out](const MetricRegistry::Family& family) { FamilyText(out, family).append(); });
  return out;
}

}  // namespace opaline::operations
