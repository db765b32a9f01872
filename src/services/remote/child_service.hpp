#pragma once

#include <memory>

#include "contract/service.hpp"
#include "http/client.hpp"
#include "services/remote/child_process.hpp"
#include "services/remote/remote_service.hpp"

namespace opaline::services {

/// A service that a supervised child process provides. Calls wait while the child starts or
/// restarts, no longer than their deadline and limits::kModelStartTime. Any thread; the process and
/// the client must outlive it and its streams. Several services may share a process.
class ChildService final : public contract::Service {
 public:
  struct Settings {
    contract::ServiceKind kind = contract::ServiceKind::llm;
    std::string path;  ///< As RemoteSettings::path; reranking is best asked at "/rerank".
    std::string model;
  };

  /// @error as RemoteService::create.
  [[nodiscard]] static base::Result<std::unique_ptr<ChildService>> create(Settings settings,
                                                                          ChildProcess& process,
                                                                          http::Client& client);

  [[nodiscard]] contract::ServiceKind kind() const override { return remote_->kind(); }
  /// @error unavailable: it does not start in time, keeps failing, or ended while it answered;
  /// otherwise as RemoteService.
  base::Task<base::Result<contract::Reply>> call(contract::Request request,
                                                 base::Context context) override;
  [[nodiscard]] contract::Health health() const override;

 private:
  ChildService(ChildProcess& process, std::unique_ptr<RemoteService> remote);
  base::Task<base::Result<void>> wait_until_ready(base::Context context);
  /// Whether the process that was in its `life`th restart is gone, or goes within a moment.
  base::Task<bool> lost(std::uint64_t life, base::Context context);

  ChildProcess& process_;
  std::unique_ptr<RemoteService> remote_;
};

}  // namespace opaline::services
