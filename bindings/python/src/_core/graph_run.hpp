#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "_core/exchange.hpp"
#include "_core/graph.hpp"
#include "_core/plan.hpp"

namespace opaline::python {

/// Why a request ended: which step, and its server's status (0: no answer came).
struct StepFailure {
  std::string step;
  unsigned status = 0;
  base::Error error;
  std::string excerpt;  ///< Of the refusing body: for the log.
};

/// How a run over a graph ended.
struct RunReply {
  struct Blocked {
    boost::json::value reply;  ///< Of a step that forbade all that follows.
  };
  struct Streamed {
    std::shared_ptr<PieceQueue> pieces;
    bool through = false;  ///< The named step is yet to see them: another one streams.
  };
  /// JSON, sound, a stream, or a block.
  using Output = std::variant<boost::json::value, std::string, Streamed, Blocked>;

  std::vector<std::pair<std::string, Output>> outputs;  ///< In the order in which they came.
  Graph graph;                                          ///< What is left of the request's own.
  std::optional<StepFailure> failure;
};

/// One request through a graph of services that speak JSON, without a hook: everything from the
/// first step's request to the last one's reply runs on the engine's thread. Steps start as soon as
/// all that they wait for have answered; a step's input is its predecessors' outputs merged.
class GraphRun : public std::enable_shared_from_this<GraphRun> {
 public:
  struct Step {
    Target target;
    bool language_model = false;  ///< Takes the parameters, and streams when they say so.
  };
  struct Request {
    Graph graph;
    std::unordered_map<std::string, Step> steps;
    std::string inputs;      ///< JSON, an object unless a step wants another.
    std::string parameters;  ///< JSON, an object: written over the inputs of language models.
    bool stream = false;
    double started = 0;  ///< On the clock of monotonic_seconds().
    Journey journey;
  };

  /// Any thread; the RunReply goes to the mailbox, once.
  static std::shared_ptr<GraphRun> start(Request request, std::shared_ptr<Mailbox> mailbox,
                                         std::uint64_t to);
  /// Any thread: closes the connections to all steps under way.
  void cancel();

  GraphRun(Request request, std::shared_ptr<Mailbox> mailbox, std::uint64_t to);

 private:
  void begin();
  void start_steps(Graph::Names names);
  base::Task<> run_step(std::string name, boost::json::value input);
  base::Result<boost::json::value> merged_input(const std::string& name) const;
  void answered(const std::string& name, WholeReply reply);
  void opened(const std::string& name, std::shared_ptr<PieceQueue> pieces);
  void fail(StepFailure failure);
  void finish_if_done();

  std::shared_ptr<Engine> engine_;
  std::shared_ptr<base::Cancellation> cancellation_ = base::Cancellation::create();
  Request request_;
  Plan plan_;
  boost::json::value parameters_;
  std::shared_ptr<RunReply> reply_ = std::make_shared<RunReply>();
  std::shared_ptr<Mailbox> mailbox_;  // Nothing once the reply is posted.
  std::uint64_t to_;
  std::size_t running_ = 0;
};

}  // namespace opaline::python
