#pragma once

#include <chrono>
#include <cstddef>

#include "services/dataprep/chunker.hpp"
#include "services/dataprep/document_parser.hpp"
#include "services/dataprep/link_fetcher.hpp"

namespace opaline::services::dataprep {

struct DataprepSettings {
  ParserSettings parser;
  LinkSettings links;
  ChunkParameters chunks;
  std::size_t parsers = 2;    ///< Parser processes at once: as many as there are cores.
  std::size_t documents = 8;  ///< Worked on at once …
  std::size_t large_documents =
      1;  ///< … of which this many large ones, so that small ones are never behind them all.
  std::size_t large_bytes = std::size_t{4} << 20;
  std::size_t embedding_texts = 64;    ///< In one request.
  std::size_t embedding_requests = 2;  ///< At once, of one document.
  std::chrono::milliseconds embedding_time{
      300'000};  ///< For one request; the queue in front of the model may be long.
  std::chrono::milliseconds retry_first{
      250};  ///< Pause after the first unavailable answer; it doubles each time …
  std::chrono::milliseconds retry_longest{15'000};  ///< … up to this.
  /// How long a document waits for a service that is down (a model that restarts) before it is
  /// given up.
  std::chrono::milliseconds outage_longest{10 * 60 * 1000};
};

}  // namespace opaline::services::dataprep
