#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "gateway/settings.hpp"
#include "http/message.hpp"

namespace opaline::gateway {

/// Knows the API keys, by their SHA-256 only. Immutable: any thread.
class Authenticator {
 public:
  /// Reads the secrets that `keys` refer to. @error invalid_argument, naming the key: a reference
  /// that is none of the three forms, an unset variable, an unreadable file, or a secret of less
  /// than kSecretCharacters.
  [[nodiscard]] static base::Result<Authenticator> create(const std::vector<ApiKey>& keys);

  static constexpr std::size_t kSecretCharacters = 8;

  /// The name of the key in `Authorization: Bearer` or `X-API-Key`; "anonymous" when no keys are
  /// configured.
  /// @error unauthenticated: no key or a wrong one; the message does not say which.
  [[nodiscard]] base::Result<std::string> principal(const http::Headers& headers) const;
  [[nodiscard]] bool required() const { return !keys_.empty(); }

 private:
  struct Key {
    std::string name;
    std::string digest;  // 64 hex digits.
  };
  std::vector<Key> keys_;
};

}  // namespace opaline::gateway
