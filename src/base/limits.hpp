#pragma once

#include <chrono>
#include <cstddef>

/// Every limit of the platform, with its unit. What exceeds one gets an error that names it, never
/// more memory. A limit that an operator may change is a default here and a setting in
/// docs/settings.md.
namespace opaline::limits {

using namespace std::chrono_literals;

// HTTP, server side.
inline constexpr std::size_t kHeaderBytes = 64 * 1024;
inline constexpr std::size_t kHeaderCount = 100;
inline constexpr std::size_t kTargetBytes = 8 * 1024;
inline constexpr std::size_t kBodyBytes = 2 * 1024 * 1024;  ///< JSON requests.
inline constexpr std::size_t kUploadBytes =
    256 * 1024 * 1024;                             ///< One ingest request, all its files.
inline constexpr std::size_t kConnections = 4096;  ///< Per server.
inline constexpr auto kHeaderTime = 10s;           ///< From first byte to the end of the header.
inline constexpr auto kBodyTime = 300s;            ///< From header to the end of the body.
inline constexpr auto kBodyIdleTime = 30s;         ///< Between two reads of a body.
inline constexpr auto kIdleTime = 75s;             ///< Keep-alive without a request.
inline constexpr auto kWriteTime = 30s;            ///< One write to a slow client.
inline constexpr auto kRequestTime = 120s;         ///< Whole request, unless told otherwise.
inline constexpr std::size_t kChunkExtensionBytes = 256;  ///< Of one chunk of a body.
inline constexpr std::size_t kTrailerBytes =
    8 * 1024;  ///< Extensions of all chunks and trailers, of one body.
inline constexpr std::size_t kPipelinedBytes =
    64 * 1024;  ///< Read ahead while a request is answered.
inline constexpr std::size_t kWriteSliceBytes = 256 * 1024;  ///< What kWriteTime is given for.
inline constexpr auto kLingerTime = 2s;  ///< Reading on after a refusal, so that it is seen …
inline constexpr std::size_t kLingerBytes = 1024 * 1024;  ///< … and at most this much.
inline constexpr std::size_t kRefusedConnections = 64;  ///< Above kConnections, told so with a 503.

// HTTP, client side.
inline constexpr auto kConnectTime = 3s;
inline constexpr std::size_t kPooledConnections = 256;  ///< Idle, per endpoint and I/O thread.
inline constexpr auto kPooledTime = 60s;  ///< A connection idle for longer is not used again.
inline constexpr std::size_t kInterimReplies = 8;  ///< 1xx before the reply proper.
inline constexpr std::size_t kReplyBytes = 64 * 1024 * 1024;
inline constexpr std::size_t kEventBytes = 1024 * 1024;  ///< One server-sent event.
inline constexpr std::size_t kFormParts = 10'000;        ///< Of one multipart body.

// Requests.
inline constexpr std::size_t kQueryCharacters = 1000;
inline constexpr std::size_t kMessages = 256;
inline constexpr std::size_t kEmbeddingTexts = 2048;  ///< Texts in one embedding request.
inline constexpr std::size_t kSearchHits = 1000;
inline constexpr std::size_t kRerankTexts = 1000;
inline constexpr std::size_t kAnswerTokens = 4096;
inline constexpr std::size_t kJsonDepth = 32;

// Flows.
inline constexpr std::size_t kFlowFileBytes = 1024 * 1024;
inline constexpr std::size_t kFlowFileNodes = 20'000;  ///< YAML values, repeated ones included.
inline constexpr std::size_t kFlowFileDepth = 32;
inline constexpr std::size_t kFlowSteps = 256;
inline constexpr std::size_t kFlowEdges = 4096;
inline constexpr std::size_t kStepCacheBytes = 16 * 1024 * 1024;  ///< Of one step.
inline constexpr std::size_t kPatternBytes = 1024 * 1024;  ///< Of a compiled regular expression.

// Model Context Protocol.
inline constexpr std::size_t kMcpSessions = 4096;  ///< Above, the longest unused one ends.
inline constexpr std::size_t kMcpStreams = 512;    ///< Open connections of the older transport.
inline constexpr std::size_t kMcpCalls = 16;       ///< Running at once, of one session.
inline constexpr std::size_t kMcpBatch = 32;       ///< Messages of one batch.
inline constexpr std::size_t kMcpPage = 50;        ///< Tools of one list.
inline constexpr std::size_t kMcpUnsentBytes = 8 * 1024 * 1024;  ///< For a slow reader.
inline constexpr std::size_t kMcpSessionIdBytes = 1024;          ///< That another server gives us.
inline constexpr auto kMcpFarewellTime = 1s;  ///< To tell another server that a call is off.

// Documents.
inline constexpr std::size_t kDocumentBytes = 128 * 1024 * 1024;     ///< One file.
inline constexpr std::size_t kDocumentTextBytes = 64 * 1024 * 1024;  ///< Text out of one file.
inline constexpr std::size_t kDocumentChunks = 200'000;
inline constexpr std::size_t kArchiveBytes = 256 * 1024 * 1024;  ///< Unpacked, of one docx.
inline constexpr std::size_t kParserMemoryBytes = 1024UL * 1024 * 1024;
inline constexpr auto kParserTime = 60s;
inline constexpr std::size_t kSourceNameBytes = 1024;
inline constexpr std::size_t kMetadataBytes = 64 * 1024;
inline constexpr std::size_t kExactVectors = 200'000;  ///< Of a collection; above, by a graph.
inline constexpr std::size_t kTailVectors = 50'000;    ///< Added since the graph was built.
inline constexpr std::size_t kGraphVisits = 50'000;    ///< Vectors that a search by graph looks at.
inline constexpr std::size_t kQueuedJobs = 100'000;
inline constexpr int kJobAttempts = 3;

// Models.
inline constexpr std::size_t kEmbeddingTokens = 512;  ///< MiniLM's window; longer texts are cut.
inline constexpr std::size_t kQueuedGenerations = 64;
inline constexpr std::size_t kGenerationSequences = 16;
inline constexpr auto kModelStartTime = 60s;  ///< A child must answer within this.

// Services that register themselves.
inline constexpr std::size_t kRegisteredServices = 256;
inline constexpr std::size_t kServiceInstances = 64;  ///< Of one service.
inline constexpr std::size_t kServiceCardBytes = 64 * 1024;
inline constexpr auto kServiceLease = 3600s;

// Expressions and policies of flow files.
inline constexpr std::size_t kExpressionBytes = 4096;
inline constexpr std::size_t kExpressionDepth = 64;  ///< Operators and brackets inside another.
inline constexpr std::size_t kExpressionResultBytes =
    16 * 1024 * 1024;                                  ///< All that one evaluation builds.
inline constexpr std::size_t kPatternCharacters = 60;  ///< Of matches(), stars apart.
inline constexpr std::size_t kSwitchArms = 64;
inline constexpr std::size_t kMapItems = 1000;  ///< Elements that one step is run for.
inline constexpr std::size_t kMapConcurrency = 64;
inline constexpr int kStepAttempts = 10;         ///< The first one included.
inline constexpr int kExtraAttempts = 64;        ///< Of one request, over all its steps.
inline constexpr auto kStepTime = 3600s;         ///< The longest timeout, hedge or backoff.
inline constexpr auto kStepCacheTime = 86'400s;  ///< How long a reply may be used again.
inline constexpr std::size_t kSubFlowDepth = 8;  ///< Flows inside of flows.

}  // namespace opaline::limits
