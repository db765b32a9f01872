// The Python face of the core. Each function that may wait gives up the interpreter's lock, and
// nothing here starts a thread before the first request. comps/_core.pyi documents what is public.

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <boost/asio/co_spawn.hpp>
#include <condition_variable>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "_core/engine.hpp"
#include "_core/exchange.hpp"
#include "_core/graph.hpp"
#include "_core/graph_run.hpp"
#include "_core/json_python.hpp"
#include "_core/latency.hpp"
#include "_core/mailbox.hpp"
#include "_core/piece_queue.hpp"
#include "_core/plan.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace opaline::python {
namespace {

// ---- errors ----

/// As the classes of Python's own graph would raise.
template <class T>
T or_key_error(base::Result<T> result) {
  if (result) {
    if constexpr (std::is_void_v<T>) {
      return;
    } else {
      return *std::move(result);
    }
  }
  const base::Error& error = result.error();
  if (error.code == base::ErrorCode::failed_precondition) {
    PyErr_SetString(error.message == "validation error!" ? PyExc_Exception : PyExc_ValueError,
                    error.message.c_str());
    throw nb::python_error();
  }
  throw nb::key_error(error.message.c_str());
}

/// What a letter says when no reply came.
struct Failure {
  std::string code;
  std::string message;
  std::string step;
  unsigned status = 0;
  std::string excerpt;
};

Failure failure_of(const base::Error& error) {
  return {std::string(base::name(error.code)), error.message, {}, 0, error.detail};
}

// ---- graph ----

nb::object ordered_dict() { return nb::module_::import_("collections").attr("OrderedDict")(); }

nb::object snapshot(const Graph& graph) {
  nb::object made = ordered_dict();
  for (const Graph::Node& node : graph.nodes()) {
    nb::set downstream;
    for (const std::string& name : node.downstream) downstream.add(nb::str(name.c_str()));
    made[nb::str(node.name.c_str())] = downstream;
  }
  return made;
}

std::string name_of(nb::handle value) {
  if (!PyUnicode_Check(value.ptr())) throw nb::type_error("a node's name is a str");
  return nb::cast<std::string>(value);
}

Graph graph_from(nb::handle mapping) {
  std::vector<Graph::Node> nodes;
  for (const nb::handle item : nb::object(mapping.attr("items")())) {
    const auto pair = nb::cast<nb::tuple>(item);
    Graph::Node node{name_of(pair[0]), {}};
    for (const nb::handle next : nb::iter(pair[1])) node.downstream.push_back(name_of(next));
    nodes.push_back(std::move(node));
  }
  Graph graph;
  graph.replace(std::move(nodes));
  return graph;
}

/// Which graph a method means: its own, or one that was passed as a mapping.
Graph chosen(const Graph& own, nb::handle other) {
  return other.is_none() ? own : graph_from(other);
}

void fill_from_lists(Graph& graph, nb::dict lists) {
  graph.clear();
  for (const auto& [name, unused] : lists) or_key_error(graph.add_node(name_of(name)));
  for (const auto& [name, downstream] : lists) {
    if (!PyList_Check(downstream.ptr())) throw nb::type_error("dict values must be lists");
    for (const nb::handle next : nb::borrow<nb::list>(downstream)) {
      or_key_error(graph.add_edge(name_of(name), name_of(next)));
    }
  }
}

void bind_graph(nb::module_& module) {
  nb::class_<Graph>(module, "Graph", nb::dynamic_attr(), nb::is_weak_referenceable())
      .def(nb::init<>())
      .def(
          "add_node",
          [](Graph& self, const std::string& node_name) { or_key_error(self.add_node(node_name)); },
          "node_name"_a, "Adds a node. Raises KeyError when it is there.")
      .def(
          "add_node_if_not_exists",
          [](Graph& self, const std::string& node_name) { (void)self.add_node(node_name); },
          "node_name"_a, "Adds a node unless it is there.")
      .def(
          "delete_node",
          [](Graph& self, const std::string& node_name) {
            or_key_error(self.delete_node(node_name));
          },
          "node_name"_a, "Removes a node with its edges. Raises KeyError when it is not there.")
      .def(
          "delete_node_if_exists",
          [](Graph& self, const std::string& node_name) { (void)self.delete_node(node_name); },
          "node_name"_a, "Removes a node with its edges if it is there.")
      .def(
          "add_edge",
          [](Graph& self, const std::string& from, const std::string& to) {
            or_key_error(self.add_edge(from, to));
          },
          "ind_node"_a, "dep_node"_a,
          "Adds an edge. Raises KeyError for an unknown node, Exception for an edge that closes a "
          "cycle.")
      .def(
          "delete_edge",
          [](Graph& self, const std::string& from, const std::string& to) {
            or_key_error(self.delete_edge(from, to));
          },
          "ind_node"_a, "dep_node"_a, "Removes an edge. Raises KeyError when it is not there.")
      .def(
          "predecessors",
          [](const Graph& self, const std::string& node) { return self.predecessors(node); },
          "node"_a, "The nodes that lead to a node.")
      .def(
          "downstream",
          [](const Graph& self, const std::string& node) {
            return or_key_error(self.downstream(node));
          },
          "node"_a,
          "The nodes that follow a node, in the order they were added. Raises KeyError for an "
          "unknown one.")
      .def(
          "all_downstreams",
          [](const Graph& self, const std::string& node) {
            return or_key_error(self.all_downstreams(node));
          },
          "node"_a,
          "All that is reached from a node, in topological order. Raises KeyError for an unknown "
          "one.")
      .def(
          "all_leaves", [](const Graph& self) { return self.leaves(); },
          "The nodes that nothing follows.")
      .def("from_dict", &fill_from_lists, "graph_dict"_a,
           "Replaces the graph by {node: [nodes that follow it]}. Raises TypeError for values that "
           "are no lists.")
      .def("reset_graph", &Graph::clear, "Removes everything.")
      .def(
          "ind_nodes",
          [](const Graph& self, nb::object graph) { return chosen(self, graph).independent(); },
          "graph"_a = nb::none(), "The nodes that nothing leads to.")
      .def(
          "validate",
          [](const Graph& self, nb::object graph) { return chosen(self, graph).valid(); },
          "graph"_a = nb::none(), "Whether some node is independent and there is no cycle.")
      .def(
          "topological_sort",
          [](const Graph& self, nb::object graph) {
            return or_key_error(chosen(self, graph).topological_order());
          },
          "graph"_a = nb::none(),
          "Each node after those that lead to it. Raises ValueError for a cycle.")
      .def("size", &Graph::size, "How many nodes there are.")
      .def_prop_rw("graph", &snapshot,
                   [](Graph& self, nb::object mapping) { self = graph_from(mapping); })
      .def("take_graph_of", [](Graph& self, const Graph& other) { self = other; }, "other"_a);
}

// ---- plan ----

struct PyPlan {
  nb::object graph;  // Keeps the Graph alive that `plan` edits.
  Plan plan;
  explicit PyPlan(nb::object of) : graph(std::move(of)), plan(nb::cast<Graph&>(graph)) {}
};

void bind_plan(nb::module_& module) {
  nb::class_<PyPlan>(module, "Plan")
      .def(nb::init<nb::object>(), "graph"_a)
      .def("start", [](PyPlan& self) { return self.plan.start(); })
      .def(
          "finish",
          [](PyPlan& self, const std::string& name, const std::vector<std::string>& forbidden) {
            auto next = self.plan.finish(name, forbidden);
            return nb::make_tuple(std::move(next.ready), next.stopped);
          },
          "name"_a, "forbidden"_a)
      .def(
          "stands_in",
          [](PyPlan& self, const std::string& name, const std::string& next) {
            self.plan.stands_in(name, next);
          },
          "name"_a, "next"_a)
      .def("prune", [](PyPlan& self) { self.plan.prune(); });
}

// ---- streams ----

/// A streamed reply as a Python iterator of bytes; comps/_stream.py makes it an asynchronous one.
struct PieceStream {
  std::shared_ptr<PieceQueue> queue;
  std::string content_type;
  bool through = false;  ///< See RunReply::Streamed.
};

nb::bytes next_piece(PieceStream& self) {
  base::Result<std::optional<std::string>> piece = std::nullopt;
  {
    const nb::gil_scoped_release released;
    piece = self.queue->wait_next();
  }
  if (!piece) {
    if (piece.error().code == base::ErrorCode::cancelled) throw nb::stop_iteration();
    const std::string message = "the stream broke off: " + piece.error().message;
    PyErr_SetString(PyExc_ConnectionError, message.c_str());
    throw nb::python_error();
  }
  if (!*piece) throw nb::stop_iteration();
  return nb::bytes((*piece)->data(), (*piece)->size());
}

// ---- letters ----

nb::object reply_json(const WholeReply& reply) {
  if (reply.json) return to_python(*reply.json);
  return nb::module_::import_("json").attr("loads")(
      nb::bytes(reply.body.data(), reply.body.size()));
}

struct LetterToPython {
  nb::object operator()(WholeReply& reply) const { return nb::cast(std::move(reply)); }
  nb::object operator()(OpenReply& reply) const {
    return nb::cast(PieceStream{std::move(reply.pieces), std::move(reply.content_type)});
  }
  nb::object operator()(StreamReady&) const { return nb::none(); }
  nb::object operator()(base::Error& error) const { return nb::cast(failure_of(error)); }
  nb::object operator()(std::shared_ptr<RunReply>& reply) const {
    if (reply->failure) {
      StepFailure& why = *reply->failure;
      Failure failure = failure_of(why.error);
      failure.step = std::move(why.step);
      failure.status = why.status;
      if (!why.excerpt.empty()) failure.excerpt = std::move(why.excerpt);
      return nb::cast(std::move(failure));
    }
    nb::list outputs;
    for (auto& [name, output] : reply->outputs)
      outputs.append(nb::make_tuple(nb::str(name.c_str()), python_output(output)));
    return nb::make_tuple(std::move(outputs), nb::cast(std::move(reply->graph)));
  }

 private:
  static nb::object python_output(RunReply::Output& output) {
    if (const auto* value = std::get_if<boost::json::value>(&output)) return to_python(*value);
    if (const auto* sound = std::get_if<std::string>(&output))
      return nb::bytes(sound->data(), sound->size());
    if (auto* blocked = std::get_if<RunReply::Blocked>(&output))
      return nb::make_tuple(to_python(blocked->reply));
    auto& streamed = std::get<RunReply::Streamed>(output);
    return nb::cast(PieceStream{std::move(streamed.pieces), {}, streamed.through});
  }
};

/// The loop's side of a mailbox: who waits for which letter. Used on the loop's thread alone.
class PyMailbox {
 public:
  /// @return the number under which `callback` gets one letter.
  std::uint64_t expect(nb::object callback) {
    waiting_.emplace(++last_, std::move(callback));
    return last_;
  }

  void deliver() {
    for (auto& [to, letter] : box_->take()) {
      const auto found = waiting_.find(to);
      if (found == waiting_.end()) continue;
      const nb::object callback = std::move(found->second);
      waiting_.erase(found);
      try {
        callback(std::visit(LetterToPython(), letter));
      } catch (nb::python_error& error) {
        error.discard_as_unraisable(callback);
      }
    }
  }

  [[nodiscard]] int descriptor() const { return box_->descriptor(); }
  [[nodiscard]] const std::shared_ptr<Mailbox>& box() const { return box_; }
  void forget(std::uint64_t to) { waiting_.erase(to); }

  static int traverse(PyObject* self, visitproc visit, void* argument);
  static int clear(PyObject* self);

 private:
  std::shared_ptr<Mailbox> box_ = std::make_shared<Mailbox>();
  std::unordered_map<std::uint64_t, nb::object> waiting_;
  std::uint64_t last_ = 0;
};

/// A callback may hold the loop, and the loop's table of readers holds the mailbox.
int PyMailbox::traverse(PyObject* self, visitproc visit, void* arg) {  // Py_VISIT wants `arg`.
  Py_VISIT(Py_TYPE(self));
  if (!nb::inst_ready(self)) return 0;
  for (const auto& [to, callback] : nb::inst_ptr<PyMailbox>(self)->waiting_) {
    Py_VISIT(callback.ptr());
  }
  return 0;
}

int PyMailbox::clear(PyObject* self) {
  const auto waiting = std::exchange(nb::inst_ptr<PyMailbox>(self)->waiting_, {});
  return 0;
}

PyType_Slot mailbox_slots[] = {
    {Py_tp_traverse, reinterpret_cast<void*>(PyMailbox::traverse)},
    {Py_tp_clear, reinterpret_cast<void*>(PyMailbox::clear)},
    {0, nullptr},
};

/// Something under way that can be called off.
struct UnderWay {
  std::shared_ptr<Exchange> exchange;
  std::shared_ptr<GraphRun> run;

  void cancel() const {
    if (exchange) exchange->cancel();
    if (run) run->cancel();
  }
};

Target target_from(const std::string& url, const std::optional<std::string>& bearer) {
  auto target = Target::parse(url, bearer.value_or(""));
  if (!target) throw nb::value_error(target.error().message.c_str());
  return *std::move(target);
}

std::string json_text(nb::handle value) {
  if (nb::isinstance<nb::bytes>(value)) {
    const auto bytes = nb::borrow<nb::bytes>(value);
    return {bytes.c_str(), bytes.size()};
  }
  std::string text;
  append_json(text, value);
  return text;
}

Journey journey_of(double step_time, const std::optional<std::string>& traceparent,
                   const std::optional<std::string>& request_id) {
  return {std::chrono::duration<double>(step_time), traceparent.value_or(""),
          request_id.value_or("")};
}

UnderWay send(PyMailbox& self, const std::string& url, nb::handle body, bool stream,
              nb::object callback, const std::optional<std::string>& bearer, double step_time,
              const std::optional<std::string>& traceparent,
              const std::optional<std::string>& request_id) {
  auto target = target_from(url, bearer);
  std::string text = json_text(body);
  const auto to = self.expect(std::move(callback));
  return {Exchange::start(
              std::move(target), std::move(text), journey_of(step_time, traceparent, request_id),
              stream ? Exchange::Reply::stream : Exchange::Reply::whole, self.box(), to),
          nullptr};
}

/// `steps`: (name, url, bearer, whether it is a language model) each.
UnderWay run_graph(PyMailbox& self, const Graph& graph, nb::list steps, nb::handle inputs,
                   nb::handle parameters, bool stream, double started, nb::object callback,
                   double step_time, const std::optional<std::string>& traceparent,
                   const std::optional<std::string>& request_id) {
  GraphRun::Request request;
  request.graph = graph;
  for (const nb::handle step : steps) {
    const auto tuple = nb::cast<nb::tuple>(step);
    const auto bearer =
        tuple[2].is_none() ? std::nullopt : std::optional(nb::cast<std::string>(tuple[2]));
    request.steps.emplace(nb::cast<std::string>(tuple[0]),
                          GraphRun::Step{target_from(nb::cast<std::string>(tuple[1]), bearer),
                                         nb::cast<bool>(tuple[3])});
  }
  request.inputs = json_text(inputs);
  request.parameters = json_text(parameters);
  request.stream = stream;
  request.started = started;
  request.journey = journey_of(step_time, traceparent, request_id);
  const auto to = self.expect(std::move(callback));
  return {nullptr, GraphRun::start(std::move(request), self.box(), to)};
}

/// For threads that have no loop: sends and waits, without the interpreter's lock.
nb::object post_and_wait(const std::string& url, nb::handle body,
                         const std::optional<std::string>& bearer, double step_time,
                         const std::optional<std::string>& traceparent,
                         const std::optional<std::string>& request_id) {
  struct OneLetter {
    std::mutex mutex;
    std::condition_variable came;
    std::optional<base::Result<WholeReply>> reply;
  };
  auto target = target_from(url, bearer);
  std::string text = json_text(body);
  const auto journey = journey_of(step_time, traceparent, request_id);
  auto letter = std::make_shared<OneLetter>();
  {
    const nb::gil_scoped_release released;
    const auto engine = Engine::get();
    boost::asio::co_spawn(
        engine->loop(),
        ask(engine, std::move(target), std::move(text),
            journey.context(base::Cancellation::create())),
        [letter](const std::exception_ptr& thrown, base::Result<WholeReply> reply) {
          const std::lock_guard lock(letter->mutex);
          if (thrown) reply = base::fail(base::ErrorCode::internal, "the request failed");
          letter->reply = std::move(reply);
          letter->came.notify_one();
        });
    std::unique_lock lock(letter->mutex);
    letter->came.wait(lock, [&] { return letter->reply.has_value(); });
  }
  auto& reply = *letter->reply;
  if (reply) return nb::cast(*std::move(reply));
  return nb::cast(failure_of(reply.error()));
}

void bind_requests(nb::module_& module) {
  nb::class_<Failure>(module, "Failure")
      .def_ro("code", &Failure::code)
      .def_ro("message", &Failure::message)
      .def_ro("step", &Failure::step)
      .def_ro("status", &Failure::status)
      .def_ro("excerpt", &Failure::excerpt);
  nb::class_<WholeReply>(module, "Reply")
      .def_ro("status", &WholeReply::status)
      .def_ro("content_type", &WholeReply::content_type)
      .def_prop_ro(
          "body",
          [](const WholeReply& self) { return nb::bytes(self.body.data(), self.body.size()); })
      .def("json", &reply_json);
  nb::class_<PieceStream>(module, "PieceStream", nb::is_weak_referenceable())
      .def_ro("content_type", &PieceStream::content_type)
      .def_ro("through", &PieceStream::through)
      .def("__iter__", [](nb::handle self) { return nb::borrow(self); })
      .def("__next__", &next_piece)
      .def("ready", [](const PieceStream& self) { return self.queue->ready(); })
      .def(
          "tell",
          [](PieceStream& self, PyMailbox& mailbox, nb::object callback) {
            self.queue->tell(mailbox.box(), mailbox.expect(std::move(callback)));
          },
          "mailbox"_a, "callback"_a)
      .def("close", [](PieceStream& self) { self.queue->close(); })
      .def(
          "measure", [](PieceStream& self, double started) { self.queue->measure(started); },
          "started"_a)
      .def(
          "hold",
          [](PieceStream& self, std::shared_ptr<PendingRequest> pending) {
            self.queue->hold(std::move(pending));
          },
          "pending"_a);
  nb::class_<UnderWay>(module, "UnderWay").def("cancel", &UnderWay::cancel);
  nb::class_<PyMailbox>(module, "Mailbox", nb::type_slots(mailbox_slots),
                        nb::is_weak_referenceable())
      .def(nb::init<>())
      .def("fileno", &PyMailbox::descriptor)
      .def("deliver", &PyMailbox::deliver)
      .def("send", &send, "url"_a, "body"_a.none(), "stream"_a, "callback"_a,
           "bearer"_a = nb::none(), "step_time"_a = 2000.0, "traceparent"_a = nb::none(),
           "request_id"_a = nb::none())
      .def("run", &run_graph, "graph"_a, "steps"_a, "inputs"_a.none(), "parameters"_a, "stream"_a,
           "started"_a, "callback"_a, "step_time"_a = 2000.0, "traceparent"_a = nb::none(),
           "request_id"_a = nb::none());
  module.def("post", &post_and_wait, "url"_a, "body"_a.none(), "bearer"_a = nb::none(),
             "step_time"_a = 2000.0, "traceparent"_a = nb::none(), "request_id"_a = nb::none());
}

// ---- metrics ----

void bind_metrics(nb::module_& module) {
  nb::class_<PendingRequest>(module, "PendingRequest")
      .def(nb::init<>())
      .def("release", &PendingRequest::release);
  module.def(
      "observe_token",
      [](double started, bool first) {
        MegaserviceMetrics& metrics = MegaserviceMetrics::get();
        const double now = monotonic_seconds();
        (first ? metrics.first_token : metrics.inter_token).observe(now - started);
        return now;
      },
      "started"_a, "first"_a);
  module.def(
      "observe_request",
      [](double started) {
        MegaserviceMetrics::get().request.observe(monotonic_seconds() - started);
      },
      "started"_a);
  module.def(
      "add_pending",
      [](int by) {
        MegaserviceMetrics::get().pending_used = true;
        MegaserviceMetrics::get().pending += by;
      },
      "by"_a);
  module.def("metrics_snapshot", [] {
    const MegaserviceMetrics& metrics = MegaserviceMetrics::get();
    const auto histogram = [](const LatencyHistogram& one) {
      auto taken = one.snapshot();
      return nb::make_tuple(std::move(taken.cumulative), taken.sum);
    };
    nb::dict all;
    all["first_token"] = histogram(metrics.first_token);
    all["inter_token"] = histogram(metrics.inter_token);
    all["request"] = histogram(metrics.request);
    all["pending"] =
        metrics.pending_used ? nb::object(nb::int_(metrics.pending.load())) : nb::none();
    return all;
  });
  module.attr("LATENCY_BOUNDS") = nb::cast(
      std::vector<double>(LatencyHistogram::kBounds.begin(), LatencyHistogram::kBounds.end()));
}

}  // namespace

NB_MODULE(_core, module) {
  // What still lives when the interpreter ends (a loop nobody closed, a module's own orchestrator)
  // is no fault worth a page of warnings to its users.
  nb::set_leak_warnings(false);
  module.doc() = "Opaline's core: graphs, their scheduling, HTTP and event streams.";
  bind_graph(module);
  bind_plan(module);
  bind_requests(module);
  bind_metrics(module);
  module.def(
      "encode",
      [](nb::handle value) {
        const std::string text = json_text(value);
        return nb::bytes(text.data(), text.size());
      },
      "value"_a.none());
  module.def(
      "bytes_literal", [](nb::bytes bytes) { return bytes_literal({bytes.c_str(), bytes.size()}); },
      "bytes"_a);
  module.def("engine_running", &Engine::running);
  module.def("stop_engine", &Engine::stop, nb::call_guard<nb::gil_scoped_release>());
}

}  // namespace opaline::python
