#include "contract/chat_reply_json.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/json_text.hpp"
#include "base/random.hpp"
#include "base/utf8.hpp"
#include "contract/hit_json.hpp"
#include "contract/json.hpp"
#include "contract/json_writer.hpp"

namespace opaline::contract {
namespace json = boost::json;
namespace {

using base::ErrorCode;
using Kind = ChatEnvelope::Kind;

// --- Writing

void write_usage(JsonWriter& writer, const Usage& usage) {
  writer.begin_object()
      .field("prompt_tokens", usage.prompt_tokens)
      .field("total_tokens", usage.total_tokens());
  writer.field("completion_tokens", usage.completion_tokens);
  if (usage.cached_tokens > 0) {
    writer.key("prompt_tokens_details")
        .begin_object()
        .field("cached_tokens", usage.cached_tokens)
        .end_object();
  }
  writer.end_object();
}

const Hit* source_of(const ChatReply& reply, const Citation& citation) {
  const bool known =
      citation.source >= 1 && static_cast<std::size_t>(citation.source) <= reply.sources.size();
  return known ? &reply.sources[static_cast<std::size_t>(citation.source) - 1] : nullptr;
}

/// OpenAI counts characters, we count bytes.
std::size_t characters(std::string_view answer, std::uint64_t bytes) {
  return base::utf8_length(answer.substr(0, std::min<std::uint64_t>(bytes, answer.size())));
}

void write_annotations(JsonWriter& writer, const ChatReply& reply, std::string_view answer) {
  writer.key("annotations").begin_array();
  for (const Citation& citation : reply.citations) {
    const Hit* source = source_of(reply, citation);
    if (source == nullptr) continue;
    writer.begin_object().field("type", "url_citation").key("url_citation").begin_object();
    writer.field("start_index", characters(answer, citation.answer_span.begin));
    writer.field("end_index", characters(answer, citation.answer_span.end));
    writer.field("url", source->source).field("title", source->title).end_object().end_object();
  }
  writer.end_array();
}

void write_sources(JsonWriter& writer, const ChatReply& reply) {
  writer.key("sources").begin_array();
  for (std::size_t i = 0; i < reply.sources.size(); ++i) {
    const auto cites = [&](const Citation& citation) {
      return citation.source == static_cast<int>(i) + 1;
    };
    const auto citation = std::ranges::find_if(reply.citations, cites);
    writer.begin_object().field("index", i + 1).field("score", reply.sources[i].score());
    if (citation != reply.citations.end()) writer.field("quote", citation->quote);
    write_hit_members(writer, reply.sources[i], HitMembers::all);
    writer.end_object();
  }
  writer.end_array();
}

void write_citations(JsonWriter& writer, const ChatReply& reply) {
  writer.key("citations").begin_array();
  for (const Citation& citation : reply.citations) {
    writer.begin_object().field("source", citation.source);
    write_span(writer.key("answer_span"), citation.answer_span);
    write_span(writer.key("source_span"), citation.source_span);
    writer.field("quote", citation.quote).field("supported", citation.supported).end_object();
  }
  writer.end_array();
}

bool has_extensions(const ChatReply& reply) {
  return reply.declined || !reply.sources.empty() || !reply.citations.empty() ||
         !reply.warnings.empty();
}

void write_extensions(JsonWriter& writer, const ChatReply& reply) {
  if (!reply.sources.empty()) write_sources(writer, reply);
  if (!reply.citations.empty()) write_citations(writer, reply);
  if (reply.declined) writer.field("declined", true);
  if (!reply.warnings.empty()) writer.field("warnings", reply.warnings);
}

std::string_view object_name(Kind kind, bool chunk) {
  if (kind == Kind::completion) return "text_completion";
  return chunk ? "chat.completion.chunk" : "chat.completion";
}

void write_head(JsonWriter& writer, const ChatEnvelope& envelope, std::string_view object,
                const std::string& model) {
  writer.field("id", envelope.id)
      .field("object", object)
      .field("created", envelope.created)
      .field("model", model);
}

std::string as_event(JsonWriter writer) { return "data: " + std::move(writer).take() + "\n\n"; }

// --- Reading

std::optional<FinishReason> finish_reason(Fields& choice) {
  const auto text = choice.text("finish_reason");
  if (!text) return {};
  if (*text == "length") return FinishReason::length;
  if (*text == "content_filter") return FinishReason::content_filter;
  return FinishReason::stop;  // TGI says "eos_token", others "tool_calls".
}

std::uint64_t natural(Fields& fields, std::string_view name) {
  return static_cast<std::uint64_t>(fields.integer(name, {.min = 0}).value_or(0));
}

std::optional<Usage> read_usage(Fields& fields) {
  const json::object* object = fields.object("usage");
  if (object == nullptr) return {};
  Fields nested(*object, "usage.");
  Usage usage{.prompt_tokens = natural(nested, "prompt_tokens"),
              .completion_tokens = natural(nested, "completion_tokens")};
  if (const json::object* details = nested.object("prompt_tokens_details")) {
    Fields inner(*details, "usage.prompt_tokens_details.");
    usage.cached_tokens = natural(inner, "cached_tokens");
    nested.adopt(inner.check());
  }
  fields.adopt(nested.check());
  return usage;
}

base::Result<Citation> read_citation(const json::value& value, const std::string& path) {
  if (!value.is_object())
    return base::fail(ErrorCode::invalid_argument, "field '" + path + "' must be an object");
  Fields fields(value.get_object(), path + ".");
  Citation citation;
  citation.source = static_cast<int>(
      fields.integer("source", {.min = 1, .max = std::numeric_limits<int>::max()}).value_or(1));
  citation.answer_span = read_span(fields, "answer_span");
  citation.source_span = read_span(fields, "source_span");
  citation.quote = fields.text("quote").value_or("");
  citation.supported = fields.flag("supported").value_or(true);
  OPALINE_TRY_DO(fields.check());
  return citation;
}

base::Result<void> read_extensions(Fields& fields, ChatReply& reply) {
  reply.declined = fields.flag("declined").value_or(false);
  if (const auto warnings = fields.texts("warnings")) reply.warnings = *warnings;
  const json::array* sources = fields.array("sources");
  const json::array* citations = fields.array("citations");
  OPALINE_TRY_DO(fields.check());
  if (sources != nullptr) {
    for (const json::value& source : *sources) {
      const std::string path = "sources[" + std::to_string(reply.sources.size()) + "]";
      if (!source.is_object())
        return base::fail(ErrorCode::invalid_argument, "field '" + path + "' must be an object");
      OPALINE_TRY(Hit hit, read_hit(source.get_object(), path + "."));
      reply.sources.push_back(std::move(hit));
    }
  }
  if (citations != nullptr) {
    for (const json::value& value : *citations) {
      OPALINE_TRY(
          Citation citation,
          read_citation(value, "citations[" + std::to_string(reply.citations.size()) + "]"));
      reply.citations.push_back(std::move(citation));
    }
  }
  return {};
}

/// The first choice of a reply or chunk; null when there is none.
const json::object* first_choice(Fields& fields) {
  const json::array* choices = fields.array("choices");
  if (choices == nullptr || choices->empty() || !choices->front().is_object()) return nullptr;
  return &choices->front().get_object();
}

/// The text of a choice: under `inner` ("message" or "delta") for chats, beside it for completions.
std::string read_text(Fields& choice, std::string_view inner) {
  const json::object* message = choice.object(inner);
  if (message == nullptr) return choice.text("text").value_or("");
  Fields fields(*message, std::string(inner) + ".");
  auto text = fields.text("content").value_or("");
  choice.adopt(fields.check());
  return text;
}

}  // namespace

std::string new_chat_id() { return "chatcmpl-" + base::random_hex(11); }
std::string new_completion_id() { return "cmpl-" + base::random_hex(11); }

std::string write_chat_reply(const ChatReply& reply, const ChatEnvelope& envelope) {
  JsonWriter writer;
  writer.begin_object();
  write_head(writer, envelope, object_name(envelope.kind, false),
             envelope.model.empty() ? reply.model : envelope.model);
  writer.key("choices").begin_array().begin_object().field("index", 0);
  if (envelope.kind == Kind::completion) {
    writer.field("text", reply.text)
        .null_field("logprobs")
        .field("finish_reason", name(reply.finish_reason));
  } else {
    writer.key("message")
        .begin_object()
        .field("role", "assistant")
        .field("content", reply.text)
        .null_field("audio");
    if (!reply.citations.empty()) write_annotations(writer, reply, reply.text);
    writer.end_object().field("finish_reason", name(reply.finish_reason)).null_field("metadata");
  }
  writer.end_object().end_array();
  write_usage(writer.key("usage"), reply.usage);
  write_extensions(writer, reply);
  writer.end_object();
  return std::move(writer).take();
}

base::Result<ChatReply> read_chat_reply(std::string_view body) {
  OPALINE_TRY(const json::object object, parse_json_object(body));
  Fields fields(object);
  const json::object* choice = first_choice(fields);
  if (choice == nullptr)
    return base::fail(ErrorCode::invalid_argument, "field 'choices' must hold an answer");
  Fields nested(*choice, "choices[0].");
  ChatReply reply;
  reply.text = read_text(nested, "message");
  reply.finish_reason = finish_reason(nested).value_or(FinishReason::stop);
  fields.adopt(nested.check());
  reply.model = fields.text("model").value_or("");
  reply.usage = read_usage(fields).value_or(Usage());
  OPALINE_TRY_DO(fields.check());
  OPALINE_TRY_DO(read_extensions(fields, reply));
  return reply;
}

// --- Streams

ChatChunks::ChatChunks(ChatEnvelope envelope) : envelope_(std::move(envelope)) {
  JsonWriter writer;
  writer.begin_object();
  write_head(writer, envelope_, object_name(envelope_.kind, true), envelope_.model);
  before_ = "data: " + std::move(writer).take();
}

std::string ChatChunks::first() const {
  if (envelope_.kind == Kind::completion) return {};
  return before_ +
         R"(,"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]})"
         "\n\n";
}

std::string ChatChunks::text(std::string_view piece) {
  said_ += piece;
  std::string event;
  event.reserve(before_.size() + piece.size() + 80);
  event += before_;
  const bool completion = envelope_.kind == Kind::completion;
  event += completion ? R"(,"choices":[{"index":0,"text":)"
                      : R"(,"choices":[{"index":0,"delta":{"content":)";
  base::append_json_string(event, piece);
  event +=
      completion ? R"(,"logprobs":null,"finish_reason":null}]})" : R"(},"finish_reason":null}]})";
  event += "\n\n";
  return event;
}

std::string ChatChunks::last(const ChatReply& end) const {
  JsonWriter writer;
  writer.begin_object();
  write_head(writer, envelope_, object_name(envelope_.kind, true), envelope_.model);
  writer.key("choices").begin_array().begin_object().field("index", 0);
  if (envelope_.kind == Kind::completion) {
    writer.field("text", "").null_field("logprobs");
  } else {
    writer.key("delta").begin_object();
    if (!end.citations.empty()) write_annotations(writer, end, said_);
    writer.end_object();
  }
  writer.field("finish_reason", name(end.finish_reason)).end_object().end_array();
  write_extensions(writer, end);
  writer.end_object();
  std::string events = as_event(std::move(writer));
  if (!envelope_.stream_usage) return events;

  JsonWriter usage;
  usage.begin_object();
  write_head(usage, envelope_, object_name(envelope_.kind, true), envelope_.model);
  write_usage(usage.key("choices").begin_array().end_array().key("usage"), end.usage);
  usage.end_object();
  return events + as_event(std::move(usage));
}

std::optional<Usage> usage_of(const json::value& reply) {
  const json::object* object = reply.if_object();
  if (object == nullptr) return {};
  Fields fields(*object);
  const auto usage = read_usage(fields);
  return fields.check() ? usage : std::nullopt;
}

base::Result<ChatChunk> read_chat_chunk(std::string_view data) {
  OPALINE_TRY(const json::object object, parse_json_object(data));
  if (const json::value* error = object.if_contains("error");
      error != nullptr && !error->is_null()) {
    JsonWriter detail;
    detail.value(*error);
    return base::fail(ErrorCode::unavailable, "the model's server ended the answer with an error",
                      std::move(detail).take());
  }
  Fields fields(object);
  ChatChunk chunk;
  if (const json::object* choice = first_choice(fields)) {
    Fields nested(*choice, "choices[0].");
    chunk.text = read_text(nested, "delta");
    chunk.finish_reason = finish_reason(nested);
    fields.adopt(nested.check());
  } else if (fields.find("choices") == nullptr) {
    fields.reject("field 'choices' is required");
  }
  chunk.model = fields.text("model").value_or("");
  chunk.usage = read_usage(fields);
  OPALINE_TRY_DO(fields.check());
  ChatReply extensions;
  OPALINE_TRY_DO(read_extensions(fields, extensions));
  if (has_extensions(extensions)) chunk.extensions = std::move(extensions);
  return chunk;
}

}  // namespace opaline::contract
