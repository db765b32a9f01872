#include "_core/graph_run.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <utility>

#include "_core/piece_queue.hpp"

namespace opaline::python {

namespace json = boost::json;

namespace {

constexpr std::size_t kExcerptBytes = 500;

/// The expressions of a reply's "downstream_black_list".
std::vector<std::string> forbidden_by(const json::value& output) {
  std::vector<std::string> expressions;
  const auto* object = output.if_object();
  const auto* list = object == nullptr ? nullptr : object->if_contains("downstream_black_list");
  if (list == nullptr || !list->is_array()) return expressions;
  for (const json::value& one : list->get_array()) {
    if (const auto* text = one.if_string()) expressions.emplace_back(*text);
  }
  return expressions;
}

}  // namespace

GraphRun::GraphRun(Request request, std::shared_ptr<Mailbox> mailbox, std::uint64_t to)
    : engine_(Engine::get()),
      request_(std::move(request)),
      plan_(request_.graph),
      mailbox_(std::move(mailbox)),
      to_(to) {}

std::shared_ptr<GraphRun> GraphRun::start(Request request, std::shared_ptr<Mailbox> mailbox,
                                          std::uint64_t to) {
  auto run = std::make_shared<GraphRun>(std::move(request), std::move(mailbox), to);
  boost::asio::post(run->engine_->loop(), [run] { run->begin(); });
  return run;
}

void GraphRun::cancel() {
  boost::asio::post(engine_->loop(), [self = shared_from_this()] {
    if (!self->mailbox_) return;  // The reply is the receiver's by now.
    self->cancellation_->request();
    self->reply_->outputs.clear();
    std::exchange(self->mailbox_, nullptr)
        ->post(self->to_, base::Error{base::ErrorCode::cancelled, "called off", {}});
  });
}

void GraphRun::begin() {
  boost::system::error_code error;
  json::parse_options deep;
  deep.max_depth = 256;
  const json::value inputs = json::parse(request_.inputs, error, {}, deep);
  if (!error) parameters_ = json::parse(request_.parameters, error, {}, deep);
  if (error) {
    fail({.step = {}, .error = {base::ErrorCode::invalid_argument, "the inputs are no JSON", {}}});
    return;
  }
  ++running_;  // Until all have started: a first step may fail at once.
  for (const std::string& name : plan_.start()) {
    ++running_;
    boost::asio::co_spawn(
        engine_->loop(), run_step(name, inputs),
        [self = shared_from_this()](const std::exception_ptr& thrown) {
          if (thrown)
            self->fail({.step = {}, .error = {base::ErrorCode::internal, "it failed", {}}});
          --self->running_;
          self->finish_if_done();
        });
  }
  --running_;
  finish_if_done();
}

void GraphRun::start_steps(Graph::Names names) {
  for (std::string& name : names) {
    auto input = merged_input(name);
    if (!input) {
      fail({.step = std::move(name), .error = std::move(input).error()});
      return;
    }
    ++running_;
    boost::asio::co_spawn(
        engine_->loop(), run_step(std::move(name), *std::move(input)),
        [self = shared_from_this()](const std::exception_ptr& thrown) {
          if (thrown)
            self->fail({.step = {}, .error = {base::ErrorCode::internal, "it failed", {}}});
          --self->running_;
          self->finish_if_done();
        });
  }
}

base::Result<json::value> GraphRun::merged_input(const std::string& name) const {
  json::object merged;
  for (const std::string& before : request_.graph.predecessors(name)) {
    for (const auto& [done, output] : reply_->outputs) {
      if (done != before) continue;
      const auto* value = std::get_if<json::value>(&output);
      const auto* object = value == nullptr ? nullptr : value->if_object();
      if (object == nullptr)
        return base::fail(base::ErrorCode::failed_precondition,
                          "step '" + before + "' answered with what is no JSON object, so '" +
                              name + "' has no input; align_outputs can make one of it");
      for (const auto& [key, field] : *object) merged.insert_or_assign(key, field);
    }
  }
  return json::value(std::move(merged));
}

base::Task<> GraphRun::run_step(std::string name, json::value input) {
  const auto self = shared_from_this();
  const auto found = request_.steps.find(name);
  if (found == request_.steps.end()) {
    fail({.step = name, .error = {base::ErrorCode::not_found, "no service has that name", {}}});
    co_return;
  }
  const Step& step = found->second;
  if (step.language_model) {
    if (auto* object = input.if_object()) {
      if (const auto* parameters = parameters_.if_object()) {
        for (const auto& [key, value] : *parameters) object->insert_or_assign(key, value);
      }
    }
  }
  auto context = request_.journey.context(cancellation_);
  std::string body = json::serialize(input);
  if (step.language_model && request_.stream) {
    // Its own cancellation: a stream lives on after the run that opened it.
    context.cancellation = base::Cancellation::create();
    const auto follows =
        cancellation_->on_request([own = context.cancellation] { own->request(); });
    auto letter =
        co_await ask_for_stream(engine_, step.target, std::move(body), std::move(context));
    if (!letter) {
      fail({.step = name, .error = std::move(letter).error()});
    } else if (auto* open = std::get_if<OpenReply>(&*letter)) {
      opened(name, std::move(open->pieces));
    } else {
      answered(name, std::get<WholeReply>(*std::move(letter)));
    }
    co_return;
  }
  auto reply = co_await ask(engine_, step.target, std::move(body), std::move(context));
  if (!reply) {
    fail({.step = name, .error = std::move(reply).error()});
  } else {
    answered(name, *std::move(reply));
  }
}

void GraphRun::opened(const std::string& name, std::shared_ptr<PieceQueue> pieces) {
  if (!mailbox_) return;
  const auto next = request_.graph.downstream(name).value_or(Graph::Names());
  if (next.size() > 1) {
    fail({.step = name,
          .error = {base::ErrorCode::failed_precondition,
                    "Not supported multiple stream downstreams yet!",
                    {}}});
    return;
  }
  if (!next.empty() && !request_.graph.downstream(next.front()).value_or(Graph::Names()).empty()) {
    fail({.step = next.front(),
          .error = {base::ErrorCode::failed_precondition,
                    "a stream can go through one more step, which nothing follows",
                    {}}});
    return;
  }
  if (next.empty()) {
    (void)plan_.finish(name, {});
  } else {
    plan_.stands_in(name, next.front());
    (void)plan_.finish(next.front(), {});
  }
  const std::string& answering = next.empty() ? name : next.front();
  reply_->outputs.emplace_back(answering, RunReply::Streamed{std::move(pieces), !next.empty()});
}

void GraphRun::answered(const std::string& name, WholeReply reply) {
  if (!mailbox_) return;
  if (reply.status / 100 != 2) {
    fail({.step = name, .status = reply.status, .excerpt = reply.body.substr(0, kExcerptBytes)});
    return;
  }
  if (reply.content_type.starts_with("audio/wav")) {
    reply_->outputs.emplace_back(name, std::move(reply.body));
    start_steps(plan_.finish(name, {}).ready);
    return;
  }
  if (!reply.json) {
    fail({.step = name,
          .status = reply.status,
          .error = {base::ErrorCode::internal, "its answer is no JSON", {}},
          .excerpt = reply.body.substr(0, kExcerptBytes)});
    return;
  }
  const auto forbidden = forbidden_by(*reply.json);
  auto next = plan_.finish(name, forbidden);
  if (next.stopped && request_.stream) {
    reply_->outputs.emplace_back(name, RunReply::Blocked{*std::move(reply.json)});
  } else {
    reply_->outputs.emplace_back(name, *std::move(reply.json));
  }
  start_steps(std::move(next.ready));
}

void GraphRun::fail(StepFailure failure) {
  if (!mailbox_) return;
  reply_->outputs.clear();  // Streams among them close.
  reply_->failure = std::move(failure);
  std::exchange(mailbox_, nullptr)->post(to_, reply_);
  cancellation_->request();
}

void GraphRun::finish_if_done() {
  if (running_ > 0 || !mailbox_) return;
  plan_.prune();
  reply_->graph = std::move(request_.graph);
  std::exchange(mailbox_, nullptr)->post(to_, reply_);
}

}  // namespace opaline::python
