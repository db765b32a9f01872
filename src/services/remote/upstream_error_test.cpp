#include "services/remote/upstream_error.hpp"

#include <gtest/gtest.h>

namespace opaline::services {
namespace {

using base::ErrorCode;

TEST(UpstreamError, MeansWhatTheCallerShouldDo) {
  const std::vector<std::pair<unsigned, ErrorCode>> table = {
      {400, ErrorCode::invalid_argument},
      {413, ErrorCode::invalid_argument},
      {422, ErrorCode::invalid_argument},
      {401, ErrorCode::failed_precondition},
      {403, ErrorCode::failed_precondition},
      {404, ErrorCode::failed_precondition},
      {405, ErrorCode::failed_precondition},
      {418, ErrorCode::failed_precondition},
      {408, ErrorCode::unavailable},
      {429, ErrorCode::resource_exhausted},
      {500, ErrorCode::unavailable},
      {503, ErrorCode::unavailable},
      {302, ErrorCode::internal},
      {204, ErrorCode::internal},
  };
  for (const auto& [status, code] : table) {
    const base::Error error =
        upstream_error({.label = "the llm service at http://x"}, status, "secret");
    EXPECT_EQ(error.code, code) << status;
    EXPECT_EQ(error.upstream_status, status);
    EXPECT_TRUE(error.message.starts_with("the llm service at http://x ")) << error.message;
    EXPECT_NE(error.message.find(std::to_string(status)), std::string::npos) << error.message;
    EXPECT_EQ(error.message.find("secret"), std::string::npos) << "the body is for the log";
    EXPECT_EQ(error.detail, "status " + std::to_string(status) + ": secret");
  }
}

TEST(UpstreamError, KeepsAnExcerptOnly) {
  const base::Error error = upstream_error({.label = "x"}, 500, std::string(10'000, '\xFF'));
  EXPECT_LT(error.detail.size(), 2000U);
}

TEST(UpstreamError, OurOwnErrorsKeepTheirCodeAndMessage) {
  const std::string body =
      R"({"error":{"code":"resource_exhausted","type":"t","message":"64 wait already","retryable":true}})";
  const base::Error error = upstream_error({.label = "x", .ours = true}, 429, body);
  EXPECT_EQ(error.code, ErrorCode::resource_exhausted);
  EXPECT_EQ(error.message, "64 wait already");
  EXPECT_NE(upstream_error({.label = "x", .ours = false}, 429, body).message, error.message);
  for (const char* other : {"oops", "{}", R"({"error":{"code":"none","message":"m"}})",
                            R"({"error":{"code":"internal"}})"}) {
    EXPECT_EQ(upstream_error({.label = "x", .ours = true}, 503, other).code, ErrorCode::unavailable)
        << other;
  }
}

TEST(UnreadableReply, SaysWhatItIsNot) {
  const base::Error error = unreadable_reply({.label = "the embedding service"},
                                             "an embedding reply", {.message = "why"}, "<html>");
  EXPECT_EQ(error.code, ErrorCode::internal);
  EXPECT_EQ(error.message,
            "the embedding service answered with something that is not an embedding reply");
  EXPECT_EQ(error.detail, "why: <html>");
}

}  // namespace
}  // namespace opaline::services
