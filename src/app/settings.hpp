#pragma once

#include <CLI/App.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "gateway/settings.hpp"

namespace opaline::app {

/// How one's own `llm` step answers from passages.
enum class AnswerMode {
  automatic,  ///< generate when a model was named, else extract (docs/evaluation.md says why).
  generate,   ///< The language model writes the answer.
  extract,    ///< The best-supported sentences, verbatim; needs no language model.
};

/// Where things are kept and found on this machine.
struct PlaceOptions {
  std::string data;    ///< Empty: $OPALINE_DATA, else ~/.local/share/opaline.
  std::string models;  ///< Empty: $OPALINE_MODELS, else models/ in the data folder.

  void add_to(CLI::App& command);
  [[nodiscard]] std::filesystem::path data_folder() const;
  [[nodiscard]] std::filesystem::path model_folder() const;
};

/// Where a server listens and whom it serves.
struct ListenOptions {
  std::optional<std::string> host;
  std::optional<std::uint16_t> port;
  std::size_t threads = 0;
  std::vector<std::string> keys;  ///< "NAME=REFERENCE" or a reference.
  int rate_limit = 0;             ///< Requests a minute; 0: none.
  int request_seconds = 120;
  std::size_t query_characters = limits::kQueryCharacters;
  std::vector<std::string> origins;
  std::string log_level = "info";
  std::string errors = "opaline";  ///< How OPEA's routes tell errors: opaline or opea.

  void add_to(CLI::App& command);
  /// @error invalid_argument: a key without a reference.
  [[nodiscard]] base::Result<gateway::GatewaySettings> gateway() const;
};

/// Everything that `opaline up` can be told.
struct UpSettings {
  std::string flow;  ///< A flow file; empty: the built-in ChatQnA.
  PlaceOptions places;
  ListenOptions listen;
  std::string embedding_model = "all-minilm-l6-v2";
  std::string reranking_model;  ///< A cross-encoder; empty: the embedding model reranks.
  std::string llm_model;        ///< Empty: gemma-3-270m, when one is needed.
  AnswerMode answer = AnswerMode::automatic;
  std::string sample;          ///< A folder to ingest on the first start.
  bool private_links = false;  ///< Links to private addresses may be ingested.
};

}  // namespace opaline::app
