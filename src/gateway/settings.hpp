#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "base/limits.hpp"

namespace opaline::gateway {

/// One API key: who it stands for, and where its secret is. The secret itself is never in a
/// settings file.
struct ApiKey {
  std::string name;       ///< The principal in logs and limits.
  std::string reference;  ///< "env:NAME", "file:/path" (its first line) or "sha256:" and 64 hex
                          ///< digits of the key.
};

/// A token bucket for each key, or each peer without keys.
struct RateLimit {
  int requests_per_minute = 0;  ///< 0: no limit, and none of it is installed.
  int burst = 0;                ///< Requests at once; 0: as many as a minute allows.
};

/// How errors are told at OPEA's routes.
enum class ErrorForm {
  opaline,  ///< {"error": {…}}, with OPEA's "detail" beside it.
  opea,     ///< As OPEA 1.5 does, and nothing else.
};

/// What an operator may decide about the gateway; docs/settings.md explains each.
struct GatewaySettings {
  std::vector<ApiKey> keys;  ///< Empty: everyone may ask.
  RateLimit rate_limit;
  std::size_t query_characters =
      limits::kQueryCharacters;  ///< Code points of a question; 0: no limit.
  std::size_t body_bytes = limits::kBodyBytes;
  std::size_t service_body_bytes =
      32 * 1024 * 1024;  ///< Of a call to one service: many texts at once.
  std::size_t upload_bytes = limits::kUploadBytes;
  std::chrono::milliseconds request_time = limits::kRequestTime;
  std::chrono::milliseconds ingest_time =
      std::chrono::minutes(30);  ///< Of an upload and a wait for its jobs.
  std::chrono::milliseconds heartbeat =
      std::chrono::seconds(10);  ///< Silence before a comment on a stream.
  std::chrono::milliseconds job_poll = std::chrono::milliseconds(250);
  /// Passages that an answer rests on when the request does not say; 0: OPEA's own defaults (4
  /// found, 1 kept).
  int answer_sources = 0;
  int search_candidates = 10;  ///< Passages that reranking chooses from, at least.
  /// Web origins that may use the API from their pages ("https://app.example.org"), besides our
  /// own; "*": all.
  std::vector<std::string> origins;
  /// Host names that browsers may use for this server; empty: all. Set it on a loopback address: it
  /// stops other sites' pages from reaching the server by a DNS name of theirs that points here.
  std::vector<std::string> hosts;
  ErrorForm errors = ErrorForm::opaline;
  std::string version = "0.1.0";
  std::string answer_mode = "generate";  ///< Told to the console: generate or extract.
};

}  // namespace opaline::gateway
