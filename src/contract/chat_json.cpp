#include "contract/chat_json.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "base/limits.hpp"
#include "contract/hit_json.hpp"
#include "contract/json.hpp"
#include "contract/json_writer.hpp"
#include "contract/rag_prompt.hpp"
#include "contract/retrieval_json.hpp"

namespace opaline::contract {
namespace json = boost::json;
namespace {

using base::ErrorCode;
using Style = ChatForm::Style;

constexpr std::size_t kStops = 16;
constexpr std::size_t kStopBytes = 256;
constexpr int kTopK = 1'000'000;
constexpr int kCompletionTokens = 16;  // OpenAI's default for /v1/completions.

// What OPEA's megaservice fills in.
constexpr int kOpeaMaxTokens = 1024;
constexpr double kOpeaTopP = 0.95;
constexpr double kOpeaTemperature = 0.01;

std::string indexed(std::string_view name, std::size_t index) {
  return std::string(name) + "[" + std::to_string(index) + "]";
}

// --- Reading: messages

std::string read_role(Fields& fields) {
  auto role = fields.text("role").value_or("user");
  if (role == "developer") role = "system";
  if (role == "function") role = "tool";
  constexpr std::array<std::string_view, 4> kRoles = {"system", "user", "assistant", "tool"};
  if (std::ranges::find(kRoles, role) == kRoles.end()) {
    fields.reject("role", "system, user, assistant or tool", *fields.find("role"));
  }
  return role;
}

void append_part(Fields& message, const json::value& part, std::size_t index, std::string& text) {
  const std::string name = indexed("content", index);
  if (!part.is_object()) {
    message.reject(name, "an object with a \"type\"", part);
    return;
  }
  Fields fields(part.get_object(), message.path() + name + ".");
  const std::string type = fields.text("type").value_or("text");
  if (type != "text" && type != "input_text") {
    fields.reject("field '" + message.path() + name + "' is a part of type \"" + type +
                  "\"; this service takes text only: send parts of type \"text\"");
  } else if (auto piece = fields.text("text")) {
    if (!text.empty()) text += '\n';
    text += *piece;
  } else {
    fields.reject("field '" + message.path() + name + ".text' is required");
  }
  message.adopt(fields.check());
}

std::string read_content(Fields& fields, std::string_view role) {
  const json::value* content = fields.find("content");
  if (content == nullptr) {
    // An assistant's message that only called a tool has none.
    if (role != "assistant") fields.reject("field '" + fields.path() + "content' is required");
    return {};
  }
  if (content->is_string()) return std::string(content->get_string());
  if (!content->is_array()) {
    fields.reject("content", "a string or a list of parts", *content);
    return {};
  }
  std::string text;
  std::size_t index = 0;
  for (const json::value& part : content->get_array()) append_part(fields, part, index++, text);
  return text;
}

void read_messages(Fields& fields, const json::value& value, std::vector<ChatMessage>& messages) {
  if (!value.is_array()) {
    fields.reject("messages", "a string or a list of messages", value);
    return;
  }
  const json::array& list = value.get_array();
  if (list.empty()) fields.reject("field 'messages' must hold at least one message");
  if (list.size() > limits::kMessages) {
    fields.reject("field 'messages' holds " + std::to_string(list.size()) + " messages; at most " +
                  std::to_string(limits::kMessages) + " are allowed");
    return;
  }
  for (std::size_t i = 0; i < list.size() && fields.good(); ++i) {
    if (!list[i].is_object()) {
      fields.reject(indexed("messages", i), "an object with \"role\" and \"content\"", list[i]);
      return;
    }
    Fields nested(list[i].get_object(), indexed("messages", i) + ".");
    ChatMessage message;
    message.role = read_role(nested);
    message.content = read_content(nested, message.role);
    fields.adopt(nested.check());
    messages.push_back(std::move(message));
  }
}

// --- Reading: what is asked

Style style_of(const Fields& fields) {
  if (fields.has("query")) return Style::parameters;
  if (fields.has("messages"))
    return fields.find("messages")->is_string() ? Style::text : Style::chat;
  if (fields.has("prompt")) return Style::completion;
  if (fields.has("initial_query")) return Style::searched;
  return Style::chat;
}

void read_prompt(Fields& fields, ChatRequest& request) {
  const json::value& value = *fields.find("prompt");
  const json::array* list = value.is_array() ? &value.get_array() : nullptr;
  if (list != nullptr && !list->empty() && !list->front().is_string()) {
    fields.reject("field 'prompt' holds token ids; send text, the model has its own tokenizer");
    return;
  }
  const auto texts = fields.texts("prompt");
  if (!texts) return;
  if (texts->size() == 1) {
    request.prompt = texts->front();
  } else {
    fields.reject("field 'prompt' must be one text; send one request for each");
  }
}

void read_question(Fields& fields, std::string_view name, ChatRequest& request) {
  request.messages = {{.role = "user", .content = fields.text(name).value_or("")}};
}

void read_conversation(Fields& fields, Style style, ChatRequest& request) {
  switch (style) {
    case Style::parameters: return read_question(fields, "query", request);
    case Style::searched: return read_question(fields, "initial_query", request);
    case Style::text: return read_question(fields, "messages", request);
    case Style::completion: return read_prompt(fields, request);
    case Style::chat:
      if (const json::value* messages = fields.find("messages"))
        return read_messages(fields, *messages, request.messages);
      fields.reject("field 'messages' is required: a list of {\"role\", \"content\"}");
  }
}

// --- Reading: grounding

base::Result<void> read_own_grounding(Fields& fields, ChatRequest& request) {
  const json::object* object = fields.object("grounding");
  if (object == nullptr) return fields.check();
  Fields nested(*object, "grounding.");
  Grounding grounding{.question = nested.text("question").value_or(request.question()),
                      .sources = {}};
  const json::array* sources = nested.array("sources");
  OPALINE_TRY_DO(nested.check());
  if (sources != nullptr) {
    OPALINE_TRY(grounding.sources,
                read_passages(*sources, "grounding.sources", limits::kSearchHits));
    OPALINE_TRY_DO(complete_passages(grounding.sources, *sources));
  }
  request.grounding = std::move(grounding);
  return {};
}

/// Passages that an OPEA request brings along: those that reranking kept before those that
/// retrieval found.
base::Result<void> read_grounding(Fields& fields, Style style, ChatRequest& request) {
  if (fields.has("grounding")) return read_own_grounding(fields, request);
  for (const std::string_view name : {"documents", "reranked_docs", "retrieved_docs"}) {
    const json::array* list = fields.array(name);
    const bool searched = style == Style::searched && name == "retrieved_docs";
    if (list == nullptr || (list->empty() && !searched)) continue;
    Grounding grounding{.question = request.question(), .sources = {}};
    OPALINE_TRY(grounding.sources, read_passages(*list, std::string(name), limits::kSearchHits));
    if (const json::array* hits = fields.array("hits"))
      OPALINE_TRY_DO(complete_passages(grounding.sources, *hits));
    request.grounding = std::move(grounding);
    break;
  }
  return fields.check();
}

// --- Reading: sampling

std::optional<int> read_max_tokens(Fields& fields) {
  for (const std::string_view name : {"max_completion_tokens", "max_tokens", "max_new_tokens"}) {
    if (const auto tokens = fields.integer(name, {.min = 1, .max = limits::kAnswerTokens})) {
      return static_cast<int>(*tokens);
    }
  }
  return {};
}

void read_stop(Fields& fields, std::vector<std::string>& stop) {
  auto texts = fields.texts("stop");
  if (!texts) return;
  std::erase_if(*texts, &std::string::empty);
  if (texts->size() > kStops) fields.reject("field 'stop' must hold at most 16 strings");
  if (std::ranges::any_of(*texts,
                          [](const std::string& text) { return text.size() > kStopBytes; })) {
    fields.reject("field 'stop' must hold strings of at most 256 bytes");
  }
  stop = std::move(*texts);
}

void read_response_format(Fields& fields, std::optional<json::object>& schema) {
  const json::object* object = fields.object("response_format");
  if (object == nullptr) return;
  Fields format(*object, "response_format.");
  const auto type = format.text("type");
  if (type == "json_object") {
    schema = json::object();
    if (const json::object* given = format.object("schema")) schema = *given;
  } else if (type == "json_schema") {
    const json::object* outer = format.object("json_schema");
    const json::value* inner = outer == nullptr ? nullptr : outer->if_contains("schema");
    if (inner == nullptr || !inner->is_object()) {
      format.reject("field 'response_format.json_schema.schema' is required: a JSON schema");
    } else {
      schema = inner->get_object();
    }
  } else if (type != "text") {
    const json::value absent;
    const json::value* given = format.find("type");
    format.reject("type", "\"text\", \"json_object\" or \"json_schema\"",
                  given == nullptr ? absent : *given);
  }
  fields.adopt(format.check());
}

std::optional<std::uint64_t> read_seed(Fields& fields) {
  const json::value* value = fields.find("seed");
  if (value != nullptr && value->is_uint64()) return value->get_uint64();
  const auto seed = fields.integer("seed", {});
  return seed ? std::optional(static_cast<std::uint64_t>(*seed)) : std::nullopt;
}

SamplingParameters read_sampling(Fields& fields) {
  SamplingParameters sampling;
  sampling.max_tokens = read_max_tokens(fields);
  sampling.temperature = fields.number("temperature", {.min = 0, .max = 2});
  sampling.top_p = fields.number("top_p", {.min = 0, .max = 1});
  // −1 is how others say "all"; 0 is how OPEA says "the default".
  if (const auto top_k = fields.integer("top_k", {.min = -1, .max = kTopK}); top_k && *top_k != 0) {
    sampling.top_k = static_cast<int>(*top_k);
  }
  sampling.frequency_penalty = fields.number("frequency_penalty", {.min = -2, .max = 2});
  sampling.presence_penalty = fields.number("presence_penalty", {.min = -2, .max = 2});
  sampling.repetition_penalty = fields.number("repetition_penalty", {.min = 0.01, .max = 10});
  sampling.seed = read_seed(fields);
  read_stop(fields, sampling.stop);
  read_response_format(fields, sampling.json_schema);
  return sampling;
}

void refuse_the_impossible(Fields& fields) {
  if (fields.integer("n", {.min = 1}).value_or(1) > 1) {
    fields.reject("field 'n' must be 1: one answer a request");
  }
  const json::value* choice = fields.find("tool_choice");
  const bool must_call = choice != nullptr && *choice != "none" && *choice != "auto";
  if (must_call)
    fields.reject("field 'tool_choice' must be \"none\" or \"auto\": this service calls no tools");
}

void read_search(Fields& fields, ChatRequest& request) {
  SearchFields found = read_search_parameters(fields);
  request.search = std::move(found.search);
  request.explicit_k = found.explicit_k;
  const auto top_n = fields.integer("top_n", {.min = 0, .max = limits::kRerankTexts});
  request.explicit_top_n = top_n && *top_n > 0;
  if (request.explicit_top_n) request.top_n = static_cast<int>(*top_n);
}

bool streams_by_default(Style style) {
  return style == Style::parameters || style == Style::searched;
}

}  // namespace

base::Result<ChatCall> read_chat_request(std::string_view body, ChatDefaults defaults) {
  OPALINE_TRY(const json::object object, parse_json_object(body));
  Fields fields(object);
  ChatCall call;
  ChatRequest& request = call.request;
  const Style style = call.form.style = style_of(fields);
  read_conversation(fields, style, request);
  OPALINE_TRY_DO(fields.check());
  OPALINE_TRY_DO(read_grounding(fields, style, request));

  request.model = fields.text("model").value_or("");
  request.chat_template = fields.text("chat_template").value_or("");
  const auto stream = fields.flag("stream");
  call.form.stream_given = stream.has_value();
  request.stream = stream.value_or(defaults.stream || streams_by_default(style));
  if (const json::object* options = fields.object("stream_options")) {
    Fields nested(*options, "stream_options.");
    request.stream_usage = nested.flag("include_usage").value_or(false);
    fields.adopt(nested.check());
  }
  request.sampling = read_sampling(fields);
  if (style == Style::completion && !request.sampling.max_tokens)
    request.sampling.max_tokens = kCompletionTokens;
  read_search(fields, request);
  refuse_the_impossible(fields);
  OPALINE_TRY_DO(fields.check());
  return call;
}

// --- Writing

namespace {

template <class Value>
void write_set(JsonWriter& writer, std::string_view name, const std::optional<Value>& value) {
  if (value) writer.field(name, *value);
}

void write_message(JsonWriter& writer, std::string_view role, std::string_view content) {
  writer.begin_object().field("role", role).field("content", content).end_object();
}

void write_json_schema(JsonWriter& writer, const json::object& schema) {
  writer.key("response_format").begin_object();
  if (schema.empty()) {
    writer.field("type", "json_object");
  } else {
    writer.field("type", "json_schema").key("json_schema").begin_object();
    writer.field("name", "answer").field("schema", schema).end_object();
  }
  writer.end_object();
}

/// What OpenAI has besides, and what vLLM and others understand.
void write_further_sampling(JsonWriter& writer, const SamplingParameters& sampling) {
  write_set(writer, "presence_penalty", sampling.presence_penalty);
  write_set(writer, "repetition_penalty", sampling.repetition_penalty);
  write_set(writer, "top_k", sampling.top_k);
  write_set(writer, "seed", sampling.seed);
  if (!sampling.stop.empty()) writer.field("stop", sampling.stop);
  if (sampling.json_schema) write_json_schema(writer, *sampling.json_schema);
}

void write_grounding(JsonWriter& writer, const Grounding& grounding) {
  writer.key("grounding")
      .begin_object()
      .field("question", grounding.question)
      .key("sources")
      .begin_array();
  for (const Hit& hit : grounding.sources) write_hit(writer, hit, HitMembers::all);
  writer.end_array().end_object();
}

void write_input(JsonWriter& writer, const ChatRequest& request, ChatPeer peer) {
  if (request.prompt) {
    writer.field("prompt", *request.prompt);
    return;
  }
  writer.key("messages").begin_array();
  if (request.grounding && peer == ChatPeer::openai) {
    for (const ChatMessage& message : request.messages) {
      if (message.role == "system") write_message(writer, message.role, message.content);
    }
    write_message(writer, "user", rag_prompt(*request.grounding, request.chat_template));
  } else {
    for (const ChatMessage& message : request.messages)
      write_message(writer, message.role, message.content);
  }
  writer.end_array();
}

}  // namespace

std::string write_chat_request(const ChatRequest& request, ChatPeer peer) {
  SamplingParameters sampling = request.sampling;
  if (request.grounding && peer == ChatPeer::openai) {
    sampling.max_tokens = sampling.max_tokens.value_or(kOpeaMaxTokens);
    sampling.top_p = sampling.top_p.value_or(kOpeaTopP);
    sampling.frequency_penalty = sampling.frequency_penalty.value_or(0);
    sampling.temperature = sampling.temperature.value_or(kOpeaTemperature);
  }
  JsonWriter writer;
  writer.begin_object();
  if (!request.model.empty()) writer.field("model", request.model);
  write_input(writer, request, peer);
  write_set(writer, "max_tokens", sampling.max_tokens);
  write_set(writer, "top_p", sampling.top_p);
  writer.field("stream", request.stream);
  write_set(writer, "frequency_penalty", sampling.frequency_penalty);
  write_set(writer, "temperature", sampling.temperature);
  write_further_sampling(writer, sampling);
  if (request.stream && request.stream_usage) {
    writer.key("stream_options").begin_object().field("include_usage", true).end_object();
  }
  if (peer == ChatPeer::opaline) {
    if (!request.chat_template.empty()) writer.field("chat_template", request.chat_template);
    if (request.grounding) write_grounding(writer, *request.grounding);
  }
  writer.end_object();
  return std::move(writer).take();
}

}  // namespace opaline::contract
