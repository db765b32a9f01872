#include "gateway/mcp/mcp_sessions.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/limits.hpp"
#include "base/random.hpp"

namespace opaline::gateway {

using base::ErrorCode;

McpSessions::Running::~Running() {
  const std::lock_guard lock(sessions_->mutex_);
  const auto found = sessions_->sessions_.find(session_);
  if (found != sessions_->sessions_.end()) found->second.calls.erase(call_);
}

base::Result<std::string> McpSessions::open(Opening opening) {
  constexpr std::size_t kIdBytes = 16;
  const bool streams = !opening.stream.expired();
  std::string id = base::random_hex(kIdBytes);
  const std::lock_guard lock(mutex_);
  if (streams && streams_ >= limits::kMcpStreams) {
    return base::fail(ErrorCode::resource_exhausted, "too many clients listen; this server takes " +
                                                         std::to_string(limits::kMcpStreams));
  }
  if (!streams) make_room();
  streams_ += streams ? 1 : 0;
  sessions_.emplace(id, Session{.principal = std::move(opening.principal),
                                .version = std::move(opening.version),
                                .stream = std::move(opening.stream),
                                .streams = streams,
                                .used = ++now_,
                                .calls = {}});
  return id;
}

void McpSessions::make_room() {
  if (sessions_.size() - streams_ < limits::kMcpSessions) return;
  auto oldest = sessions_.end();
  for (auto one = sessions_.begin(); one != sessions_.end(); ++one) {
    if (one->second.streams) continue;
    if (oldest == sessions_.end() || one->second.used < oldest->second.used) oldest = one;
  }
  if (oldest != sessions_.end()) sessions_.erase(oldest);
}

McpSessions::Session* McpSessions::find(Caller caller) {
  const auto found = sessions_.find(caller.session);
  if (found == sessions_.end() || found->second.principal != caller.principal) return nullptr;
  found->second.used = ++now_;
  return &found->second;
}

std::optional<std::string> McpSessions::find_version(Caller caller) {
  const std::lock_guard lock(mutex_);
  const Session* session = find(caller);
  return session == nullptr ? std::nullopt : std::optional(session->version);
}

std::shared_ptr<McpStream> McpSessions::find_stream(Caller caller) {
  const std::lock_guard lock(mutex_);
  const Session* session = find(caller);
  return session == nullptr ? nullptr : session->stream.lock();
}

void McpSessions::stop(const Call& call) {
  // A cancellation is requested on the thread of what it stops.
  boost::asio::post(call.executor, [cancellation = call.cancellation] {
    if (const auto held = cancellation.lock()) held->request();
  });
}

bool McpSessions::close(Caller caller) {
  const std::lock_guard lock(mutex_);
  const Session* session = find(caller);
  if (session == nullptr) return false;
  for (const auto& [id, call] : session->calls) stop(call);
  streams_ -= session->streams ? 1 : 0;
  sessions_.erase(caller.session);
  return true;
}

base::Result<std::unique_ptr<McpSessions::Running>> McpSessions::enter(
    Caller caller, std::string call, boost::asio::any_io_executor executor,
    std::weak_ptr<base::Cancellation> cancellation) {
  {
    const std::lock_guard lock(mutex_);
    Session* session = find(caller);
    if (session == nullptr) return base::fail(ErrorCode::not_found, "there is no such session");
    if (session->calls.contains(call))
      return base::fail(ErrorCode::already_exists, "a call with the id " + call + " is running");
    if (session->calls.size() >= limits::kMcpCalls) {
      return base::fail(ErrorCode::resource_exhausted,
                        std::to_string(limits::kMcpCalls) +
                            " calls of this session are running; wait for one to end");
    }
    session->calls.emplace(
        call, Call{.executor = std::move(executor), .cancellation = std::move(cancellation)});
  }
  return std::make_unique<Running>(*this, caller.session, std::move(call));
}

void McpSessions::cancel(Caller caller, const std::string& call) {
  const std::lock_guard lock(mutex_);
  const Session* session = find(caller);
  if (session == nullptr) return;
  const auto found = session->calls.find(call);
  if (found != session->calls.end()) stop(found->second);
}

std::size_t McpSessions::size() const {
  const std::lock_guard lock(mutex_);
  return sessions_.size();
}

}  // namespace opaline::gateway
