#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "flow/expression.hpp"
#include "flow/graph.hpp"
#include "flow/mistakes.hpp"
#include "flow/service_entry.hpp"
#include "flow/step_entry.hpp"

namespace opaline::flow {

/// What concerns several steps: names, order, types. Borrows all that it is given.
class StepChecks {
 public:
  struct Parts {
    std::string_view file;  ///< Its text.
    std::span<StepEntry> steps;
    std::span<const StepEntry> stand_ins;  ///< That only stand in for others, and have no reply.
    std::span<const ServiceEntry> services;
    std::span<const PlacedText> output;  ///< Of the flow.
  };
  StepChecks(Parts parts, Mistakes& mistakes);

  /// Resolves the names of steps in all specs, makes the graph, and checks that every expression
  /// reads what has run before it and is not sure to fail.
  void link();
  [[nodiscard]] Graph take_graph() { return std::move(graph_); }

 private:
  /// Why a step leads to another.
  enum class Edge { need, call, reading };
  /// Switches that must have chosen an arm for a step to run.
  using Choices = std::map<Graph::Node, Graph::Node>;

  [[nodiscard]] std::optional<Graph::Node> find(std::string_view name) const;
  /// The same; a name of no step is a mistake.
  std::optional<Graph::Node> resolve(const PlacedName& name);
  /// @return why not, when it cannot be; it is noted by the caller.
  std::string connect(Graph::Node from, Graph::Node to, Edge edge);

  void link_needs(Graph::Node node);
  void link_calls(Graph::Node node);
  void call(Graph::Node caller, Graph::Node target, std::size_t place);
  void link_readings(Graph::Node node);

  /// Each after all that lead to it.
  [[nodiscard]] std::vector<Graph::Node> order() const;
  void check_choices(const std::vector<Graph::Node>& order);
  [[nodiscard]] Choices choices_of(Graph::Node node, const std::vector<Choices>& all) const;

  /// A step that only stands in for others has no reply of its own.
  void check_stand_ins();
  void check_types(const std::vector<Graph::Node>& order);
  void check_readings(Graph::Node node);
  void check_input(Graph::Node node);
  /// Makes scope_ that of an expression of the step.
  void enter(Graph::Node node, StepEntry::Purpose purpose);
  [[nodiscard]] Shape shape_of(Graph::Node node);
  /// What the text gives in scope_.
  Shape check_text(const PlacedText& text);
  [[nodiscard]] Shape reply_of(const StepEntry& step) const;
  /// A place in a text of the file; not looked for when nobody will see it.
  [[nodiscard]] std::size_t place_of(const PlacedText& text, std::size_t offset) const;

  std::string_view file_;
  std::span<StepEntry> steps_;
  std::span<const StepEntry> stand_ins_;
  std::span<const ServiceEntry> services_;
  std::span<const PlacedText> output_;
  Mistakes& mistakes_;
  Graph graph_;
  std::size_t edges_ = 0;
  std::vector<bool> sees_error_;  // It is an error step.
  std::map<std::string_view, Graph::Node> nodes_;
  TypeScope scope_;
};

}  // namespace opaline::flow
