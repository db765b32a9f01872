#include "http/endpoint.hpp"

#include <gtest/gtest.h>

namespace opaline::http {
namespace {

using Scheme = Endpoint::Scheme;

TEST(Endpoint, ReadsItsForms) {
  const std::pair<const char*, Endpoint> cases[] = {
      {"http://localhost:8080", {Scheme::http, "localhost", 8080, ""}},
      {"http://localhost", {Scheme::http, "localhost", 80, ""}},
      {"HTTP://host/", {Scheme::http, "host", 80, ""}},
      {"http://host:1/v1/base//", {Scheme::http, "host", 1, "/v1/base"}},
      {"https://api.example.com/v1", {Scheme::https, "api.example.com", 443, "/v1"}},
      {"https://10.0.0.1:8443", {Scheme::https, "10.0.0.1", 8443, ""}},
      {"http://[::1]:8080/x", {Scheme::http, "::1", 8080, "/x"}},
      {"http://[::1]", {Scheme::http, "::1", 80, ""}},
      {"unix:/run/a.sock", {Scheme::unix_socket, "/run/a.sock", 0, ""}},
      {"unix:///run/a.sock", {Scheme::unix_socket, "/run/a.sock", 0, ""}},
      {"unix:/run/a.sock:/v1/", {Scheme::unix_socket, "/run/a.sock", 0, "/v1"}},
  };
  for (const auto& [url, expected] : cases) {
    const auto parsed = Endpoint::parse(url);
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(*parsed, expected) << url;
    EXPECT_EQ(*Endpoint::parse(parsed->text()), expected) << parsed->text();
  }
}

TEST(Endpoint, QuotesWhatIsNone) {
  for (const char* url : {"",
                          "host",
                          "host:80",
                          "ftp://host",
                          "http:/host",
                          "http://",
                          "http://:80",
                          "http://host:",
                          "http://host:0",
                          "http://host:65536",
                          "http://host:99999",
                          "http://host:x",
                          "http://a b",
                          "http://user@host",
                          "http://host/a b",
                          "http://host/?x=1",
                          "http://host?x",
                          "http://host/#x",
                          "http://[::1",
                          "http://host/\r\nX: y",
                          "unix:",
                          "unix:a",
                          "unix:/a:/b?c",
                          "http://h\xC3\xA4"}) {
    const auto parsed = Endpoint::parse(url);
    ASSERT_FALSE(parsed) << url;
    EXPECT_EQ(parsed.error().code, base::ErrorCode::invalid_argument);
    EXPECT_NE(parsed.error().message.find("'" + std::string(url) + "'"), std::string::npos)
        << parsed.error().message;
  }
}

TEST(Endpoint, NamesThePortOnlyWhenItIsUnusual) {
  EXPECT_EQ(Endpoint::parse("http://a:80")->authority(), "a");
  EXPECT_EQ(Endpoint::parse("http://a:443")->authority(), "a:443");
  EXPECT_EQ(Endpoint::parse("https://a:443")->authority(), "a");
  EXPECT_EQ(Endpoint::parse("http://[::1]:81")->authority(), "[::1]:81");
  EXPECT_EQ(Endpoint::parse("unix:/a")->authority(), "localhost");
}

}  // namespace
}  // namespace opaline::http
