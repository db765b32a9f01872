#include "contract/retrieval_json.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <ranges>
#include <utility>

#include "base/limits.hpp"
#include "base/random.hpp"
#include "contract/hit_json.hpp"

namespace opaline::contract {
namespace json = boost::json;
namespace {

using base::ErrorCode;
using Style = RetrievalForm::Style;
using Type = SearchParameters::Type;
using Mode = SearchParameters::Mode;
using Fusion = SearchParameters::Fusion;

template <class Value>
using Names = std::span<const std::pair<std::string_view, Value>>;

constexpr std::array<std::pair<std::string_view, Type>, 4> kTypes = {{
    {"similarity", Type::similarity},
    {"similarity_score_threshold", Type::similarity_score_threshold},
    {"similarity_distance_threshold", Type::similarity_distance_threshold},
    {"mmr", Type::mmr},
}};
constexpr std::array<std::pair<std::string_view, Mode>, 3> kModes = {
    {{"hybrid", Mode::hybrid}, {"dense", Mode::dense}, {"keyword", Mode::keyword}}};
constexpr std::array<std::pair<std::string_view, Fusion>, 3> kFusions = {
    {{"weighted", Fusion::weighted},
     {"reciprocal_rank", Fusion::reciprocal_rank},
     {"rrf", Fusion::reciprocal_rank}}};

template <class Value, std::size_t N>
void read_name(Fields& fields, std::string_view field,
               const std::array<std::pair<std::string_view, Value>, N>& names, Value& value) {
  const auto text = fields.text(field);
  if (!text) return;
  std::string expected;
  for (const auto& [name, meaning] : names) {
    if (name == *text) {
      value = meaning;
      return;
    }
    expected += (expected.empty() ? "one of \"" : "\", \"") + std::string(name);
  }
  fields.reject(field, expected + "\"", *fields.find(field));
}

template <class Value, std::size_t N>
std::string_view name_of(const std::array<std::pair<std::string_view, Value>, N>& names,
                         Value value) {
  return std::ranges::find(names, value, &std::pair<std::string_view, Value>::second)->first;
}

std::optional<int> count(Fields& fields, std::string_view name) {
  const auto number = fields.integer(name, {.min = 0, .max = limits::kSearchHits});
  if (!number || *number == 0) return {};
  return static_cast<int>(*number);
}

std::vector<float> read_floats(Fields& fields, std::string_view name, const json::array& list) {
  std::vector<float> floats;
  floats.reserve(list.size());
  for (const json::value& item : list) {
    boost::system::error_code error;
    const double number = item.to_number<double>(error);
    if (error || !std::isfinite(number)) {
      fields.reject(std::string(name) + "[" + std::to_string(floats.size()) + "]", "a number",
                    item);
      return {};
    }
    floats.push_back(static_cast<float>(number));
  }
  return floats;
}

std::string read_document_text(Fields& fields) {
  auto texts = fields.texts("text").value_or(std::vector<std::string>());
  if (texts.size() > 1)
    fields.reject("field 'text' must be one question; send one request for each");
  return texts.empty() ? std::string() : std::move(texts.front());
}

void write_documents(JsonWriter& writer, const std::vector<Hit>& hits) {
  writer.key("retrieved_docs").begin_array();
  for (const Hit& hit : hits) {
    writer.begin_object().key("downstream_black_list").begin_array().end_array();
    writer.field("id", hit.id).field("text", hit.text).end_object();
  }
  writer.end_array();
}

void write_passages(JsonWriter& writer, const std::vector<Hit>& hits) {
  writer.key("retrieved_docs").begin_array();
  for (const Hit& hit : hits) {
    writer.begin_object().field("text", hit.text).field("metadata", hit.metadata).end_object();
  }
  writer.end_array();
}

void write_extensions(JsonWriter& writer, const RetrievalReply& reply) {
  writer.key("hits").begin_array();
  for (const Hit& hit : reply.hits) write_hit(writer, hit, HitMembers::without_text_and_metadata);
  writer.end_array();
  if (!reply.warnings.empty()) writer.field("warnings", reply.warnings);
}

void write_echo(JsonWriter& writer, const RetrievalReply& reply, const json::object& echo) {
  for (const auto& [name, value] : echo) {
    const std::string_view key = name;
    if (key == "retrieved_docs" || key == "documents" || key == "hits" || key == "warnings")
      continue;
    writer.member(key, value);
  }
  write_passages(writer, reply.hits);
  writer.key("documents").begin_array();
  for (const Hit& hit : reply.hits) writer.value(hit.text);
  writer.end_array();
}

void attach_metadata(std::vector<Hit>& hits, const json::array& metadata) {
  if (metadata.size() != hits.size())
    return;  // OPEA leaves out what has none: then nobody knows whose it is.
  for (std::size_t i = 0; i < hits.size(); ++i) {
    if (hits[i].metadata.empty() && metadata[i].is_object())
      hits[i].metadata = metadata[i].get_object();
  }
}

}  // namespace

SearchFields read_search_parameters(Fields& fields) {
  SearchFields found;
  SearchParameters& search = found.search;
  read_name(fields, "search_type", kTypes, search.type);
  if (const auto k = count(fields, "k")) {
    search.k = *k;
    found.explicit_k = true;
  }
  search.fetch_k = std::max(count(fields, "fetch_k").value_or(search.fetch_k), search.k);
  search.lambda_mult =
      fields.number("lambda_mult", {.min = 0, .max = 1}).value_or(search.lambda_mult);
  search.score_threshold =
      fields.number("score_threshold", {.min = 0, .max = 1}).value_or(search.score_threshold);
  search.distance_threshold = fields.number("distance_threshold", {.min = 0, .max = 2});
  read_name(fields, "mode", kModes, search.mode);
  read_name(fields, "fusion", kFusions, search.fusion);
  search.dense_weight = fields.number("dense_weight", {.min = 0, .max = 1});
  if (auto name = fields.text("index_name")) search.collection = std::move(*name);
  if (auto name = fields.text("collection")) search.collection = std::move(*name);
  if (search.collection.empty()) search.collection = "default";
  // OPEA calls it "constraints".
  if (const auto* filter = fields.object(fields.has("filter") ? "filter" : "constraints"))
    search.filter = *filter;
  return found;
}

std::vector<float> read_embedding(Fields& fields, std::string_view name) {
  const json::value* value = fields.find(name);
  if (value == nullptr) return {};
  const std::string_view expected = "a list of numbers or an embedding reply";
  const json::value* list = value;
  if (value->is_object()) {
    const json::value* data = value->get_object().if_contains("data");
    const bool has_one = data != nullptr && data->is_array() && !data->get_array().empty() &&
                         data->get_array()[0].is_object();
    list = has_one ? data->get_array()[0].get_object().if_contains("embedding") : nullptr;
  } else if (value->is_array() && value->get_array().size() == 1 &&
             value->get_array()[0].is_array()) {
    list = &value->get_array()[0];  // A list of one vector.
  }
  if (list == nullptr || !list->is_array()) {
    fields.reject(name, expected, *value);
    return {};
  }
  return read_floats(fields, name, list->get_array());
}

int read_top_n(Fields& fields) {
  const auto top_n = fields.integer("top_n", {.min = 0, .max = limits::kRerankTexts});
  return top_n && *top_n > 0 ? static_cast<int>(*top_n) : 1;
}

std::string question_of_messages(const json::value& messages) {
  if (messages.is_string()) return std::string(messages.get_string());
  if (!messages.is_array()) return {};
  for (const json::value& item : messages.get_array() | std::views::reverse) {
    if (!item.is_object()) continue;
    const json::value* role = item.get_object().if_contains("role");
    const json::value* content = item.get_object().if_contains("content");
    if (role == nullptr || content == nullptr || *role != "user") continue;
    if (content->is_string()) return std::string(content->get_string());
    if (!content->is_array()) return {};
    std::string text;
    for (const json::value& part : content->get_array()) {
      const json::value* piece = part.is_object() ? part.get_object().if_contains("text") : nullptr;
      if (piece == nullptr || !piece->is_string()) continue;
      if (!text.empty()) text += '\n';
      text += piece->get_string();
    }
    return text;
  }
  return {};
}

base::Result<RetrievalCall> read_retrieval_request(std::string_view body) {
  OPALINE_TRY(json::object object, parse_json_object(body));
  Fields fields(object);
  RetrievalCall call;
  RetrievalRequest& request = call.request;
  if (fields.has("text")) {
    call.form.style = Style::document;
    request.text = read_document_text(fields);
  } else if (fields.has("messages")) {
    call.form.style = Style::chat;
    request.text = question_of_messages(*fields.find("messages"));
    if (request.text.empty()) fields.reject("field 'messages' must hold a user message with text");
  } else {
    call.form.style = Style::openai;
    request.text = fields.text("input").value_or("");
  }
  request.embedding = read_embedding(fields, "embedding");
  request.search = read_search_parameters(fields).search;
  request.top_n = read_top_n(fields);
  if (request.text.empty() && request.embedding.empty()) {
    fields.reject("field 'text' (or 'input') is required: the question to search for");
  }
  OPALINE_TRY_DO(fields.check());
  if (call.form.style == Style::chat) call.form.echo = std::move(object);
  return call;
}

std::string write_retrieval_request(const RetrievalRequest& request) {
  const SearchParameters& search = request.search;
  const SearchParameters defaults;
  JsonWriter writer;
  writer.reserve(512 + request.text.size() + 12 * request.embedding.size());
  writer.begin_object().field("text", request.text).field("embedding", request.embedding);
  writer.field("search_type", name_of(kTypes, search.type)).field("k", search.k);
  writer.key("distance_threshold");
  search.distance_threshold ? writer.value(*search.distance_threshold) : writer.null();
  writer.field("fetch_k", search.fetch_k).field("lambda_mult", search.lambda_mult);
  writer.field("score_threshold", search.score_threshold).field("id", base::random_hex(16));
  if (search.collection != defaults.collection) writer.field("index_name", search.collection);
  if (!search.filter.empty()) writer.field("constraints", search.filter);
  if (search.mode != defaults.mode) writer.field("mode", name_of(kModes, search.mode));
  if (search.fusion != defaults.fusion) writer.field("fusion", name_of(kFusions, search.fusion));
  if (search.dense_weight) writer.field("dense_weight", *search.dense_weight);
  writer.end_object();
  return std::move(writer).take();
}

std::string write_retrieval_reply(const RetrievalReply& reply, const RetrievalForm& form) {
  JsonWriter writer;
  writer.begin_object();
  switch (form.style) {
    case Style::document:
      writer.field("id", base::random_hex(16));
      write_documents(writer, reply.hits);
      writer.field("initial_query", reply.query).field("top_n", reply.top_n);
      writer.key("metadata").begin_array();
      for (const Hit& hit : reply.hits) writer.value(hit.metadata);
      writer.end_array();
      break;
    case Style::openai: write_passages(writer, reply.hits); break;
    case Style::chat: write_echo(writer, reply, form.echo); break;
  }
  write_extensions(writer, reply);
  writer.end_object();
  return std::move(writer).take();
}

base::Result<RetrievalReply> read_retrieval_reply(std::string_view body) {
  OPALINE_TRY(const json::object object, parse_json_object(body));
  Fields fields(object);
  RetrievalReply reply;
  const json::array* documents = fields.array("retrieved_docs");
  if (documents == nullptr) fields.reject("field 'retrieved_docs' is required");
  reply.query = fields.text("initial_query").value_or("");
  reply.top_n = read_top_n(fields);
  if (const auto warnings = fields.texts("warnings")) reply.warnings = *warnings;
  const json::array* metadata = fields.array("metadata");
  const json::array* hits = fields.array("hits");
  OPALINE_TRY_DO(fields.check());
  OPALINE_TRY(reply.hits, read_passages(*documents, "retrieved_docs", limits::kSearchHits));
  if (metadata != nullptr) attach_metadata(reply.hits, *metadata);
  if (hits != nullptr) OPALINE_TRY_DO(complete_passages(reply.hits, *hits));
  return reply;
}

}  // namespace opaline::contract
