#include "contract/reranking_json.hpp"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "base/limits.hpp"
#include "base/random.hpp"
#include "contract/hit_json.hpp"
#include "contract/json.hpp"
#include "contract/json_writer.hpp"
#include "contract/retrieval_json.hpp"

namespace opaline::contract {
namespace json = boost::json;
namespace {

using base::ErrorCode;
using Style = RerankingForm::Style;

Style style_of(const Fields& fields) {
  if (fields.has("texts")) return Style::tei;
  if (fields.has("query") && fields.has("documents")) return Style::cohere;
  if (fields.has("initial_query")) return Style::document;
  if (fields.has("messages")) return Style::chat;
  return Style::openai;
}

std::string_view query_field(Style style) {
  switch (style) {
    case Style::document: return "initial_query";
    case Style::openai: return "input";
    case Style::chat: return "messages";
    case Style::tei:
    case Style::cohere: return "query";
  }
  std::unreachable();
}

std::string_view list_field(Style style) {
  switch (style) {
    case Style::document:
    case Style::openai:
    case Style::chat: return "retrieved_docs";
    case Style::tei: return "texts";
    case Style::cohere: return "documents";
  }
  std::unreachable();
}

std::string read_query(Fields& fields, Style style) {
  const std::string_view name = query_field(style);
  const json::value* value = fields.find(name);
  std::string query;
  if (value != nullptr) {
    query = style == Style::chat ? question_of_messages(*value) : fields.text(name).value_or("");
  }
  if (query.empty())
    fields.reject("field '" + std::string(name) + "' is required: the question to rank by");
  return query;
}

int read_kept(Fields& fields, Style style) {
  if (style == Style::tei) return 0;
  if (style != Style::cohere) return read_top_n(fields);
  return static_cast<int>(
      fields.integer("top_n", {.min = 0, .max = limits::kRerankTexts}).value_or(0));
}

bool replies_with_index(Style style) {
  return style == Style::openai || style == Style::tei || style == Style::cohere;
}

std::size_t index_of(const Hit& hit) {
  std::size_t index = 0;
  std::from_chars(hit.id.data(), hit.id.data() + hit.id.size(), index);
  return index;
}

double score_of(const Hit& hit) { return hit.scores.rerank.value_or(0); }

void write_texts(JsonWriter& writer, const std::vector<Hit>& hits) {
  writer.begin_array();
  for (const Hit& hit : hits) writer.value(hit.text);
  writer.end_array();
}

void write_hits(JsonWriter& writer, const std::vector<Hit>& hits) {
  writer.key("hits").begin_array();
  for (const Hit& hit : hits) write_hit(writer, hit, HitMembers::without_text_and_metadata);
  writer.end_array();
}

/// What is known of passages that were found here, so that an answer can cite them.
void write_origins(JsonWriter& writer, const std::vector<Hit>& hits) {
  const auto found_here = [](const Hit& hit) { return !hit.document_id.empty(); };
  if (std::ranges::any_of(hits, found_here)) write_hits(writer, hits);
}

/// OPEA's LLMParamsDoc with its defaults: the LLM microservice's input.
void write_llm_parameters(JsonWriter& writer, const RerankingReply& reply) {
  writer.begin_object()
      .field("id", base::random_hex(16))
      .null_field("model")
      .field("query", reply.query);
  writer.field("max_tokens", 1024)
      .field("max_new_tokens", 1024)
      .field("top_k", 10)
      .field("top_p", 0.95);
  writer.field("typical_p", 0.95).field("temperature", 0.01).key("frequency_penalty").raw("0.0");
  writer.key("presence_penalty").raw("0.0").field("repetition_penalty", 1.03).field("stream", true);
  writer.field("language", "auto")
      .null_field("input_guardrail_params")
      .null_field("output_guardrail_params");
  writer.null_field("chat_template");
  write_texts(writer.key("documents"), reply.hits);
  write_origins(writer, reply.hits);
  writer.end_object();
}

void write_reranked(JsonWriter& writer, const RerankingReply& reply) {
  writer.key("reranked_docs").begin_array();
  for (const Hit& hit : reply.hits) {
    writer.begin_object()
        .field("text", hit.text)
        .field("score", score_of(hit))
        .field("index", index_of(hit))
        .end_object();
  }
  writer.end_array();
}

void write_echo(JsonWriter& writer, const RerankingReply& reply, const json::object& echo) {
  writer.begin_object();
  for (const auto& [name, value] : echo) {
    const std::string_view key = name;
    const bool old = key == "reranked_docs" || key == "documents" || key == "hits";
    if (!old) writer.member(key, value);
  }
  writer.key("reranked_docs").begin_array();
  for (const Hit& hit : reply.hits) {
    writer.begin_object().field("text", hit.text).field("score", score_of(hit)).end_object();
  }
  writer.end_array();
  write_texts(writer.key("documents"), reply.hits);
  write_origins(writer, reply.hits);
  writer.end_object();
}

void write_tei(JsonWriter& writer, const RerankingReply& reply, bool return_text) {
  writer.begin_array();
  for (const Hit& hit : reply.hits) {
    writer.begin_object().field("index", index_of(hit));
    if (return_text) writer.field("text", hit.text);
    writer.field("score", score_of(hit)).end_object();
  }
  writer.end_array();
}

void write_cohere(JsonWriter& writer, const RerankingReply& reply, bool return_text) {
  writer.begin_object().field("id", base::random_hex(16)).key("results").begin_array();
  for (const Hit& hit : reply.hits) {
    writer.begin_object().field("index", index_of(hit)).field("relevance_score", score_of(hit));
    if (return_text) writer.key("document").begin_object().field("text", hit.text).end_object();
    writer.end_object();
  }
  writer.end_array().end_object();
}

/// Hands out each passage of a request once, by index or by text.
class Passages {
 public:
  explicit Passages(std::vector<Hit> hits) : hits_(std::move(hits)), taken_(hits_.size(), false) {}

  std::optional<Hit> take(std::size_t index) {
    if (index >= hits_.size() || taken_[index]) return {};
    taken_[index] = true;
    return std::move(hits_[index]);
  }
  std::optional<Hit> take(std::string_view text) {
    for (std::size_t i = 0; i < hits_.size(); ++i) {
      if (!taken_[i] && hits_[i].text == text) return take(i);
    }
    return {};
  }

 private:
  std::vector<Hit> hits_;
  std::vector<bool> taken_;
};

base::Result<const json::array*> ranked_list(const json::value& value) {
  if (value.is_array()) return &value.get_array();
  if (value.is_object()) {
    for (const std::string_view name : {"reranked_docs", "results", "documents"}) {
      const json::value* list = value.get_object().if_contains(name);
      if (list != nullptr && list->is_array()) return &list->get_array();
    }
  }
  return base::fail(ErrorCode::invalid_argument,
                    "not a list of ranked passages, but " + quoted(value));
}

base::Result<Hit> read_ranked(const json::value& item, Passages& passages,
                              const std::string& path) {
  std::optional<Hit> hit;
  if (item.is_string()) {
    hit = passages.take(item.get_string());
  } else if (item.is_object()) {
    Fields fields(item.get_object(), path + ".");
    const auto index = fields.integer("index", {.min = 0});
    const auto text = fields.has("index") ? std::nullopt : fields.text("text");
    const auto score =
        fields.number(fields.has("relevance_score") ? "relevance_score" : "score", {});
    OPALINE_TRY_DO(fields.check());
    if (index) hit = passages.take(static_cast<std::size_t>(*index));
    if (text) hit = passages.take(std::string_view(*text));
    if (hit && score) hit->scores.rerank = *score;
  }
  if (!hit)
    return base::fail(ErrorCode::invalid_argument,
                      path + " names no passage that was sent, or one twice");
  return std::move(*hit);
}

}  // namespace

base::Result<RerankingCall> read_reranking_request(std::string_view body) {
  OPALINE_TRY(json::object object, parse_json_object(body));
  Fields fields(object);
  RerankingCall call;
  const Style style = call.form.style = style_of(fields);
  call.request.query = read_query(fields, style);
  const std::string list_name(list_field(style));
  const json::array* list = fields.array(list_name);
  if (list == nullptr) fields.reject("field '" + list_name + "' is required: the passages to rank");
  call.request.top_n = read_kept(fields, style);
  call.form.return_text =
      fields.flag(style == Style::cohere ? "return_documents" : "return_text").value_or(false);
  (void)fields.flag("raw_scores");  // Scores have one scale here, 0 to 1.
  const json::array* hits = fields.array("hits");
  OPALINE_TRY_DO(fields.check());
  OPALINE_TRY(call.request.hits, read_passages(*list, list_name, limits::kRerankTexts));
  if (hits != nullptr) OPALINE_TRY_DO(complete_passages(call.request.hits, *hits));
  if (replies_with_index(style)) {
    for (std::size_t i = 0; i < call.request.hits.size(); ++i)
      call.request.hits[i].id = std::to_string(i);
  }
  if (style == Style::chat) call.form.echo = std::move(object);
  return call;
}

std::string write_reranking_request(const RerankingRequest& request, Style style,
                                    PassageDetail detail) {
  JsonWriter writer;
  writer.begin_object().field(query_field(style), request.query).key(list_field(style));
  if (style == Style::openai || style == Style::document) {
    writer.begin_array();
    for (const Hit& hit : request.hits) writer.begin_object().field("text", hit.text).end_object();
    writer.end_array();
  } else {
    write_texts(writer, request.hits);
  }
  if (style != Style::tei) {
    const auto all = static_cast<int>(request.hits.size());
    writer.field("top_n", request.top_n > 0 ? request.top_n : std::max(all, 1));
  }
  if (detail == PassageDetail::hit) write_hits(writer, request.hits);
  writer.end_object();
  return std::move(writer).take();
}

std::string write_reranking_reply(const RerankingReply& reply, const RerankingForm& form) {
  JsonWriter writer;
  switch (form.style) {
    case Style::document: write_llm_parameters(writer, reply); break;
    case Style::openai:
      writer.begin_object();
      write_reranked(writer, reply);
      writer.end_object();
      break;
    case Style::chat: write_echo(writer, reply, form.echo); break;
    case Style::tei: write_tei(writer, reply, form.return_text); break;
    case Style::cohere: write_cohere(writer, reply, form.return_text); break;
  }
  return std::move(writer).take();
}

base::Result<RerankingReply> read_reranking_reply(std::string_view body, RerankingRequest request) {
  OPALINE_TRY(const json::value value, parse_json(body));
  OPALINE_TRY(const json::array* list, ranked_list(value));
  RerankingReply reply{.query = std::move(request.query), .hits = {}};
  Passages passages(std::move(request.hits));
  for (const json::value& item : *list) {
    OPALINE_TRY(Hit hit,
                read_ranked(item, passages, "[" + std::to_string(reply.hits.size()) + "]"));
    reply.hits.push_back(std::move(hit));
  }
  const bool scored =
      std::ranges::all_of(reply.hits, [](const Hit& hit) { return hit.scores.rerank.has_value(); });
  if (scored && !std::ranges::is_sorted(reply.hits, std::greater<>(), score_of)) {
    std::ranges::sort(reply.hits, std::greater<>(), score_of);
  }
  if (request.top_n > 0 && reply.hits.size() > static_cast<std::size_t>(request.top_n)) {
    reply.hits.resize(static_cast<std::size_t>(request.top_n));
  }
  return reply;
}

}  // namespace opaline::contract
