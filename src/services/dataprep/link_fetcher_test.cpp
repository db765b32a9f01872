#include "services/dataprep/link_fetcher.hpp"

#include <gtest/gtest.h>

#include "http/server.hpp"
#include "services/dataprep/service_fixture.hpp"

namespace opaline::services::dataprep {
namespace {

using base::ErrorCode;

TEST(LinkFetcher, KnowsPublicAddresses) {
  const auto is = [](const char* address) {
    return is_public(boost::asio::ip::make_address(address));
  };
  for (const char* address : {"8.8.8.8", "172.32.0.1", "100.128.0.1", "198.20.0.1", "2a00:1450::1",
                              "64:ff9b::808:808", "::ffff:8.8.8.8", "2002:808:808::1"}) {
    EXPECT_TRUE(is(address)) << address;
  }
  for (const char* address : {"0.0.0.0",
                              "10.1.2.3",
                              "100.64.0.1",
                              "127.0.0.1",
                              "127.1.2.3",
                              "169.254.169.254",
                              "172.16.0.1",
                              "172.31.255.255",
                              "192.168.1.1",
                              "192.0.0.8",
                              "198.18.0.1",
                              "224.0.0.1",
                              "255.255.255.255",
                              "::",
                              "::1",
                              "::7f00:1",
                              "::ffff:127.0.0.1",
                              "::ffff:10.0.0.1",
                              "fe80::1",
                              "fc00::1",
                              "fd12::1",
                              "ff02::1",
                              "64:ff9b::a9fe:a9fe",
                              "64:ff9b:1::1",
                              "2002:7f00:1::1",
                              "2001::1",
                              "2001:db8::1",
                              "100::1"}) {
    EXPECT_FALSE(is(address)) << address;
  }
}

TEST(LinkFetcher, ChecksLinks) {
  EXPECT_TRUE(check_link("https://example.com/a?b=c#d").has_value());
  for (const std::string& link :
       std::vector<std::string>{"", "example.com", "ftp://h/x", "file:///etc/passwd", "gopher://h/",
                                "http://", "http:///x", "http://user:pw@h/", "http://h:0/",
                                "http://h:99999/", "http://h/ x", std::string(2000, 'x')}) {
    const auto result = check_link(link);
    ASSERT_FALSE(result.has_value()) << link;
    EXPECT_EQ(result.error().code, ErrorCode::invalid_argument);
  }
}

class Fetch : public testing::Test {
 protected:
  void SetUp() override {
    auto created = http::Server::create({.port = 0, .threads = 1}, &Fetch::answer, metrics_);
    ASSERT_TRUE(created.has_value()) << created.error().message;
    server_ = std::move(*created);
    server_->start();
  }
  void TearDown() override {
    if (server_) server_->stop(0s);
  }

  static base::Task<http::Response> answer(http::Request request, base::Context) {
    const auto redirect = [](std::string where) {
      http::Response response{.status = 302};
      response.headers.set("Location", where);
      return response;
    };
    if (request.path == "/page") {
      http::Response response{
          .status = 200,
          .body = "<html><p>page of " + std::string(request.headers.get("host")).substr(0, 9)};
      response.headers.set("Content-Type", "text/html; charset=utf-8");
      co_return response;
    }
    if (request.path == "/moved") co_return redirect("page");
    if (request.path == "/loop") co_return redirect("/loop");
    if (request.path == "/away") co_return redirect("ftp://h/x");
    if (request.path == "/inside") co_return redirect("http://169.254.169.254/latest/meta-data");
    if (request.path == "/large")
      co_return http::Response{.status = 200, .body = std::string(200'000, 'x')};
    if (request.path == "/busy") co_return http::Response::text(503, "");
    co_return http::Response::text(404, "");
  }

  base::Result<FetchedLink> fetch(
      const std::string& path,
      LinkSettings::PrivateNetworks networks = LinkSettings::PrivateNetworks::allow) {
    const LinkFetcher fetcher({.private_networks = networks, .bytes_max = 100'000}, client_);
    return run_task(
        fetcher.fetch("http://127.0.0.1:" + std::to_string(server_->port()) + path, {}));
  }

  base::MetricRegistry metrics_;
  http::Client client_;
  std::unique_ptr<http::Server> server_;
};

TEST_F(Fetch, ReadsPagesAndFollowsRedirects) {
  const auto page = fetch("/page");
  ASSERT_TRUE(page.has_value()) << page.error().message;
  EXPECT_EQ(page->bytes, "<html><p>page of 127.0.0.1");
  EXPECT_EQ(page->mime, "text/html; charset=utf-8");
  EXPECT_EQ(fetch("/moved")->bytes, page->bytes);
}

TEST_F(Fetch, SaysWhyThereIsNoDocument) {
  EXPECT_TRUE(fetch("/none").error().message.ends_with("answered with status 404"));
  EXPECT_EQ(fetch("/none").error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(fetch("/busy").error().code, ErrorCode::unavailable);
  EXPECT_TRUE(fetch("/loop").error().message.ends_with("leads on more than 5 times"));
  EXPECT_TRUE(fetch("/away").error().message.ends_with("is neither http nor https"));
  EXPECT_TRUE(fetch("/large").error().message.contains("is larger than"));
}

TEST_F(Fetch, GuardsTheInside) {
  EXPECT_EQ(fetch("/page", LinkSettings::PrivateNetworks::refuse).error().code,
            ErrorCode::permission_denied);
  const LinkFetcher fetcher({}, client_);
  for (const char* link : {"http://127.1/", "http://0x7f000001/", "http://2130706433/",
                           "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://localhost/",
                           "http://0.0.0.0/", "http://[64:ff9b::a9fe:a9fe]/"}) {
    const auto result = run_task(fetcher.fetch(link, {}));
    ASSERT_FALSE(result.has_value()) << link;
    EXPECT_TRUE(result.error().code == ErrorCode::permission_denied ||
                result.error().code == ErrorCode::unavailable)
        << link << result.error().message;
  }
}

TEST_F(Fetch, ALinkBecomesADocument) {
  TemporaryFolder folder;
  DataprepSettings settings = test_settings();
  settings.links.private_networks = LinkSettings::PrivateNetworks::allow;
  Workplace place(folder.path(), settings);
  const std::string link = "http://127.0.0.1:" + std::to_string(server_->port()) + "/page";
  const auto jobs = place.ingest({.links = {link}});
  const contract::Job job = place.wait(*jobs)[0];
  EXPECT_EQ(job.state, contract::JobState::ready) << job.error;
  ASSERT_EQ(place.documents().size(), 1U);
  EXPECT_EQ(place.documents()[0].source, link);
  EXPECT_EQ(place.documents()[0].mime, "text/html");
  EXPECT_GT(place.documents()[0].bytes, 0U);
  EXPECT_EQ(place.wait(*place.ingest({.links = {link}}))[0].state, contract::JobState::unchanged);
  const contract::Job busy =
      place.wait(*place.ingest({.links = {link.substr(0, link.size() - 4) + "busy"}}))[0];
  EXPECT_EQ(busy.state, contract::JobState::failed);
  EXPECT_TRUE(busy.error.ends_with("answered with status 503"));
}

}  // namespace
}  // namespace opaline::services::dataprep
