#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "_core/engine.hpp"
#include "_core/mailbox.hpp"
#include "base/cancellation.hpp"
#include "base/context.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "http/client.hpp"

namespace opaline::python {

/// Where a service is asked, and how.
struct Target {
  http::Endpoint server;
  std::string path;
  std::string bearer;  ///< Sent as `Authorization: Bearer …` unless it is empty.

  /// @param url as MicroService.endpoint_path() gives it. @error invalid_argument: it is none.
  [[nodiscard]] static base::Result<Target> parse(std::string_view url, std::string bearer);
};

/// What a request of the megaservice passes on to each of its steps.
struct Journey {
  std::chrono::duration<double> step_time{2000};
  std::string traceparent;  ///< Of the caller's span; a new trace when it is empty.
  std::string request_id;

  [[nodiscard]] base::Context context(std::shared_ptr<base::Cancellation> cancellation) const;
};

/// POSTs `body` as JSON. The engine's thread. @error as http::Client::send.
base::Task<base::Result<WholeReply>> ask(std::shared_ptr<Engine> engine, Target target,
                                         std::string body, base::Context context);

/// POSTs `body` and leaves the reply's body to be read. A reply whose status is no success comes
/// whole, at most its first 64 KiB.
base::Task<base::Result<Letter>> ask_for_stream(std::shared_ptr<Engine> engine, Target target,
                                                std::string body, base::Context context);

/// One POST whose reply goes to a mailbox: a WholeReply, an OpenReply or an Error.
class Exchange {
 public:
  enum class Reply { whole, stream };

  /// Any thread.
  static std::shared_ptr<Exchange> start(Target target, std::string body, Journey journey,
                                         Reply reply, std::shared_ptr<Mailbox> mailbox,
                                         std::uint64_t to);
  /// Any thread. Nothing comes any more, or an Error.
  void cancel();

  Exchange(std::shared_ptr<Engine> engine, std::shared_ptr<base::Cancellation> cancellation)
      : engine_(std::move(engine)), cancellation_(std::move(cancellation)) {}

 private:
  std::shared_ptr<Engine> engine_;
  std::shared_ptr<base::Cancellation> cancellation_;
};

}  // namespace opaline::python
