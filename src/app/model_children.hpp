#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "contract/service.hpp"
#include "http/client.hpp"
#include "services/remote/child_process.hpp"
#include "services/remote/child_service.hpp"

namespace opaline::app {

/// The model processes of this platform: `opaline serve …` on Unix sockets, supervised. Started by
/// create(), loading while the listener is open already; stopped by stop().
class ModelChildren {
 public:
  struct Settings {
    std::filesystem::path sockets;          ///< A folder of ours.
    std::filesystem::path embedding_model;  ///< Empty: none.
    std::filesystem::path
        reranking_model;              ///< Empty: the embedding model reranks, if there is one.
    std::filesystem::path llm_model;  ///< Empty: none.
    std::string log_level = "info";
  };

  /// `client` must outlive it.
  [[nodiscard]] static base::Result<std::unique_ptr<ModelChildren>> create(const Settings& settings,
                                                                           http::Client& client);
  void stop();

  /// Null when there is no such model.
  [[nodiscard]] contract::Service* embedding() const { return embedding_.get(); }
  [[nodiscard]] contract::Service* reranking() const { return reranking_.get(); }
  [[nodiscard]] contract::Service* llm() const { return llm_.get(); }

 private:
  ModelChildren() = default;

  std::unique_ptr<services::ChildProcess> encoder_;
  std::unique_ptr<services::ChildProcess> ranker_;
  std::unique_ptr<services::ChildProcess> generator_;
  std::unique_ptr<services::ChildService> embedding_;
  std::unique_ptr<services::ChildService> reranking_;
  std::unique_ptr<services::ChildService> llm_;
};

}  // namespace opaline::app
