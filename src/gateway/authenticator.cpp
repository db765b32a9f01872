#include "gateway/authenticator.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "base/digest.hpp"

namespace opaline::gateway {
namespace {

using base::ErrorCode;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const auto begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

bool is_digest(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

base::Result<std::string> secret(const ApiKey& key) {
  const std::string_view reference = key.reference;
  if (reference.starts_with("env:")) {
    const std::string variable(reference.substr(4));
    const char* value = std::getenv(variable.c_str());
    if (value == nullptr) {
      return base::fail(
          ErrorCode::invalid_argument,
          fmt::format("API key '{}': the environment variable {} is not set", key.name, variable));
    }
    return std::string(trimmed(value));
  }
  if (reference.starts_with("file:")) {
    const std::string path(reference.substr(5));
    std::ifstream file(path);
    std::string line;
    if (!std::getline(file, line)) {
      return base::fail(ErrorCode::invalid_argument,
                        fmt::format("API key '{}': cannot read the file {}", key.name, path));
    }
    return std::string(trimmed(line));
  }
  return base::fail(
      ErrorCode::invalid_argument,
      fmt::format("API key '{}': expected env:NAME, file:/path or sha256:<64 hex digits>, so that "
                  "no secret stands in a settings file",
                  key.name));
}

base::Result<std::string> digest(const ApiKey& key) {
  if (key.reference.starts_with("sha256:")) {
    std::string hex = key.reference.substr(7);
    if (is_digest(hex)) return hex;
    return base::fail(
        ErrorCode::invalid_argument,
        fmt::format("API key '{}': sha256: needs 64 lower-case hex digits", key.name));
  }
  OPALINE_TRY(const std::string found, secret(key));
  if (found.size() < Authenticator::kSecretCharacters) {
    return base::fail(ErrorCode::invalid_argument,
                      fmt::format("API key '{}': the secret has {} characters; {} are the least",
                                  key.name, found.size(), Authenticator::kSecretCharacters));
  }
  return base::sha256_hex(found);
}

// Looks at every byte whatever they are, so that the time taken tells nothing about them.
bool same(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  }
  return difference == 0;
}

bool starts_with_bearer(std::string_view value) {
  constexpr std::string_view kScheme = "bearer ";
  return value.size() > kScheme.size() &&
         std::ranges::equal(value.substr(0, kScheme.size()), kScheme, [](char a, char b) {
           return (a >= 'A' && a <= 'Z' ? a + ('a' - 'A') : a) == b;
         });
}

std::string_view presented(const http::Headers& headers) {
  if (const auto key = headers.find("X-API-Key")) return trimmed(*key);
  const std::string_view value = trimmed(headers.get("Authorization"));
  return starts_with_bearer(value) ? trimmed(value.substr(7)) : std::string_view();
}

}  // namespace

base::Result<Authenticator> Authenticator::create(const std::vector<ApiKey>& keys) {
  Authenticator made;
  for (const ApiKey& key : keys) {
    OPALINE_TRY(std::string hex, digest(key));
    made.keys_.push_back({key.name, std::move(hex)});
  }
  return made;
}

base::Result<std::string> Authenticator::principal(const http::Headers& headers) const {
  if (keys_.empty()) return "anonymous";
  const std::string digest = base::sha256_hex(presented(headers));
  const Key* found = nullptr;
  for (const Key& key : keys_) {
    if (same(key.digest, digest)) found = &key;
  }
  if (found != nullptr) return found->name;
  return base::fail(
      ErrorCode::unauthenticated,
      "this server needs a valid API key: send 'Authorization: Bearer KEY' or 'X-API-Key: KEY'");
}

}  // namespace opaline::gateway
