#include "gateway/error_reply.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace opaline::gateway {
namespace {

using base::ErrorCode;

TEST(ErrorReply, GivesEachCodeItsStatus) {
  const std::vector<std::pair<ErrorCode, unsigned>> table = {{ErrorCode::invalid_argument, 400},
                                                             {ErrorCode::not_found, 404},
                                                             {ErrorCode::already_exists, 409},
                                                             {ErrorCode::unauthenticated, 401},
                                                             {ErrorCode::permission_denied, 403},
                                                             {ErrorCode::resource_exhausted, 429},
                                                             {ErrorCode::failed_precondition, 409},
                                                             {ErrorCode::deadline_exceeded, 504},
                                                             {ErrorCode::cancelled, 499},
                                                             {ErrorCode::unavailable, 503},
                                                             {ErrorCode::internal, 500}};
  for (const auto& [code, status] : table) {
    EXPECT_EQ(error_reply({code, "m", ""}, "r").status, status) << base::name(code);
  }
}

TEST(ErrorReply, HasOneShape) {
  const auto reply =
      error_reply({ErrorCode::unavailable, "the model is \"starting\"", "secret detail"}, "r-1");
  EXPECT_EQ(
      reply.body,
      R"({"error":{"code":"unavailable","type":"service_unavailable_error","message":"the model is \"starting\"","request_id":"r-1","retryable":true}})");
  EXPECT_EQ(reply.headers.get("Content-Type"), "application/json");
}

TEST(ErrorReply, HasADetailBesideItOnOpeaRoutes) {
  const auto body = boost::json::parse(
      error_reply({ErrorCode::not_found, "no file", ""}, "r", ErrorShape::opea).body);
  EXPECT_EQ(body.at("detail").as_string(), "no file");
  EXPECT_EQ(body.at("error").at("code").as_string(), "not_found");
}

TEST(ErrorReply, GivesTheStatusOfAnUpstreamItsMeaning) {
  const struct {
    ErrorCode code;
    unsigned upstream, status;
    bool retryable;
  } table[] = {{ErrorCode::invalid_argument, 400, 400, false},
               {ErrorCode::invalid_argument, 413, 400, false},
               {ErrorCode::invalid_argument, 422, 422, false},
               {ErrorCode::failed_precondition, 401, 502, false},
               {ErrorCode::failed_precondition, 403, 502, false},
               {ErrorCode::failed_precondition, 404, 502, false},
               {ErrorCode::failed_precondition, 405, 502, false},
               {ErrorCode::failed_precondition, 418, 502, false},
               {ErrorCode::unavailable, 408, 504, true},
               {ErrorCode::resource_exhausted, 429, 429, true},
               {ErrorCode::unavailable, 500, 502, true},
               {ErrorCode::unavailable, 502, 502, true},
               {ErrorCode::unavailable, 503, 503, true},
               {ErrorCode::unavailable, 504, 504, true},
               {ErrorCode::internal, 302, 502, false},
               {ErrorCode::deadline_exceeded, 503, 504, true}};
  for (const auto& [code, upstream, status, retryable] : table) {
    base::Error error{code, "m", ""};
    error.upstream_status = upstream;
    const auto reply = error_reply(error, "r");
    EXPECT_EQ(reply.status, status) << upstream;
    EXPECT_EQ(boost::json::parse(reply.body).at_pointer("/error/retryable").as_bool(), retryable)
        << upstream;
  }
}

TEST(ErrorReply, NamesTheStepAndTheStatusOfItsUpstream) {
  base::Error error{ErrorCode::failed_precondition, "m", ""};
  error.step = "outer.llm";
  error.upstream_status = 401;
  EXPECT_EQ(
      error_json(error, "r-1"),
      R"({"error":{"code":"failed_precondition","type":"upstream_error","message":"m","step":"outer.llm","upstream_status":401,"request_id":"r-1","retryable":false}})");
}

TEST(ErrorReply, IsOpeasAloneWhereThatIsChosen) {
  const auto alone = [](ErrorCode code, unsigned upstream = 0) {
    base::Error error{code, "why", "secret"};
    error.upstream_status = upstream;
    return error_reply(error, "r", ErrorShape::opea_alone);
  };
  const auto wrong = alone(ErrorCode::invalid_argument);
  EXPECT_EQ(wrong.status, 422u);
  EXPECT_EQ(wrong.body,
            R"({"detail":[{"type":"value_error","loc":["body"],"msg":"why","input":null}]})");
  for (const auto& reply : {alone(ErrorCode::internal), alone(ErrorCode::unavailable, 500),
                            alone(ErrorCode::failed_precondition, 401)}) {
    EXPECT_EQ(reply.status, 500u);
    EXPECT_EQ(reply.body, "Internal Server Error");
    EXPECT_EQ(reply.headers.get("Content-Type"), "text/plain; charset=utf-8");
  }
  for (const auto& [code, status] :
       std::vector<std::pair<ErrorCode, unsigned>>{{ErrorCode::not_found, 404},
                                                   {ErrorCode::resource_exhausted, 429},
                                                   {ErrorCode::unavailable, 503},
                                                   {ErrorCode::deadline_exceeded, 504}}) {
    EXPECT_EQ(alone(code).status, status);
    EXPECT_EQ(alone(code).body, R"({"detail":"why"})");
  }
}

TEST(ErrorReply, TellsWhenToTryAgain) {
  EXPECT_TRUE(error_reply({ErrorCode::unavailable, "", ""}, "").headers.find("Retry-After"));
  EXPECT_TRUE(error_reply({ErrorCode::resource_exhausted, "", ""}, "").headers.find("Retry-After"));
  EXPECT_FALSE(error_reply({ErrorCode::invalid_argument, "", ""}, "").headers.find("Retry-After"));
}

TEST(ErrorReply, AsksForAKey) {
  EXPECT_EQ(error_reply({ErrorCode::unauthenticated, "", ""}, "").headers.get("WWW-Authenticate"),
            "Bearer");
}

TEST(ErrorReply, KeepsAStatusThatWasChosenElsewhere) {
  EXPECT_EQ(error_reply(431, {ErrorCode::invalid_argument, "", ""}, "").status, 431u);
}

TEST(ErrorReply, IsValidJsonWhateverTheMessage) {
  EXPECT_NO_THROW(
      (void)boost::json::parse(error_json({ErrorCode::internal, "\xff\x00\n\"", ""}, "\xfe")));
}

}  // namespace
}  // namespace opaline::gateway
