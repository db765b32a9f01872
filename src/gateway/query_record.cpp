#include "gateway/query_record.hpp"

#include "base/log.hpp"
#include "base/utf8.hpp"
#include "gateway/error_reply.hpp"

namespace opaline::gateway {
namespace {

using base::LogLevel;

double milliseconds(QueryRecord::Clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

}  // namespace

QueryRecord::QueryRecord(GatewayMetrics& metrics, std::string route, const base::Context& context)
    : metrics_(metrics),
      route_(std::move(route)),
      request_id_(context.request_id),
      trace_id_(context.trace.trace_id_hex()),
      principal_(context.principal) {
  metrics_.pending().add(1);
  metrics_.waiting().add(1);
  base::log(LogLevel::info, "query_received",
            {{"request_id", request_id_},
             {"trace_id", trace_id_},
             {"path", route_},
             {"principal", principal_}});
}

QueryRecord::~QueryRecord() {
  if (!ended_) failed({base::ErrorCode::cancelled, "the client left", ""}, 499);
}

void QueryRecord::question(std::string_view text) {
  base::log(LogLevel::debug, "query_text",
            {{"request_id", request_id_}, {"text", text}, {"characters", base::utf8_length(text)}});
}

void QueryRecord::step(const flow::StepReport& report, StepNames names) {
  metrics_.statistics().record(names == StepNames::own ? report.step : contract::name(report.kind),
                               report.took);
  if (report.usage) {
    spent(*report.usage);
    steps_told_usage_ = true;
  }
  if (report.kind == contract::ServiceKind::llm) {
    generation_ = generation_.value_or(Clock::duration::zero()) + report.took;
    generation_reported_ = Clock::now();
    return;
  }
  if (const auto stage = stage_of(report.kind)) metrics_.stage(*stage, report.took);
}

void QueryRecord::stage(Stage stage, Clock::duration took) {
  metrics_.statistics().record(name(stage), took);
  metrics_.stage(stage, took);
}

void QueryRecord::piece() {
  const auto now = Clock::now();
  if (!first_piece_) {
    first_piece_ = now;
    metrics_.first_token(now - begun_);
    answer_begins();
  } else {
    metrics_.next_token(now - last_piece_);
  }
  last_piece_ = now;
}

void QueryRecord::spent(const contract::Usage& usage) {
  usage_.prompt_tokens += usage.prompt_tokens;
  usage_.completion_tokens += usage.completion_tokens;
  usage_.cached_tokens += usage.cached_tokens;
  metrics_.tokens(usage);
}

void QueryRecord::answered(const contract::ChatReply& reply) {
  // Its last step has told that already where steps tell what they cost.
  if (!steps_told_usage_) spent(reply.usage);
  declined_ = reply.declined;
  if (declined_) metrics_.declined();
}

void QueryRecord::succeeded(unsigned status) {
  if (ended_) return;
  const double first_ms =
      first_piece_ ? milliseconds(*first_piece_ - begun_) : milliseconds(took());
  base::log(LogLevel::info, "query_success",
            {{"request_id", request_id_},
             {"trace_id", trace_id_},
             {"path", route_},
             {"principal", principal_},
             {"status", status},
             {"ms", milliseconds(took())},
             {"first_token_ms", first_ms},
             {"prompt_tokens", usage_.prompt_tokens},
             {"completion_tokens", usage_.completion_tokens},
             {"declined", declined_}});
  end(GatewayMetrics::Outcome::success);
}

void QueryRecord::failed(const base::Error& error, unsigned status) {
  if (ended_) return;
  const bool cancelled = error.code == base::ErrorCode::cancelled;
  base::log(cancelled ? LogLevel::debug : LogLevel::warning,
            cancelled ? "query_cancelled" : "query_failed",
            {{"request_id", request_id_},
             {"trace_id", trace_id_},
             {"path", route_},
             {"principal", principal_},
             {"status", status},
             {"ms", milliseconds(took())},
             {"code", base::name(error.code)},
             {"message", logged_message(error)},
             {"detail", error.detail}});
  end(cancelled ? GatewayMetrics::Outcome::cancelled : GatewayMetrics::Outcome::failed);
}

void QueryRecord::broke(const base::Error& error) {
  metrics_.error(error.code);
  failed(error, 200);
}

void QueryRecord::answer_begins() {
  if (waiting_) metrics_.waiting().add(-1);
  waiting_ = false;
}

void QueryRecord::end(GatewayMetrics::Outcome outcome) {
  ended_ = true;
  answer_begins();
  metrics_.pending().add(-1);
  const auto whole = took();
  if (generation_) {
    // A stream's generation lasts until its last piece; a plain reply's was over when the step was.
    const auto streamed =
        first_piece_ ? Clock::now() - generation_reported_ : Clock::duration::zero();
    metrics_.stage(Stage::generation, *generation_ + streamed);
  }
  metrics_.query_ended(route_, outcome, whole);
  if (outcome != GatewayMetrics::Outcome::success) return;
  std::optional<Clock::duration> first;
  if (first_piece_) {
    first = *first_piece_ - begun_;
    metrics_.stream_ended(whole);
  }
  metrics_.statistics().record(route_, whole, first);
}

}  // namespace opaline::gateway
