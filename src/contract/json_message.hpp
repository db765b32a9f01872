#pragma once

#include <boost/json/value.hpp>
#include <functional>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "base/task.hpp"

namespace opaline::contract {

struct StepReport;
/// Called on the request's thread. Must not throw. What it refers to must outlive the run and its
/// stream.
using StepObserver = std::function<void(const StepReport&)>;

/// What a service of one's own is asked: any JSON.
struct JsonRequest {
  boost::json::value body;
  bool stream = false;         ///< The caller would take a ByteStream.
  StepObserver observer = {};  ///< A service that is a flow tells it of its steps; may be empty.
};

/// What it answers: any JSON.
struct JsonReply {
  boost::json::value body;
};

/// What it answers when that is no JSON, "audio/wav" for one.
struct BytesReply {
  std::string content_type;
  std::string bytes;
};

/// An answer as it comes, byte for byte: usually server-sent events. Destroying it stops the
/// service.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  [[nodiscard]] virtual const std::string& content_type() const = 0;
  /// The next bytes (never empty), or nothing at the proper end. An error ends the stream too.
  virtual base::Task<base::Result<std::optional<std::string>>> next() = 0;
};

}  // namespace opaline::contract
