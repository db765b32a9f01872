#include "operations/evaluate/report.hpp"

#include <fmt/format.h>

#include "contract/json_writer.hpp"

namespace opaline::operations {
namespace {

double share(std::size_t part, std::size_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

std::string latency_text(const std::vector<StageLatency>& latency) {
  std::string text;
  for (const StageLatency& one : latency) {
    text += fmt::format("  {:<14} p50 {:8.1f} ms   p95 {:8.1f} ms\n", one.stage,
                        percentile(one.milliseconds, 0.5), percentile(one.milliseconds, 0.95));
  }
  return text;
}

void write_latency(contract::JsonWriter& json, const std::vector<StageLatency>& latency) {
  json.key("latency_ms").begin_object();
  for (const StageLatency& one : latency) {
    json.key(one.stage).begin_object();
    json.field("p50", percentile(one.milliseconds, 0.5))
        .field("p95", percentile(one.milliseconds, 0.95))
        .end_object();
  }
  json.end_object();
}

}  // namespace

std::string to_text(const RetrievalReport& report) {
  std::string text = fmt::format("{} questions, {}\n", report.questions,
                                 report.mode.empty() ? "default search" : report.mode);
  text += fmt::format("  hit@1 {:.3f}   hit@5 {:.3f}   hit@10 {:.3f}   (documents)\n", report.hit_1,
                      report.hit_5, report.hit_10);
  text += fmt::format("  hit@5 {:.3f}   (passages)\n", report.passages_hit_5);
  text += fmt::format("  MRR@10 {:.3f}   nDCG@10 {:.3f}   recall@10 {:.3f}\n",
                      report.reciprocal_rank_10, report.ndcg_10, report.recall_10);
  return text + latency_text(report.latency);
}

std::string to_text(const AnswersReport& report) {
  std::string text = fmt::format("{} answerable questions, {} unanswerable\n", report.answerable,
                                 report.unanswerable);
  text += fmt::format("  contained answers {:.3f}   exact {:.3f}   words {:.0f}\n",
                      report.contained, report.exact, report.answer_words);
  text += fmt::format("  refusals: precision {:.3f}   recall {:.3f}\n", report.refusal.precision(),
                      report.refusal.recall());
  text += fmt::format(
      "  citations {}: exact quote {:.3f}   supported {:.3f}   of a right document {:.3f}\n",
      report.citations, share(report.citations_exact, report.citations),
      share(report.citations_supported, report.citations),
      share(report.citations_relevant, report.citations_judged));
  return text + latency_text(report.latency);
}

std::string to_json(const RetrievalReport& report) {
  contract::JsonWriter json;
  json.begin_object().field("mode", report.mode).field("questions", report.questions);
  json.field("hit_1", report.hit_1).field("hit_5", report.hit_5).field("hit_10", report.hit_10);
  json.field("passages_hit_5", report.passages_hit_5).field("mrr_10", report.reciprocal_rank_10);
  json.field("ndcg_10", report.ndcg_10).field("recall_10", report.recall_10);
  write_latency(json, report.latency);
  json.key("outcomes").begin_array();
  for (const RetrievalOutcome& one : report.outcomes) {
    json.begin_object()
        .field("id", one.id)
        .field("question", one.question)
        .field("place", one.place)
        .end_object();
  }
  json.end_array().end_object();
  return std::move(json).take();
}

std::string to_json(const AnswersReport& report) {
  contract::JsonWriter json;
  json.begin_object()
      .field("answerable", report.answerable)
      .field("unanswerable", report.unanswerable);
  json.field("contained", report.contained).field("exact", report.exact);
  json.field("answer_words", report.answer_words);
  json.field("refusal_precision", report.refusal.precision())
      .field("refusal_recall", report.refusal.recall());
  json.field("citations", report.citations)
      .field("citation_exact", share(report.citations_exact, report.citations));
  json.field("citation_supported", share(report.citations_supported, report.citations));
  json.field("citation_relevant", share(report.citations_relevant, report.citations_judged));
  write_latency(json, report.latency);
  json.key("outcomes").begin_array();
  for (const AnswerOutcome& one : report.outcomes) {
    json.begin_object()
        .field("id", one.id)
        .field("question", one.question)
        .field("answer", one.answer);
    json.field("answerable", one.answerable)
        .field("declined", one.declined)
        .field("contained", one.contained)
        .end_object();
  }
  json.end_array().end_object();
  return std::move(json).take();
}

}  // namespace opaline::operations
