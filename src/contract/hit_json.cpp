#include "contract/hit_json.hpp"

#include <array>
#include <limits>
#include <utility>

namespace opaline::contract {
namespace json = boost::json;
namespace {

struct StageScore {
  std::string_view name;
  std::optional<double> StageScores::* score;
};
constexpr std::array kStages = {
    StageScore{"dense", &StageScores::dense},
    StageScore{"bm25", &StageScores::bm25},
    StageScore{"fused", &StageScores::fused},
    StageScore{"rerank", &StageScores::rerank},
};

void write_scores(JsonWriter& writer, const StageScores& scores) {
  writer.begin_object();
  for (const StageScore& stage : kStages) {
    if (scores.*stage.score) writer.field(stage.name, *(scores.*stage.score));
  }
  writer.end_object();
}

std::uint64_t natural(Fields& fields, std::string_view name) {
  return static_cast<std::uint64_t>(fields.integer(name, {.min = 0}).value_or(0));
}

std::optional<std::string> passage_text(const json::object& object) {
  for (const std::string_view name : {"text", "page_content", "content", "document"}) {
    if (const json::value* text = object.if_contains(name); text != nullptr && text->is_string()) {
      return std::string(text->get_string());
    }
  }
  return {};
}

}  // namespace

void write_span(JsonWriter& writer, Span span) {
  writer.begin_object().field("begin", span.begin).field("end", span.end).end_object();
}

void write_hit(JsonWriter& writer, const Hit& hit, HitMembers members) {
  writer.begin_object();
  write_hit_members(writer, hit, members);
  writer.end_object();
}

void write_hit_members(JsonWriter& writer, const Hit& hit, HitMembers members) {
  writer.field("id", hit.id).field("document_id", hit.document_id).field("source", hit.source);
  writer.field("title", hit.title).field("title_path", hit.title_path);
  if (members == HitMembers::all) writer.field("text", hit.text);
  write_span(writer.key("span"), hit.span);
  if (hit.page) writer.field("page", *hit.page);
  if (members == HitMembers::all) writer.field("metadata", hit.metadata);
  write_scores(writer.key("scores"), hit.scores);
}

Span read_span(Fields& fields, std::string_view name) {
  const json::object* object = fields.object(name);
  if (object == nullptr) return {};
  Fields nested(*object, fields.path() + std::string(name) + ".");
  const Span span{.begin = natural(nested, "begin"), .end = natural(nested, "end")};
  if (nested.good() && span.end < span.begin)
    nested.reject("end", "at least 'begin'", json::value(span.end));
  fields.adopt(nested.check());
  return span;
}

base::Result<Hit> read_hit(const json::object& object, std::string path) {
  Fields fields(object, std::move(path));
  Hit hit;
  hit.id = fields.text("id").value_or("");
  hit.document_id = fields.text("document_id").value_or("");
  hit.source = fields.text("source").value_or("");
  hit.title = fields.text("title").value_or("");
  hit.title_path = fields.text("title_path").value_or("");
  hit.text = fields.text("text").value_or("");
  hit.span = read_span(fields, "span");
  if (const auto page =
          fields.integer("page", {.min = 1, .max = std::numeric_limits<int>::max()})) {
    hit.page = static_cast<int>(*page);
  }
  if (const json::object* metadata = fields.object("metadata")) hit.metadata = *metadata;
  if (const json::object* scores = fields.object("scores")) {
    Fields nested(*scores, fields.path() + "scores.");
    for (const StageScore& stage : kStages) hit.scores.*stage.score = nested.number(stage.name, {});
    fields.adopt(nested.check());
  }
  OPALINE_TRY_DO(fields.check());
  return hit;
}

base::Result<Hit> read_passage(const json::value& value, const std::string& path) {
  Hit hit;
  if (value.is_string()) {
    hit.text = value.get_string();
    return hit;
  }
  std::optional<std::string> text;
  if (value.is_object()) text = passage_text(value.get_object());
  if (!text) {
    return base::fail(
        base::ErrorCode::invalid_argument,
        "field '" + path + "' must be a string or an object with a \"text\", got " + quoted(value));
  }
  hit.text = std::move(*text);
  Fields fields(value.get_object(), path + ".");
  hit.id = fields.text("id").value_or("");
  if (const json::object* metadata = fields.object("metadata")) hit.metadata = *metadata;
  if (const auto score = fields.number("score", {})) hit.scores.rerank = *score;
  OPALINE_TRY_DO(fields.check());
  return hit;
}

base::Result<std::vector<Hit>> read_passages(const json::array& list, const std::string& path,
                                             std::size_t count_max) {
  if (list.size() > count_max) {
    return base::fail(base::ErrorCode::invalid_argument,
                      "field '" + path + "' has " + std::to_string(list.size()) +
                          " entries; at most " + std::to_string(count_max) + " are allowed");
  }
  std::vector<Hit> passages;
  passages.reserve(list.size());
  for (const json::value& item : list) {
    OPALINE_TRY(Hit hit, read_passage(item, path + "[" + std::to_string(passages.size()) + "]"));
    passages.push_back(std::move(hit));
  }
  return passages;
}

base::Result<void> complete_passages(std::vector<Hit>& passages, const json::array& hits) {
  if (hits.size() != passages.size()) return {};
  for (std::size_t i = 0; i < hits.size(); ++i) {
    const std::string path = "hits[" + std::to_string(i) + "]";
    if (!hits[i].is_object()) {
      return base::fail(base::ErrorCode::invalid_argument,
                        "field '" + path + "' must be an object, got " + quoted(hits[i]));
    }
    OPALINE_TRY(Hit hit, read_hit(hits[i].get_object(), path + "."));
    Hit& passage = passages[i];
    hit.text = std::move(passage.text);
    if (hit.metadata.empty()) hit.metadata = std::move(passage.metadata);
    if (hit.id.empty()) hit.id = std::move(passage.id);
    if (!hit.scores.rerank) hit.scores.rerank = passage.scores.rerank;
    passage = std::move(hit);
  }
  return {};
}

}  // namespace opaline::contract
