#include "gateway/gateway_metrics.hpp"

#include <array>
#include <vector>

#include "base/assert.hpp"

namespace opaline::gateway {
namespace {

using base::ErrorCode;

constexpr std::array<std::string_view, 7> kStages = {
    "self_query", "query_expansion", "embedding", "retrieval", "reranking", "generation", "total"};
constexpr std::array kCodes = {
    ErrorCode::invalid_argument,    ErrorCode::not_found,         ErrorCode::already_exists,
    ErrorCode::unauthenticated,     ErrorCode::permission_denied, ErrorCode::resource_exhausted,
    ErrorCode::failed_precondition, ErrorCode::deadline_exceeded, ErrorCode::cancelled,
    ErrorCode::unavailable,         ErrorCode::internal};

// Buckets of the OpenTelemetry conventions for generative AI.
std::vector<double> token_bounds() { return {1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144}; }
std::vector<double> first_token_bounds() {
  return {0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10};
}
std::vector<double> per_token_bounds() {
  return {0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5};
}
// The default buckets of Python's client, which OPEA's dashboards were drawn with.
std::vector<double> python_bounds() {
  return {0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10};
}

std::string_view text(GatewayMetrics::Outcome outcome) {
  switch (outcome) {
    case GatewayMetrics::Outcome::success: return "success";
    case GatewayMetrics::Outcome::failed: return "failed";
    case GatewayMetrics::Outcome::cancelled: return "cancelled";
  }
  OPALINE_ASSERT(false);
}

double seconds(GatewayMetrics::Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

constexpr std::string_view kUsageHelp = "Tokens of one request to a model.";
constexpr std::string_view kTokensHelp = "Tokens read and written by the answering model.";
constexpr std::string_view kQueueHelp =
    "Work accepted and waiting: queries without a first token, ingestion jobs not done.";
const base::Labels kChat = {{"gen_ai_operation_name", "chat"}};

}  // namespace

std::string_view name(Stage stage) { return kStages[static_cast<std::size_t>(stage)]; }

std::optional<Stage> stage_of(contract::ServiceKind kind) {
  switch (kind) {
    case contract::ServiceKind::embedding: return Stage::embedding;
    case contract::ServiceKind::retrieval: return Stage::retrieval;
    case contract::ServiceKind::reranking: return Stage::reranking;
    case contract::ServiceKind::llm: return Stage::generation;
    case contract::ServiceKind::dataprep:
    case contract::ServiceKind::custom: break;
  }
  return {};
}

GatewayMetrics::GatewayMetrics(base::MetricRegistry& registry)
    : registry_(registry),
      pending_(
          registry.gauge("megaservice_request_pending", "Queries accepted and not yet ended.")),
      waiting_(registry.gauge("rag_queue_depth", kQueueHelp, {{"queue", "queries"}})),
      ingestion_queue_(registry.gauge("rag_queue_depth", kQueueHelp, {{"queue", "ingestion"}})),
      declined_(
          registry.counter("rag_declined_total", "Answers that say that the sources do not say.")),
      prompt_tokens_(registry.counter("rag_tokens_total", kTokensHelp, {{"type", "prompt"}})),
      completion_tokens_(
          registry.counter("rag_tokens_total", kTokensHelp, {{"type", "completion"}})),
      cached_tokens_(registry.counter("rag_tokens_total", kTokensHelp, {{"type", "cached"}})),
      input_usage_(registry.histogram(
          "gen_ai_client_token_usage", kUsageHelp,
          {{"gen_ai_operation_name", "chat"}, {"gen_ai_token_type", "input"}}, token_bounds())),
      output_usage_(registry.histogram(
          "gen_ai_client_token_usage", kUsageHelp,
          {{"gen_ai_operation_name", "chat"}, {"gen_ai_token_type", "output"}}, token_bounds())),
      time_to_first_token_(registry.histogram("gen_ai_server_time_to_first_token",
                                              "Seconds from request to first token of streams.",
                                              kChat, first_token_bounds())),
      time_per_token_(registry.histogram("gen_ai_server_time_per_output_token",
                                         "Seconds between two pieces of a streamed answer.", kChat,
                                         per_token_bounds())),
      request_duration_(registry.histogram("gen_ai_server_request_duration",
                                           "Seconds from request to its end.", kChat)),
      megaservice_first_token_(registry.histogram(
          "megaservice_first_token_latency",
          "First token latency of streams, seconds (OPEA's name).", {}, python_bounds())),
      megaservice_inter_token_(registry.histogram(
          "megaservice_inter_token_latency",
          "Latency between tokens of streams, seconds (OPEA's name).", {}, python_bounds())),
      megaservice_request_(registry.histogram("megaservice_request_latency",
                                              "Whole streams, seconds (OPEA's name).", {},
                                              python_bounds())) {
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    stages_[i] =
        &registry.histogram("rag_latency_seconds", "Seconds spent in each stage of a query.",
                            {{"stage", std::string(kStages[i])}});
  }
  for (std::size_t i = 0; i < errors_.size(); ++i) {
    errors_[i] = &registry.counter("rag_errors_total", "Errors told to clients, by code.",
                                   {{"code", std::string(base::name(kCodes[i]))}});
  }
  // There is no answer cache: no query is ever answered from one.
  registry
      .gauge("rag_cache_hit_rate",
             "Share of queries answered from a cache, 0 to 1; 0 without a cache.")
      .set(0);
}

void GatewayMetrics::query_ended(std::string_view route, Outcome outcome, Duration took) {
  registry_
      .counter("rag_queries_total", "Queries by route and how they ended.",
               {{"route", std::string(route)}, {"status", std::string(text(outcome))}})
      .add();
  if (outcome != Outcome::success) return;
  stage(Stage::total, took);
  request_duration_.record(seconds(took));
}

void GatewayMetrics::stage(Stage stage, Duration took) {
  stages_[static_cast<std::size_t>(stage)]->record(seconds(took));
}

void GatewayMetrics::error(ErrorCode code) { errors_[static_cast<std::size_t>(code)]->add(); }

void GatewayMetrics::request(std::string_view route, std::string_view method, unsigned status) {
  registry_
      .counter("http_requests_total", "Requests by route, method and class of status.",
               {{"handler", std::string(route)},
                {"method", std::string(method)},
                {"status", std::to_string(status / 100) + "xx"}})
      .add();
}

void GatewayMetrics::tokens(const contract::Usage& usage) {
  prompt_tokens_.add(static_cast<double>(usage.prompt_tokens));
  completion_tokens_.add(static_cast<double>(usage.completion_tokens));
  cached_tokens_.add(static_cast<double>(usage.cached_tokens));
  if (usage.total_tokens() == 0) return;  // Answered without a model.
  input_usage_.record(static_cast<double>(usage.prompt_tokens));
  output_usage_.record(static_cast<double>(usage.completion_tokens));
}

void GatewayMetrics::first_token(Duration after) {
  time_to_first_token_.record(seconds(after));
  megaservice_first_token_.record(seconds(after));
}

void GatewayMetrics::next_token(Duration after) {
  time_per_token_.record(seconds(after));
  megaservice_inter_token_.record(seconds(after));
}

void GatewayMetrics::stream_ended(Duration took) { megaservice_request_.record(seconds(took)); }

}  // namespace opaline::gateway
