#include "gateway/router.hpp"

#include <gtest/gtest.h>

namespace opaline::gateway {
namespace {

Router make() {
  std::vector<Route> routes;
  for (const auto& [method, pattern] :
       std::vector<std::pair<std::string, std::string>>{{"GET", "/v1/jobs"},
                                                        {"GET", "/v1/jobs/events"},
                                                        {"GET", "/v1/jobs/{id}"},
                                                        {"POST", "/v1/jobs/{id}/retry"},
                                                        {"GET", "/v1/documents/{id}"},
                                                        {"DELETE", "/v1/documents/{id}"},
                                                        {"GET", "/v1/documents/{id}/text"},
                                                        {"GET", "/v1/jobs"}}) {
    routes.push_back({.method = method, .pattern = pattern});
  }
  return Router(std::move(routes));
}

std::string found(std::string_view method, std::string_view path) {
  static const Router router = make();
  const auto match = router.find(method, path);
  if (match.route == nullptr) return match.allow.empty() ? "nothing" : "only " + match.allow;
  return match.route->pattern + (match.id.empty() ? "" : " " + match.id);
}

TEST(Router, FindsAnExactPathBeforeAPattern) {
  EXPECT_EQ(found("GET", "/v1/jobs"), "/v1/jobs");
  EXPECT_EQ(found("GET", "/v1/jobs/events"), "/v1/jobs/events");
  EXPECT_EQ(found("GET", "/v1/jobs/17"), "/v1/jobs/{id} 17");
}

TEST(Router, TakesIdsWithSlashes) {
  EXPECT_EQ(found("GET", "/v1/documents/a/b.md"), "/v1/documents/{id} a/b.md");
  EXPECT_EQ(found("GET", "/v1/documents/a/b.md/text"), "/v1/documents/{id}/text a/b.md");
  EXPECT_EQ(found("POST", "/v1/jobs/a/b/retry"), "/v1/jobs/{id}/retry a/b");
}

TEST(Router, NamesTheMethodsOfAPathThatHasOthers) {
  EXPECT_EQ(found("POST", "/v1/jobs"), "only GET");
  EXPECT_EQ(found("PUT", "/v1/documents/7"), "only DELETE, GET");
  EXPECT_EQ(found("GET", "/v1/jobs/7/retry"), "only POST");
}

TEST(Router, KnowsNothingOfOtherPaths) {
  for (const char* path : {"/", "", "/v1", "/v1/job", "/v1/documents/", "/v1/documents", "/V1/jobs",
                           "/v1/jobsevents"}) {
    EXPECT_EQ(found("GET", path), "nothing") << path;
  }
}

TEST(Router, IgnoresOneSlashAtTheEnd) {
  EXPECT_EQ(found("GET", "/v1/jobs/"), "/v1/jobs");
  EXPECT_EQ(found("GET", "/v1/documents/7/"), "/v1/documents/{id} 7");
}

TEST(Router, AnswersHeadAsGet) {
  EXPECT_EQ(found("HEAD", "/v1/jobs"), "/v1/jobs");
  EXPECT_EQ(found("HEAD", "/v1/jobs/7/retry"), "only POST");
}

TEST(Router, LetsTheFirstOfTwoEqualRoutesWin) {
  std::vector<Route> routes;
  routes.push_back({.method = "GET", .pattern = "/a", .cost = Route::Cost::query});
  routes.push_back({.method = "GET", .pattern = "/a", .cost = Route::Cost::light});
  const Router router(std::move(routes));
  EXPECT_EQ(router.find("GET", "/a").route->cost, Route::Cost::query);
}

}  // namespace
}  // namespace opaline::gateway
