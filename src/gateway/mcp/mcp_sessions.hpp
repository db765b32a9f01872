#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/cancellation.hpp"
#include "base/result.hpp"

namespace opaline::gateway {

class McpStream;

/// The sessions of clients, and which of their calls are running, so that another request can call
/// one off. A session belongs to the principal who opened it: for others there is none. Any thread.
class McpSessions {
 public:
  struct Opening {
    std::string principal;
    std::string version;  ///< Of the protocol, as negotiated.
    /// Of the older transport, where answers go: it then ends with the connection, not by age.
    std::weak_ptr<McpStream> stream;
  };
  /// A running call; when this dies, it can be called off no more.
  class [[nodiscard]] Running {
   public:
    Running(McpSessions& sessions, std::string session, std::string call)
        : sessions_(&sessions), session_(std::move(session)), call_(std::move(call)) {}
    ~Running();
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

   private:
    McpSessions* sessions_;
    std::string session_;
    std::string call_;
  };
  struct Caller {
    const std::string& session;
    const std::string& principal;
  };

  /// @return the id of a new session, which nobody can guess. Above limits::kMcpSessions the one
  /// that was unused for longest ends. @error resource_exhausted: limits::kMcpStreams are open.
  [[nodiscard]] base::Result<std::string> open(Opening opening);
  /// The session's version, and marks it as used. Nothing: there is no such session of theirs.
  [[nodiscard]] std::optional<std::string> find_version(Caller caller);
  [[nodiscard]] std::shared_ptr<McpStream> find_stream(Caller caller);
  /// Ends it and its calls. @return whether there was one.
  bool close(Caller caller);

  /// @param call the request's id, as JSON. @param executor where the call runs.
  /// @error not_found: no such session; already_exists: a call of that id is running;
  /// resource_exhausted: limits::kMcpCalls are.
  [[nodiscard]] base::Result<std::unique_ptr<Running>> enter(
      Caller caller, std::string call, boost::asio::any_io_executor executor,
      std::weak_ptr<base::Cancellation> cancellation);
  /// Calls it off, if it is still running.
  void cancel(Caller caller, const std::string& call);

  [[nodiscard]] std::size_t size() const;

 private:
  struct Call {
    boost::asio::any_io_executor executor;
    std::weak_ptr<base::Cancellation> cancellation;
  };
  struct Session {
    std::string principal;
    std::string version;
    std::weak_ptr<McpStream> stream;
    bool streams = false;
    std::uint64_t used = 0;
    std::map<std::string, Call> calls;
  };

  // Under the mutex.
  [[nodiscard]] Session* find(Caller caller);
  void make_room();
  static void stop(const Call& call);

  mutable std::mutex mutex_;
  std::map<std::string, Session, std::less<>> sessions_;
  std::size_t streams_ = 0;
  std::uint64_t now_ = 0;  // Counts uses.
};

}  // namespace opaline::gateway
