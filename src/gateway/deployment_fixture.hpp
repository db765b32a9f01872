#pragma once

// For tests only.

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <memory>
#include <string>
#include <vector>

#include "flow/runner.hpp"
#include "gateway/gateway.hpp"
#include "gateway/scripted_service.hpp"

namespace opaline::gateway {

/// A gateway over a ChatQnA flow of scripted services, asked without a socket.
class Deployment : public testing::Test {
 protected:
  using Kind = contract::ServiceKind;

  Deployment() {
    flow::FlowSpec spec;
    for (const Kind kind : {Kind::embedding, Kind::retrieval, Kind::reranking, Kind::llm}) {
      spec.services.push_back({.name = std::string(contract::name(kind)), .kind = kind});
      (void)spec.graph.add(std::string(contract::name(kind))).value();
    }
    for (flow::Graph::Node node = 0; node + 1 < spec.graph.size(); ++node)
      (void)spec.graph.connect(node, node + 1);
    runner_ = flow::Runner::create(std::move(spec), {&embedding_, &retrieval_, &reranking_, &llm_})
                  .value();
  }

  void SetUp() override { open(); }

  /// Makes the gateway (again) with what `settings_` and `services_` say now.
  void open() {
    gateway_.reset();
    ledger_ = std::make_unique<Ledger>(registry_, settings_.rate_limit);
    follow();
  }
  /// Makes another gateway in the place of the one before, as a changed flow does.
  void follow() {
    gateway_.reset();
    auto made = Gateway::create(
        settings_, {.flow = runner_->spec(),
                    .runner = runner_.get(),
                    .services = services_,
                    .registry = registered_,
                    .ledger = *ledger_,
                    .metrics_text = [] { return std::string("metrics text\n"); },
                    .readiness = [this] { return parts_; },
                    .models = [] { return std::vector<ModelCard>{{.id = "gemma", .kind = "llm"}}; },
                    .console = console_});
    ASSERT_TRUE(made) << made.error().message;
    gateway_ = std::move(*made);
  }

  static http::Request request(std::string method, std::string path, std::string body = "") {
    http::Request made;
    made.method = std::move(method);
    if (const auto mark = path.find('?'); mark != std::string::npos) {
      std::string pairs = path.substr(mark + 1) + "&";
      path.resize(mark);
      for (std::size_t at = 0, stop = 0; (stop = pairs.find('&', at)) != std::string::npos;
           at = stop + 1) {
        const std::string pair = pairs.substr(at, stop - at);
        const auto equals = pair.find('=');
        made.query.emplace_back(pair.substr(0, equals),
                                equals == std::string::npos ? "" : pair.substr(equals + 1));
      }
    }
    made.path = std::move(path);
    made.body = std::move(body);
    made.peer = "127.0.0.1:40000";
    made.headers.add("Host", "localhost:8080");
    return made;
  }

  http::Response ask(http::Request asked) {
    base::Context context{.request_id = "r-1"};
    context.deadline = base::Context::Clock::now() + std::chrono::seconds(30);
    return run(loop_, gateway_->request_handler()(std::move(asked), std::move(context)));
  }
  http::Response post(std::string path, std::string body) {
    return ask(request("POST", std::move(path), std::move(body)));
  }
  http::Response get(std::string path) { return ask(request("GET", std::move(path))); }

  std::string streamed(http::Response& reply) {
    EXPECT_TRUE(reply.stream) << reply.body;
    if (!reply.stream) return {};
    return run(loop_, drained(std::shared_ptr<http::BodyStream>(std::move(reply.stream))));
  }

  static boost::json::value json(const http::Response& reply) {
    boost::system::error_code broken;
    auto value = boost::json::parse(reply.body, broken);
    EXPECT_FALSE(broken) << reply.body;
    return value;
  }
  static std::string code(const http::Response& reply) {
    const auto body = json(reply);
    boost::system::error_code absent;
    const auto* found = body.find_pointer("/error/code", absent);
    return found == nullptr ? "none" : std::string(found->as_string());
  }

  double counter(std::string name, base::Labels labels) {
    return registry_.counter(name, "", std::move(labels)).value();
  }

  static contract::Hit hit(std::string id, double fused) {
    contract::Hit made;
    made.id = id;
    made.document_id = "d-" + id;
    made.source = "manual/" + id + ".html";
    made.title = "Title " + id;
    made.text = "Text of " + id;
    made.span = {.begin = 10, .end = 10 + made.text.size()};
    made.scores.fused = fused;
    return made;
  }

  static contract::ChatReply cited_answer() {
    contract::ChatReply reply;
    reply.text = "It is so [1].";
    reply.model = "gemma";
    reply.usage = {.prompt_tokens = 20, .completion_tokens = 5};
    reply.sources = {hit("a", 0.9), hit("b", 0.5)};
    reply.citations = {
        {.source = 1, .answer_span = {0, 13}, .source_span = {15, 19}, .quote = "of a"}};
    return reply;
  }

  static base::Result<contract::Reply> answer_llm(const contract::Request& asked,
                                                  const base::Context& context) {
    if (!std::get<contract::ChatRequest>(asked).stream) return contract::Reply(cited_answer());
    contract::ChatReply end = cited_answer();
    const std::string text = std::exchange(end.text, {});
    std::vector<base::Result<contract::ChatDelta>> items;
    items.push_back(piece(text.substr(0, 6)));
    items.push_back(piece(text.substr(6)));
    items.push_back(end_of(std::move(end)));
    return contract::Reply(std::make_unique<ScriptedStream>(std::move(items), context));
  }

  base::EventLoop loop_{1};
  base::MetricRegistry registry_;
  services::ServiceRegistry registered_;
  ScriptedService embedding_{
      Kind::embedding, [](const auto& asked, const auto&) -> base::Result<contract::Reply> {
        const auto& texts = std::get<contract::EmbeddingRequest>(asked).texts;
        return contract::Reply(contract::EmbeddingReply{
            .vectors = std::vector<std::vector<float>>(texts.size(), {0.5F, -0.25F}),
            .model = "mini",
            .prompt_tokens = 3});
      }};
  ScriptedService retrieval_{
      Kind::retrieval, [](const auto& asked, const auto&) -> base::Result<contract::Reply> {
        const auto& request = std::get<contract::RetrievalRequest>(asked);
        return contract::Reply(
            contract::RetrievalReply{.query = request.text,
                                     .hits = {hit("a", 0.9), hit("b", 0.5), hit("c", 0.1)},
                                     .top_n = request.top_n});
      }};
  ScriptedService reranking_{
      Kind::reranking, [](const auto& asked, const auto&) -> base::Result<contract::Reply> {
        const auto& request = std::get<contract::RerankingRequest>(asked);
        contract::RerankingReply reply{.query = request.query,
                                       .hits = {request.hits.rbegin(), request.hits.rend()}};
        double score = 1;
        for (contract::Hit& one : reply.hits) one.scores.rerank = score /= 2;
        if (request.top_n > 0 && reply.hits.size() > static_cast<std::size_t>(request.top_n)) {
          reply.hits.resize(static_cast<std::size_t>(request.top_n));
        }
        return contract::Reply(std::move(reply));
      }};
  ScriptedService llm_{Kind::llm, answer_llm};
  ScriptedService dataprep_{Kind::dataprep,
                            [](const auto&, const auto&) -> base::Result<contract::Reply> {
                              return base::fail(base::ErrorCode::internal, "no script");
                            }};
  Services services_{&embedding_, &retrieval_, &reranking_, &llm_, &dataprep_};
  std::unique_ptr<flow::Runner> runner_;
  std::vector<Part> parts_;
  ConsoleFiles console_;
  GatewaySettings settings_;
  std::unique_ptr<Ledger> ledger_;
  std::unique_ptr<Gateway> gateway_;
};

}  // namespace opaline::gateway
