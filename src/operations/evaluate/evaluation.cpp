#include "operations/evaluate/evaluation.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <optional>
#include <utility>

#include "base/words.hpp"
#include "contract/json_writer.hpp"

namespace opaline::operations {
namespace {

using base::ErrorCode;
using base::Result;
using Clock = std::chrono::steady_clock;

std::string text_of(const boost::json::object& object, std::string_view name) {
  const boost::json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

bool flag_of(const boost::json::object& object, std::string_view name, bool otherwise) {
  const boost::json::value* value = object.if_contains(name);
  return value != nullptr && value->is_bool() ? value->get_bool() : otherwise;
}

std::optional<std::size_t> number_of(const boost::json::object& object, std::string_view name) {
  const boost::json::value* value = object.if_contains(name);
  if (value == nullptr) return std::nullopt;
  boost::system::error_code error;
  const auto number = value->to_number<std::size_t>(error);
  return error ? std::nullopt : std::optional(number);
}

std::vector<boost::json::object> objects_of(const boost::json::object& object,
                                            std::string_view name) {
  std::vector<boost::json::object> found;
  const boost::json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_array()) return found;
  for (const boost::json::value& item : value->get_array()) {
    if (item.is_object()) found.push_back(item.get_object());
  }
  return found;
}

boost::json::object object_of(const boost::json::object& object, std::string_view name) {
  const boost::json::value* value = object.if_contains(name);
  return value != nullptr && value->is_object() ? value->get_object() : boost::json::object();
}

std::string encoded(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain =
        (byte < 0x80 && std::isalnum(byte) != 0) || std::string_view("-_.~").contains(c);
    if (plain)
      out += c;
    else
      (out += '%') += {kHex[byte >> 4], kHex[byte & 15]};
  }
  return out;
}

/// The server's error as ours: its message, and a code that says what to do about it.
base::Error error_of(const http::ClientResponse& response) {
  boost::system::error_code error;
  const boost::json::value body = boost::json::parse(response.body, error);
  std::string message;
  if (!error && body.is_object()) {
    const auto inner = object_of(body.get_object(), "error");
    message = text_of(inner, "message");
  }
  if (message.empty()) message = "HTTP status " + std::to_string(response.status);
  const bool ours = response.status >= 400 && response.status < 500;
  return {ours ? ErrorCode::invalid_argument : ErrorCode::unavailable,
          "the server answered: " + message, response.body};
}

std::vector<std::string> ranking(const boost::json::object& reply) {
  std::vector<std::string> documents;
  for (const auto& hit : objects_of(reply, "hits"))
    documents.push_back(document_name(text_of(hit, "source")));
  return documents;
}

bool any_answer(const Question& question, std::string_view text,
                bool (*compare)(std::string_view, std::string_view)) {
  return std::ranges::any_of(question.answers,
                             [&](const std::string& answer) { return compare(text, answer); });
}

/// An answer without its marks "[1]", which are no part of what it says.
std::string without_marks(std::string_view answer) {
  std::string text;
  for (std::size_t at = 0; at < answer.size(); ++at) {
    const std::size_t end = answer[at] == '[' ? answer.find(']', at) : std::string_view::npos;
    const bool mark = end != std::string_view::npos && end > at + 1 &&
                      std::ranges::all_of(answer.substr(at + 1, end - at - 1),
                                          [](char c) { return c >= '0' && c <= '9'; });
    if (mark)
      at = end;
    else
      text += answer[at];
  }
  return text;
}

base::Error about(const Question& question, base::Error error) {
  error.message = "question " + question.id + ": " + error.message;
  return error;
}

}  // namespace

base::Task<Result<boost::json::object>> Evaluation::ask(std::string method, std::string path,
                                                        std::string body) {
  http::ClientRequest request{.method = std::move(method),
                              .path = std::move(path),
                              .body = std::move(body),
                              .idempotent = true};
  request.headers.set("content-type", "application/json");
  if (!settings_.key.empty()) request.headers.set("authorization", "Bearer " + settings_.key);
  base::Context context = base::Context{}.within(settings_.question_time);
  OPALINE_CO_TRY(const auto response,
                 co_await client_.send(settings_.server, std::move(request), std::move(context)));
  if (response.status != 200) co_return base::fail(error_of(response));
  boost::system::error_code error;
  boost::json::value value = boost::json::parse(response.body, error);
  if (error || !value.is_object())
    co_return base::fail(ErrorCode::unavailable, "the server's reply is not a JSON object");
  co_return std::move(value.get_object());
}

base::Task<Result<boost::json::object>> Evaluation::timed_ask(std::string path, std::string body) {
  const auto start = Clock::now();
  OPALINE_CO_TRY(auto reply, co_await ask("POST", std::move(path), std::move(body)));
  const std::chrono::duration<double, std::milli> took = Clock::now() - start;
  for (const auto& stage : object_of(reply, "timings_ms")) {
    boost::system::error_code error;
    const double milliseconds = stage.value().to_number<double>(error);
    if (!error) note_latency(std::string(stage.key()), milliseconds);
  }
  note_latency("round trip", took.count());
  co_return reply;
}

void Evaluation::note_latency(const std::string& stage, double milliseconds) {
  auto found = std::ranges::find(latency_, stage, &StageLatency::stage);
  if (found == latency_.end())
    found = latency_.insert(latency_.end(), {.stage = stage, .milliseconds = {}});
  found->milliseconds.push_back(milliseconds);
}

base::Task<Result<RetrievalReport>> Evaluation::retrieval(std::vector<Question> questions) {
  std::erase_if(questions, [](const Question& question) { return question.relevant.empty(); });
  if (questions.empty())
    co_return base::fail(ErrorCode::invalid_argument, "no question names a relevant document");
  RetrievalReport report{.mode = settings_.mode, .questions = questions.size()};
  if (settings_.reranking == EvaluationSettings::Reranking::off) {
    report.mode += report.mode.empty() ? "no reranking" : ", no reranking";
  }
  latency_.clear();
  for (const Question& question : questions) {
    contract::JsonWriter body;
    body.begin_object()
        .field("query", question.text)
        .field("k", settings_.passages)
        .field("collection", settings_.collection);
    if (!settings_.mode.empty()) body.field("mode", settings_.mode);
    if (settings_.reranking == EvaluationSettings::Reranking::off) body.field("rerank", false);
    body.end_object();
    auto reply = co_await timed_ask("/v1/search", std::move(body).take());
    if (!reply) co_return base::fail(about(question, std::move(reply).error()));

    const std::vector<std::string> passages = ranking(*reply);
    const std::vector<std::string> documents = distinct(passages);
    report.hit_1 += hit(documents, question.relevant, 1);
    report.hit_5 += hit(documents, question.relevant, 5);
    report.hit_10 += hit(documents, question.relevant, 10);
    report.passages_hit_5 += hit(passages, question.relevant, 5);
    report.reciprocal_rank_10 += reciprocal_rank(documents, question.relevant, 10);
    report.ndcg_10 += ndcg(documents, question.relevant, 10);
    report.recall_10 += recall(documents, question.relevant, 10);
    const double inverse = reciprocal_rank(documents, question.relevant, documents.size());
    const auto place = inverse > 0 ? static_cast<std::size_t>(1 / inverse + 0.5) : 0;
    report.outcomes.push_back({.id = question.id, .question = question.text, .place = place});
    if (settings_.progress) settings_.progress(report.outcomes.size(), questions.size());
  }
  const auto count = static_cast<double>(questions.size());
  for (double* sum : {&report.hit_1, &report.hit_5, &report.hit_10, &report.passages_hit_5,
                      &report.reciprocal_rank_10, &report.ndcg_10, &report.recall_10}) {
    *sum /= count;
  }
  report.latency = std::move(latency_);
  co_return report;
}

base::Task<Result<AnswersReport>> Evaluation::answers(std::vector<Question> questions) {
  std::erase_if(questions, [](const Question& question) {
    return question.answerable && question.answers.empty();
  });
  if (questions.empty())
    co_return base::fail(ErrorCode::invalid_argument, "no question has a known answer");
  answers_ = {};
  latency_.clear();
  std::size_t answered = 0;
  for (const Question& question : questions) {
    contract::JsonWriter body;
    body.begin_object().field("query", question.text).field("top_k", settings_.top_k);
    if (settings_.collection != "default") body.field("collection", settings_.collection);
    body.end_object();
    auto reply = co_await timed_ask("/query", std::move(body).take());
    if (!reply) co_return base::fail(about(question, std::move(reply).error()));

    AnswerOutcome outcome{
        .id = question.id, .question = question.text, .answer = text_of(*reply, "answer")};
    outcome.answerable = question.answerable;
    outcome.declined = flag_of(*reply, "declined", false);
    const std::string said = without_marks(outcome.answer);
    outcome.contained =
        question.answerable && !outcome.declined && any_answer(question, said, contains_answer);
    if (question.answerable) {
      ++answers_.answerable;
      answers_.contained += outcome.contained;
      answers_.exact += !outcome.declined && any_answer(question, said, equals_answer);
      answers_.refusal.false_positives += outcome.declined;
    } else {
      ++answers_.unanswerable;
      answers_.refusal.true_positives += outcome.declined;
      answers_.refusal.false_negatives += !outcome.declined;
    }
    if (!outcome.declined) {
      ++answered;
      answers_.answer_words += static_cast<double>(base::words(said).size());
    }
    if (auto judged = co_await judge_citations(question, std::move(*reply)); !judged) {
      co_return base::fail(about(question, std::move(judged).error()));
    }
    answers_.outcomes.push_back(std::move(outcome));
    if (settings_.progress) settings_.progress(answers_.outcomes.size(), questions.size());
  }
  const auto answerable = static_cast<double>(std::max<std::size_t>(1, answers_.answerable));
  answers_.contained /= answerable;
  answers_.exact /= answerable;
  answers_.answer_words /= static_cast<double>(std::max<std::size_t>(1, answered));
  answers_.latency = std::move(latency_);
  co_return std::move(answers_);
}

base::Task<Result<void>> Evaluation::judge_citations(Question question, boost::json::object reply) {
  const std::vector<boost::json::object> sources = objects_of(reply, "sources");
  for (const boost::json::object& citation : objects_of(reply, "citations")) {
    const std::string quote = text_of(citation, "quote");
    const auto number = number_of(citation, "source");
    if (quote.empty()) continue;
    ++answers_.citations;
    answers_.citations_supported += flag_of(citation, "supported", true);
    if (!number || *number < 1 || *number > sources.size()) continue;
    const boost::json::object& source = sources[*number - 1];
    if (!question.relevant.empty()) {
      ++answers_.citations_judged;
      const auto judged = question.relevant.find(document_name(text_of(source, "source")));
      answers_.citations_relevant += judged != question.relevant.end() && judged->second > 0;
    }
    const boost::json::object span = object_of(citation, "source_span");
    const auto begin = number_of(span, "begin");
    const auto end = number_of(span, "end");
    OPALINE_CO_TRY(const std::string text, co_await document_text(text_of(source, "document_id")));
    const bool inside = begin && end && *begin <= *end && *end <= text.size();
    answers_.citations_exact += inside && text.substr(*begin, *end - *begin) == quote;
  }
  co_return Result<void>();
}

base::Task<Result<std::string>> Evaluation::document_text(std::string id) {
  if (const auto known = texts_.find(id); known != texts_.end()) co_return known->second;
  OPALINE_CO_TRY(const auto reply,
                 co_await ask("GET", "/v1/documents/" + encoded(id) + "/text", ""));
  co_return texts_.emplace(std::move(id), text_of(reply, "text")).first->second;
}

}  // namespace opaline::operations
