#pragma once

#include <memory>
#include <string>

#include "app/settings.hpp"
#include "base/result.hpp"

namespace opaline::app {

/// What `opaline serve` can be told.
struct ServeSettings {
  std::string service;  ///< embedding, reranking, llm, retrieval or dataprep.
  std::string model;    ///< Name or file; empty: the default of the service.
  std::string socket;   ///< A Unix socket instead of host and port.
  PlaceOptions places;
  ListenOptions listen;
};

/// A process that plays single roles: their endpoints, health and metrics, without a flow. A model
/// is loaded before it listens, so that who can connect can use it.
class ServiceHost {
 public:
  /// @error a sentence: the model is missing or damaged, the port is taken, the data folder is in
  /// use.
  [[nodiscard]] static base::Result<std::unique_ptr<ServiceHost>> create(
      const ServeSettings& settings);
  virtual ~ServiceHost() = default;

  virtual void start() = 0;
  virtual void stop() = 0;
  /// "http://host:port" or "unix:/path".
  [[nodiscard]] virtual std::string url() const = 0;
};

}  // namespace opaline::app
