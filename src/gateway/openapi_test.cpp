#include "gateway/openapi.hpp"

#include <boost/json/serialize.hpp>

#include "gateway/api_schemas.hpp"
#include "gateway/deployment_fixture.hpp"

namespace opaline::gateway {
namespace {

namespace json = boost::json;
using OpenApi = Deployment;

void collect_references(const json::value& value, std::vector<std::string>& all) {
  if (value.is_array()) {
    for (const auto& item : value.get_array()) collect_references(item, all);
  } else if (value.is_object()) {
    for (const auto& [key, item] : value.get_object()) {
      if (key == "$ref")
        all.emplace_back(item.as_string());
      else
        collect_references(item, all);
    }
  }
}

TEST_F(OpenApi, DescribesEveryRoute) {
  const auto api = Deployment::json(get("/openapi.json"));
  EXPECT_EQ(api.at("openapi").as_string(), "3.1.0");
  const auto& paths = api.at("paths").as_object();
  std::size_t described = 0;
  for (const Route& route : gateway_->routes()) {
    if (route.pattern.starts_with("/docs/")) continue;  // Parts of a page.
    std::string method = route.method;
    for (char& c : method) c = static_cast<char>(std::tolower(c));
    ASSERT_TRUE(paths.contains(route.pattern)) << route.pattern;
    const auto& operation = paths.at(route.pattern).at(method);
    EXPECT_FALSE(operation.at("summary").as_string().empty()) << route.pattern;
    EXPECT_TRUE(operation.at("responses").as_object().contains("200"));
    EXPECT_TRUE(operation.at("responses").as_object().contains("default"));
    ++described;
  }
  EXPECT_GE(described, 36u);
}

TEST_F(OpenApi, HasEveryRouteThatIsPromised) {
  const auto api = Deployment::json(get("/openapi.json"));
  for (const char* path : {"/v1/chatqna",
                           "/v1/chat/completions",
                           "/v1/completions",
                           "/rag",
                           "/query",
                           "/v1/search",
                           "/v1/models",
                           "/health",
                           "/healthz",
                           "/readyz",
                           "/v1/health_check",
                           "/metrics",
                           "/v1/statistics",
                           "/openapi.json",
                           "/docs",
                           "/v1/embeddings",
                           "/embed",
                           "/v1/retrieval",
                           "/v1/reranking",
                           "/rerank",
                           "/v1/rerank",
                           "/v1/dataprep/ingest",
                           "/v1/dataprep/get",
                           "/v1/dataprep/delete",
                           "/v1/dataprep/indices",
                           "/v1/documents",
                           "/v1/documents/{id}",
                           "/v1/documents/{id}/text",
                           "/v1/jobs",
                           "/v1/jobs/{id}",
                           "/v1/jobs/{id}/retry",
                           "/v1/jobs/{id}/cancel",
                           "/v1/jobs/events",
                           "/v1/config"}) {
    EXPECT_TRUE(api.at("paths").as_object().contains(path)) << path;
  }
}

TEST_F(OpenApi, RefersOnlyToSchemasThatExist) {
  const auto api = Deployment::json(get("/openapi.json"));
  std::vector<std::string> references;
  collect_references(api, references);
  EXPECT_GT(references.size(), 50u);
  for (const std::string& reference : references) {
    ASSERT_TRUE(reference.starts_with("#/components/schemas/")) << reference;
    EXPECT_TRUE(api.at_pointer("/components/schemas").as_object().contains(reference.substr(21)))
        << reference;
  }
}

TEST_F(OpenApi, UsesEverySchemaItHas) {
  const auto api = Deployment::json(get("/openapi.json"));
  std::vector<std::string> references;
  collect_references(api, references);
  for (const auto& [name, schema] : api.at_pointer("/components/schemas").as_object()) {
    const std::string reference = "#/components/schemas/" + std::string(name);
    EXPECT_NE(std::ranges::find(references, reference), references.end()) << reference;
  }
}

TEST_F(OpenApi, HasRequestsThatWork) {
  // The examples are what people copy: each must be accepted.
  const auto api = Deployment::json(get("/openapi.json"));
  dataprep_.set([](const contract::Request& asked,
                   const base::Context&) -> base::Result<contract::Reply> {
    const auto& request = std::get<contract::DataprepRequest>(asked);
    if (std::holds_alternative<contract::ListDocumentsRequest>(request))
      return contract::Reply(contract::DataprepReply(contract::ListDocumentsReply{}));
    return contract::Reply(contract::DataprepReply(contract::DeleteDocumentsReply{.deleted = 1}));
  });
  for (const auto& [path, operations] : api.at("paths").as_object()) {
    for (const auto& [method, operation] : operations.as_object()) {
      const auto* sent = operation.as_object().if_contains("requestBody");
      if (sent == nullptr || !sent->at("content").as_object().contains("application/json"))
        continue;
      const auto& example = sent->at_pointer("/content/application~1json/example");
      const auto reply = post(std::string(path), json::serialize(example));
      EXPECT_EQ(reply.status, 200u) << path << " " << json::serialize(example) << " " << reply.body;
    }
  }
}

TEST_F(OpenApi, LetsOpenRoutesBeAskedWithoutAKey) {
  const auto api = Deployment::json(get("/openapi.json"));
  EXPECT_TRUE(api.at_pointer("/paths/~1health/get/security").as_array().empty());
  EXPECT_FALSE(api.at_pointer("/paths/~1rag/post").as_object().contains("security"));
}

}  // namespace
}  // namespace opaline::gateway
