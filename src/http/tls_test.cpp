#include "http/tls.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "http/client.hpp"
#include "http/test_peer.hpp"

namespace opaline::http {
namespace {

using namespace std::chrono_literals;
using base::ErrorCode;
using test::Peer;
using test::ScriptedServer;

template <auto kFree>
struct Free {
  void operator()(auto* object) const { kFree(object); }
};

/// A key with a certificate that it signed itself, for `name`.
class Identity {
 public:
  explicit Identity(const char* name) : key_(EVP_EC_gen("P-256")), certificate_(X509_new()) {
    X509* certificate = certificate_.get();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key_.get());
    X509_NAME* subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
    X509_set_issuer_name(certificate, subject);
    const std::string alternative = "DNS:" + std::string(name);
    std::unique_ptr<X509_EXTENSION, Free<X509_EXTENSION_free>> extension(
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, alternative.c_str()));
    X509_add_ext(certificate, extension.get(), -1);
    EXPECT_GT(X509_sign(certificate, key_.get(), EVP_sha256()), 0);
  }

  [[nodiscard]] SSL_CTX* server_context() const {
    SSL_CTX* context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(context, certificate_.get());
    SSL_CTX_use_PrivateKey(context, key_.get());
    return context;
  }

  void write_certificate(const std::string& path) const {
    std::FILE* file = std::fopen(path.c_str(), "w");
    PEM_write_X509(file, certificate_.get());
    std::fclose(file);
  }

 private:
  std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>> key_;
  std::unique_ptr<X509, Free<X509_free>> certificate_;
};

/// Serves `replies`, one a request, on each connection.
class TlsServer {
 public:
  enum class End { properly, abruptly };
  TlsServer(const Identity& identity, std::vector<std::string> replies, End end = End::properly)
      : context_(identity.server_context()),
        server_([this, replies = std::move(replies), end](Peer& peer, int) {
          ++connections;
          std::unique_ptr<SSL, Free<SSL_free>> ssl(SSL_new(context_.get()));
          SSL_set_fd(ssl.get(), peer.descriptor());
          if (SSL_accept(ssl.get()) != 1) return;
          for (const std::string& reply : replies) {
            std::string request;
            char bytes[4096];
            while (request.find("\r\n\r\n") == request.npos) {
              const int got = SSL_read(ssl.get(), bytes, sizeof bytes);
              if (got <= 0) return;
              request.append(bytes, static_cast<std::size_t>(got));
            }
            SSL_write(ssl.get(), reply.data(), static_cast<int>(reply.size()));
          }
          if (end == End::properly) SSL_shutdown(ssl.get());
        }) {}

  [[nodiscard]] std::string url(const std::string& host) const {
    return "https://" + host + ":" + std::to_string(server_.port());
  }
  int connections = 0;

 private:
  std::unique_ptr<SSL_CTX, Free<SSL_CTX_free>> context_;
  ScriptedServer server_;
};

class Tls : public testing::Test {
 protected:
  void SetUp() override {
    path_ = std::filesystem::temp_directory_path() /
            ("opaline-tls-" + std::to_string(::getpid()) + ".pem");
    identity_.write_certificate(path_);
    ::setenv("SSL_CERT_FILE", path_.c_str(), 1);
  }
  void TearDown() override {
    ::unsetenv("SSL_CERT_FILE");
    std::filesystem::remove(path_);
  }

  static std::vector<base::Result<ClientResponse>> get(std::string url, int times = 1,
                                                       base::Context context = {}) {
    std::vector<base::Result<ClientResponse>> responses;
    test::run([](std::string to, int n, base::Context with,
                 std::vector<base::Result<ClientResponse>>* out) -> base::Task<> {
      Client client;
      for (int i = 0; i < n; ++i) {
        ClientRequest request;
        request.method = "GET";
        out->push_back(co_await client.send(*Endpoint::parse(to), std::move(request), with));
      }
    }(std::move(url), times, std::move(context), &responses));
    return responses;
  }

  Identity identity_{"localhost"};
  std::string path_;
};

const std::string kHello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

TEST_F(Tls, SendsSeveralRequestsOnOneConnection) {
  TlsServer server(identity_, {kHello, kHello, kHello});
  for (const auto& response : get(server.url("localhost"), 3)) {
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->body, "hello");
  }
  EXPECT_EQ(server.connections, 1);
}

TEST_F(Tls, RefusesACertificateOfAnUnknownAuthority) {
  const Identity stranger("localhost");
  TlsServer server(stranger, {kHello});
  const auto response = get(server.url("localhost")).front();
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::unavailable);
  EXPECT_NE(response.error().message.find("certificate"), std::string::npos)
      << response.error().message;
}

TEST_F(Tls, RefusesACertificateForAnotherName) {
  TlsServer server(identity_, {kHello});
  const auto response = get(server.url("127.0.0.1")).front();
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::unavailable);
  EXPECT_NE(response.error().message.find("trusted"), std::string::npos)
      << response.error().message;
}

TEST_F(Tls, RefusesAServerThatDoesNotSpeakIt) {
  ScriptedServer server([](Peer& peer, int) { peer.send("HTTP/1.1 400 Bad Request\r\n\r\n"); });
  const auto response = get("https://localhost:" + std::to_string(server.port())).front();
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::unavailable);
}

TEST_F(Tls, GivesUpAHandshakeThatHangs) {
  ScriptedServer server([](Peer& peer, int) { peer.read_to_end(); });
  base::Context context;
  context.deadline = std::chrono::steady_clock::now() + 50ms;
  const auto response =
      get("https://localhost:" + std::to_string(server.port()), 1, context).front();
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::deadline_exceeded);
}

TEST_F(Tls, TellsABodyThatWasCutOffFromOneThatEnded) {
  const std::string until_close = "HTTP/1.1 200 OK\r\n\r\nhello";
  {
    TlsServer server(identity_, {until_close});
    const auto response = get(server.url("localhost")).front();
    ASSERT_TRUE(response) << response.error().message << response.error().detail;
    EXPECT_EQ(response->body, "hello");
  }
  TlsServer server(identity_, {until_close}, TlsServer::End::abruptly);
  const auto response = get(server.url("localhost")).front();
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::unavailable);
}

}  // namespace
}  // namespace opaline::http
