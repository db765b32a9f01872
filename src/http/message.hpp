#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/task.hpp"

namespace opaline::http {

/// Header fields in order of arrival; names compare without case.
class Headers {
 public:
  void add(std::string name, std::string value) {
    fields_.emplace_back(std::move(name), std::move(value));
  }
  /// Replaces every field of that name.
  void set(std::string_view name, std::string value);
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;
  /// The value, or "" when there is none.
  [[nodiscard]] std::string_view get(std::string_view name) const {
    return find(name).value_or("");
  }
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& fields() const {
    return fields_;
  }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

/// A request, whole: framing checked, body within its limit, path decoded and free of "..".
struct Request {
  std::string method;                                      ///< Upper case.
  std::string path;                                        ///< Percent-decoded, starts with "/".
  std::vector<std::pair<std::string, std::string>> query;  ///< Decoded name/value pairs.
  Headers headers;
  std::string body;
  std::string peer;  ///< "127.0.0.1:41234", or "unix".

  [[nodiscard]] std::optional<std::string_view> find_query(std::string_view name) const;
};

/// A body that is produced while it is sent, e.g. server-sent events. Dropping it stops its
/// producer.
class BodyStream {
 public:
  virtual ~BodyStream() = default;
  /// The next piece (never empty), or nothing at the end. An error ends the connection without a
  /// final chunk, so that the receiver sees that the body is broken.
  virtual base::Task<base::Result<std::optional<std::string>>> next() = 0;
};

struct Response {
  unsigned status = 200;
  Headers headers;
  std::string body;                    ///< Sent with Content-Length …
  std::unique_ptr<BodyStream> stream;  ///< … unless this is set: then chunked.

  [[nodiscard]] static Response json(unsigned status, std::string body);
  [[nodiscard]] static Response text(unsigned status, std::string body);
};

}  // namespace opaline::http
