#include "services/registry/registered_service.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <functional>
#include <map>

namespace opaline::services {
namespace {

namespace json = boost::json;
using base::ErrorCode;
using contract::Reply;
using contract::Request;

base::Error unheard(std::string message) {
  return {.code = ErrorCode::unavailable, .message = std::move(message), .unsent = true};
}

/// A registered service whose instances answer as a test says.
class RegisteredServiceTest : public testing::Test {
 protected:
  using Answer = std::function<base::Result<Reply>(const json::value&)>;

  class Instance final : public contract::Service {
   public:
    explicit Instance(Answer answer) : answer_(std::move(answer)) {}
    [[nodiscard]] contract::ServiceKind kind() const override {
      return contract::ServiceKind::custom;
    }
    base::Task<base::Result<Reply>> call(Request request, base::Context) override {
      co_return answer_(std::get<contract::JsonRequest>(request).body);
    }
    [[nodiscard]] contract::Health health() const override { return {}; }

   private:
    Answer answer_;
  };

  void put(const std::string& url, Answer answer, ServiceCard card = {}) {
    answers_[url] = std::move(answer);
    ASSERT_TRUE(registry_.put("x", {.url = url}, std::move(card)));
  }

  base::Result<std::string> call(json::value body = json::object()) {
    base::Result<std::string> output = base::fail(ErrorCode::internal, "nothing came");
    base::EventLoop loop(1);
    boost::asio::co_spawn(loop, asked(&service_, std::move(body), &output),
                          [](const std::exception_ptr& thrown) { EXPECT_FALSE(thrown); });
    loop.run();
    return output;
  }

  static Answer says(std::string text) {
    return [text](const json::value&) -> base::Result<Reply> {
      return contract::JsonReply{.body = json::parse(text)};
    };
  }
  static Answer fails(base::Error error) {
    return [error](const json::value&) -> base::Result<Reply> { return base::fail(error); };
  }

  std::map<std::string, Answer> answers_;
  std::vector<std::string> reached_;
  ServiceRegistry registry_;
  RegisteredService service_{
      "x", registry_,
      [this](const std::string& url) -> base::Result<std::unique_ptr<contract::Service>> {
        reached_.push_back(url);
        return std::make_unique<Instance>(answers_.at(url));
      }};

 private:
  static base::Task<> asked(RegisteredService* service, json::value body,
                            base::Result<std::string>* output) {
    contract::JsonRequest request{.body = std::move(body)};
    auto reply = co_await service->call(std::move(request), {});
    if (!reply) {
      *output = base::fail(std::move(reply).error());
    } else {
      *output = json::serialize(std::get<contract::JsonReply>(*reply).body);
    }
  }
};

TEST_F(RegisteredServiceTest, AsksAnotherInstanceWhenOneCannotBeReached) {
  put("http://a/x", fails(unheard("a is gone")));
  put("http://b/x", fails(unheard("b is gone")));
  put("http://c/x", [](const json::value& body) -> base::Result<Reply> {
    return contract::JsonReply{.body = body};
  });
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(call({{"n", i}}).value(), R"({"n":)" + std::to_string(i) + "}");
  }
  EXPECT_THAT(reached_, testing::Contains("http://a/x"));
}

TEST_F(RegisteredServiceTest, AsksEachInstanceOnceAtMost) {
  put("http://a/x", fails(unheard("a is gone")));
  put("http://b/x", fails(unheard("b is gone")));
  const auto failed = call();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::unavailable);
  EXPECT_EQ(failed.error().message,
            "none of the 2 instances of the service 'x' can be reached; the last: b is gone");
  EXPECT_EQ(reached_, (std::vector<std::string>{"http://a/x", "http://b/x"}));
}

TEST_F(RegisteredServiceTest, KeepsTheErrorOfItsOnlyInstance) {
  put("http://a/x", fails(unheard("a is gone")));
  EXPECT_EQ(call().error(), unheard("a is gone"));
}

TEST_F(RegisteredServiceTest, DoesNotAskAnotherWhenOneAnswered) {
  for (const ErrorCode code : {ErrorCode::unavailable, ErrorCode::invalid_argument,
                               ErrorCode::deadline_exceeded, ErrorCode::cancelled}) {
    reached_.clear();
    put("http://a/x", fails({.code = code, .message = "it said so"}));
    put("http://b/x", fails({.code = code, .message = "it said so"}));
    EXPECT_EQ(call().error().code, code);
    EXPECT_EQ(reached_.size(), 1U) << base::name(code);
  }
}

TEST_F(RegisteredServiceTest, DoesNotMindHowManyInstancesThereHaveBeen) {
  for (int i = 0; i < 5000; ++i) {
    const std::string url = "http://h:" + std::to_string(i + 1) + "/x";
    put(url, says("1"));
    ASSERT_EQ(call().value(), "1") << url;
    ASSERT_TRUE(registry_.remove("x", url));
  }
}

TEST_F(RegisteredServiceTest, HoldsAnAnswerAgainstWhatWasRegistered) {
  const ServiceCard card{.output_schema =
                             json::parse(
                                 R"({"type":"object","required":["docs"],"properties":{"docs":
                                 {"type":"array","items":{"type":"string"}}}})")
                                 .as_object()};
  put("http://a/x", says(R"({"docs":["a",5]})"), card);
  const auto lies = call();
  ASSERT_FALSE(lies);
  EXPECT_EQ(lies.error().code, ErrorCode::internal);
  EXPECT_EQ(lies.error().message,
            "the service 'x' at http://a/x: its answer is not what it registered: /docs/1: "
            "expected a string, found a number");
  put("http://a/x", says(R"({"docs":["a"]})"), card);
  EXPECT_TRUE(call());
}

TEST_F(RegisteredServiceTest, IsNotAskedWhatItDoesNotTake) {
  put("http://a/x", says("1"),
      {.input_schema = {{"required", {"text"}}, {"properties", {{"text", {{"type", "string"}}}}}}});
  const auto refused = call({{"text", 7}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(refused.error().message,
            "this is not what the service 'x' takes: /text: expected a string, found a number");
  EXPECT_TRUE(reached_.empty());
  EXPECT_TRUE(call({{"text", "a"}, {"more", 1}}));
}

}  // namespace
}  // namespace opaline::services
