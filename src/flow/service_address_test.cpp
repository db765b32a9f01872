#include "flow/service_address.hpp"

#include <gtest/gtest.h>

namespace opaline::flow {
namespace {

TEST(SplitUrl, SeparatesOriginAndPath) {
  const struct {
    std::string_view text, origin, path;
  } cases[] = {
      {"http://localhost:8081/v1/add", "http://localhost:8081", "/v1/add"},
      {"https://api.example.com/v1", "https://api.example.com", "/v1"},
      {"http://10.0.0.7:80", "http://10.0.0.7:80", ""},
      {"http://host/", "http://host", ""},
      {"http://[::1]:9000/rerank", "http://[::1]:9000", "/rerank"},
      {"HTTP://Host:1/x", "HTTP://Host:1", "/x"},
      {"unix:/run/embedding.sock", "unix:/run/embedding.sock", ""},
  };
  for (const auto& one : cases) {
    const auto address = split_url(one.text);
    ASSERT_TRUE(address) << one.text << ": " << address.error();
    EXPECT_EQ(address->origin, one.origin);
    EXPECT_EQ(address->path, one.path);
  }
}

TEST(SplitUrl, SaysWhatIsWrong) {
  const struct {
    std::string text, message;
  } cases[] = {
      {"http://", "the URL has no host"},
      {"http:///x", "the URL has no host"},
      {"http://a b/", "expected a URL: http://host:port/path"},
      {"://x", "expected a URL: http://host:port/path"},
      {"http://h:99999/", "the port of the URL is no number 1 … 65535"},
      {"http://h:/", "the port of the URL is no number 1 … 65535"},
      {"http://h:99999999999999999999/", "the port of the URL is no number 1 … 65535"},
      {"http://h:0/", "the port of the URL is no number 1 … 65535"},
      {"ftp://h/x", "a service is reached by http://, https:// or unix:"},
      {"file:///etc/passwd", "a service is reached by http://, https:// or unix:"},
      {"http://user:secret@h/", "a password must not stand in the file; use 'api_key: env:NAME'"},
      {"http://h/x?key=1", "the URL of a service has no '?' and no '#'"},
      {"http://h/x#y", "the URL of a service has no '?' and no '#'"},
      {"http://${HOST}:80", "variables are not replaced in a flow file; write the URL out"},
      {"unix:relative", "a socket has an absolute path: unix:/run/service.sock"},
      {"unix://run/x", "a socket has an absolute path: unix:/run/service.sock"},
      {"unix:/" + std::string(107, 'x'), "the path of a socket has at most 107 bytes"},
      {"http://h/" + std::string(2048, 'x'), "a URL has at most 2048 bytes"},
  };
  for (const auto& one : cases) {
    const auto address = split_url(one.text);
    ASSERT_FALSE(address) << one.text;
    EXPECT_EQ(address.error(), one.message) << one.text;
  }
}

TEST(EndpointPath, IsAnAbsolutePathOfPlainCharacters) {
  for (const std::string_view right : {"/", "/v1/embeddings", "/a-b_c.d~e/%20"}) {
    EXPECT_TRUE(is_endpoint_path(right)) << right;
  }
  for (const std::string& wrong :
       {std::string(), std::string("v1"), std::string("//x"), std::string("/a b"),
        std::string("/a?b"), std::string("/a#b"), std::string("/ä"), std::string("/a\nb"),
        "/" + std::string(512, 'x')}) {
    EXPECT_FALSE(is_endpoint_path(wrong)) << wrong;
  }
}

TEST(LocalAddress, KnowsThisMachine) {
  EXPECT_EQ(local_address("localhost"), "127.0.0.1");
  EXPECT_EQ(local_address("127.0.0.1"), "127.0.0.1");
  EXPECT_EQ(local_address("0.0.0.0"), "0.0.0.0");
  EXPECT_EQ(local_address("::1"), "::1");
  EXPECT_EQ(local_address("[::]"), "::");
  EXPECT_EQ(local_address("10.0.0.1"), "");
  EXPECT_EQ(local_address("tei"), "");
  EXPECT_EQ(local_address(""), "");
  EXPECT_TRUE(is_ip_address("10.0.0.1"));
  EXPECT_FALSE(is_ip_address("tei"));
}

}  // namespace
}  // namespace opaline::flow
