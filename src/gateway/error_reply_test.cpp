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
