#include "gateway/pipeline.hpp"

#include "base/digest.hpp"
#include "gateway/deployment_fixture.hpp"

namespace opaline::gateway {
namespace {

using namespace std::chrono_literals;

class Pipelines : public Deployment {
 protected:
  void lock() {
    settings_.keys = {{"alice", "sha256:" + base::sha256_hex("alice-secret")},
                      {"bob", "sha256:" + base::sha256_hex("bob-secret")}};
    open();
  }
  static http::Request with(http::Request made, std::string name, std::string value) {
    made.headers.set(name, std::move(value));
    return made;
  }
  static http::Request question() { return request("POST", "/rag", R"({"query":"q"})"); }
};

TEST_F(Pipelines, AnswerUnknownPathsPlainly) {
  const auto reply = get("/nothing/here");
  EXPECT_EQ(reply.status, 404u);
  EXPECT_EQ(code(reply), "not_found");
  EXPECT_EQ(json(reply).at_pointer("/error/request_id").as_string(), "r-1");
  EXPECT_TRUE(json(get("/v1/dataprep/nothing")).at("detail").is_string());
}

TEST_F(Pipelines, NameTheMethodsOfAPath) {
  const auto reply = get("/v1/chatqna");
  EXPECT_EQ(reply.status, 405u);
  EXPECT_EQ(reply.headers.get("Allow"), "POST, OPTIONS");
  EXPECT_NE(reply.body.find("POST"), std::string::npos);
  EXPECT_EQ(ask(request("BREW", "/rag")).status, 405u);
}

TEST_F(Pipelines, AnswerOptions) {
  const auto reply = ask(request("OPTIONS", "/v1/documents/7"));
  EXPECT_EQ(reply.status, 204u);
  EXPECT_EQ(reply.headers.get("Allow"), "DELETE, GET, OPTIONS");
  EXPECT_EQ(ask(request("OPTIONS", "/nothing")).status, 404u);
}

TEST_F(Pipelines, PutSecurityHeadersOnEverything) {
  for (const auto& reply : {get("/health"), get("/nothing"), ask(question())}) {
    EXPECT_EQ(reply.headers.get("X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(reply.headers.get("Referrer-Policy"), "no-referrer");
    EXPECT_EQ(reply.headers.get("Cache-Control"), "no-store");
    EXPECT_EQ(reply.headers.get("X-Request-Id"), "r-1");
    EXPECT_NE(reply.headers.get("Content-Security-Policy").find("frame-ancestors 'none'"),
              std::string_view::npos);
    EXPECT_FALSE(reply.headers.find("Access-Control-Allow-Origin"));
  }
}

TEST_F(Pipelines, PutAStrictPolicyOnPages) {
  EXPECT_EQ(get("/docs").headers.get("Content-Security-Policy"),
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
            "connect-src 'self'; "
            "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
}

TEST_F(Pipelines, AskForAKeyWhenThereAreKeys) {
  lock();
  const auto reply = ask(question());
  EXPECT_EQ(reply.status, 401u);
  EXPECT_EQ(code(reply), "unauthenticated");
  EXPECT_EQ(reply.headers.get("WWW-Authenticate"), "Bearer");
  EXPECT_EQ(ask(with(question(), "Authorization", "Bearer wrong-secret")).status, 401u);
  EXPECT_TRUE(llm_.requests.empty());
  EXPECT_EQ(ask(with(question(), "Authorization", "Bearer alice-secret")).status, 200u);
  EXPECT_EQ(ask(with(question(), "X-API-Key", "bob-secret")).status, 200u);
  EXPECT_EQ(llm_.contexts.back().principal, "bob");
  EXPECT_EQ(counter("rag_errors_total", {{"code", "unauthenticated"}}), 2);
}

TEST_F(Pipelines, KeepHealthPagesAndDescriptionOpen) {
  console_ = [](std::string_view path) -> std::optional<ConsoleFile> {
    if (path == "/index.html") return ConsoleFile{"text/html", "<html>", "\"1\""};
    return {};
  };
  lock();
  for (const char* path : {"/health", "/healthz", "/readyz", "/v1/health_check", "/v1/config",
                           "/openapi.json", "/docs", "/docs/page.js", "/docs/page.css", "/"}) {
    EXPECT_EQ(get(path).status, 200u) << path;
  }
  for (const char* path : {"/metrics", "/v1/statistics", "/v1/models", "/v1/documents", "/v1/jobs",
                           "/v1/jobs/events"}) {
    EXPECT_EQ(get(path).status, 401u) << path;
  }
}

TEST_F(Pipelines, LimitEachKey) {
  settings_.rate_limit = {.requests_per_minute = 2};
  lock();
  const auto alice = [&] { return ask(with(question(), "X-API-Key", "alice-secret")); };
  const auto first = alice();
  EXPECT_EQ(first.headers.get("X-RateLimit-Limit-Requests"), "2");
  EXPECT_EQ(first.headers.get("X-RateLimit-Remaining-Requests"), "1");
  EXPECT_EQ(alice().status, 200u);
  const auto refused = alice();
  EXPECT_EQ(refused.status, 429u);
  EXPECT_EQ(code(refused), "resource_exhausted");
  EXPECT_EQ(refused.headers.get("Retry-After"), "30");
  EXPECT_EQ(refused.headers.get("X-RateLimit-Remaining-Requests"), "0");
  EXPECT_EQ(refused.headers.get("X-RateLimit-Reset-Requests"), "60s");
  EXPECT_EQ(ask(with(question(), "X-API-Key", "bob-secret")).status, 200u);
}

TEST_F(Pipelines, LimitEachPeerWithoutKeysWhateverItsPort) {
  settings_.rate_limit = {.requests_per_minute = 1};
  open();
  auto from = [&](std::string peer) {
    auto made = question();
    made.peer = std::move(peer);
    return ask(std::move(made)).status;
  };
  EXPECT_EQ(from("10.0.0.1:1000"), 200u);
  EXPECT_EQ(from("10.0.0.1:2000"), 429u);
  EXPECT_EQ(from("10.0.0.2:1000"), 200u);
}

TEST_F(Pipelines, LimitOnlyWhatCosts) {
  settings_.rate_limit = {.requests_per_minute = 1};
  open();
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(get("/health").status, 200u);
    EXPECT_EQ(get("/v1/models").status, 200u);
  }
  EXPECT_FALSE(get("/health").headers.find("X-RateLimit-Limit-Requests"));
  EXPECT_EQ(post("/v1/embeddings", R"({"input":"a"})").status, 200u);
  EXPECT_EQ(post("/v1/search", R"({"query":"a"})").status, 429u);
}

TEST_F(Pipelines, RefuseForeignPagesAndPermitListedOnes) {
  EXPECT_EQ(ask(with(question(), "Origin", "https://evil.example")).status, 403u);
  EXPECT_EQ(ask(with(question(), "Origin", "http://localhost:8080")).status, 200u);
  settings_.origins = {"https://app.example"};
  open();
  const auto reply = ask(with(question(), "Origin", "https://app.example"));
  EXPECT_EQ(reply.status, 200u);
  EXPECT_EQ(reply.headers.get("Access-Control-Allow-Origin"), "https://app.example");
  const auto leave = ask(with(request("OPTIONS", "/rag"), "Origin", "https://app.example"));
  EXPECT_EQ(leave.status, 204u);
  EXPECT_EQ(leave.headers.get("Access-Control-Allow-Methods"), "POST");
}

TEST_F(Pipelines, GiveARequestAnIdWhenItHasNone) {
  const auto reply =
      run(loop_, gateway_->request_handler()(request("GET", "/health"), base::Context{}));
  EXPECT_EQ(reply.headers.get("X-Request-Id").size(), 32u);
}

TEST_F(Pipelines, GiveEachKindOfRouteItsLimits) {
  http::ServerSettings server;
  gateway_->install(server);
  const auto limits = [&](std::string method, std::string path) {
    return server.limits_for(request(std::move(method), std::move(path)));
  };
  EXPECT_EQ(limits("POST", "/rag").body_bytes, settings_.body_bytes);
  EXPECT_EQ(limits("POST", "/v1/dataprep/ingest").body_bytes, settings_.upload_bytes);
  EXPECT_EQ(limits("POST", "/v1/dataprep/ingest").time, settings_.ingest_time);
  EXPECT_EQ(limits("GET", "/v1/dataprep/ingest").body_bytes, settings_.body_bytes);
  EXPECT_EQ(limits("POST", "/nothing").body_bytes, settings_.body_bytes);
  EXPECT_GT(limits("GET", "/v1/jobs/events").time, 1h);
}

TEST_F(Pipelines, RefuseInOneShapeWhatNeverReachesARoute) {
  http::ServerSettings server;
  gateway_->install(server);
  const auto reply =
      server.refuse(413, {base::ErrorCode::resource_exhausted, "the body is too large", ""}, "r-9");
  EXPECT_EQ(reply.status, 413u);
  EXPECT_EQ(json(reply).at_pointer("/error/request_id").as_string(), "r-9");
  EXPECT_EQ(reply.headers.get("X-Content-Type-Options"), "nosniff");
}

TEST_F(Pipelines, CountRequestsByRouteWithoutInventingLabels) {
  (void)get("/v1/jobs/../../etc");
  (void)get("/nothing");
  (void)ask(request("BREW", "/nothing"));
  (void)ask(question());
  EXPECT_EQ(
      counter("http_requests_total", {{"handler", "/rag"}, {"method", "POST"}, {"status", "2xx"}}),
      1);
  EXPECT_EQ(counter("http_requests_total",
                    {{"handler", "other"}, {"method", "other"}, {"status", "4xx"}}),
            1);
  EXPECT_EQ(
      counter("http_requests_total", {{"handler", "other"}, {"method", "GET"}, {"status", "4xx"}}),
      1);
}

TEST_F(Pipelines, GoOnWithTheLedgerOfThoseBeforeThem) {
  settings_.rate_limit = {.requests_per_minute = 2};
  open();
  EXPECT_EQ(post("/rag", R"({"query":"a"})").status, 200u);
  follow();
  EXPECT_EQ(post("/rag", R"({"query":"a"})").status, 200u);
  EXPECT_EQ(post("/rag", R"({"query":"a"})").status, 429u);
  EXPECT_TRUE(json(get("/v1/statistics")).as_object().contains("/rag"));
  follow();
  EXPECT_TRUE(json(get("/v1/statistics")).as_object().contains("/rag"));
}

TEST_F(Pipelines, StartOnlyWithReadableKeys) {
  settings_.keys = {{"alice", "plain"}};
  const auto made = Gateway::create(settings_, {.flow = runner_->spec(),
                                                .runner = runner_.get(),
                                                .registry = registered_,
                                                .ledger = *ledger_});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, base::ErrorCode::invalid_argument);
}

TEST_F(Pipelines, TellsErrorsAsOpeaDoesAtItsRoutesWhenThatIsChosen) {
  settings_.errors = ErrorForm::opea;
  open();
  const auto said = [](const http::Response reply) {
    return std::to_string(reply.status) + " " + reply.body;
  };
  EXPECT_EQ(said(get("/nowhere")), R"(404 {"detail":"Not Found"})");
  EXPECT_EQ(said(get("/v1/chatqna")), R"(405 {"detail":"Method Not Allowed"})");
  for (const char* path : {"/v1/chatqna", "/v1/embeddings", "/v1/retrieval", "/v1/reranking"}) {
    const auto reply = post(path, "{");
    EXPECT_EQ(reply.status, 422u) << path;
    EXPECT_TRUE(reply.body.starts_with(R"({"detail":[{"type":"value_error","loc":["body"],)"))
        << reply.body;
  }
  retrieval_.fail(base::ErrorCode::internal, "a secret");
  EXPECT_EQ(said(post("/v1/chatqna", R"({"messages":"a"})")), "500 Internal Server Error");
  EXPECT_EQ(said(post("/v1/retrieval", R"({"text":"a"})")), "500 Internal Server Error");
  EXPECT_EQ(code(post("/rag", R"({"query":"a"})")), "internal");  // A route of ours.
}

}  // namespace
}  // namespace opaline::gateway
