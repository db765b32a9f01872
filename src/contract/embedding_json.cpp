#include "contract/embedding_json.hpp"

#include <utility>

#include "base/limits.hpp"
#include "contract/base64.hpp"
#include "contract/json.hpp"
#include "contract/json_writer.hpp"

namespace opaline::contract {
namespace json = boost::json;
namespace {

using base::ErrorCode;
using Dialect = EmbeddingForm::Dialect;
using Encoding = EmbeddingForm::Encoding;

bool is_tokens(const json::value& value) {
  if (!value.is_array() || value.get_array().empty()) return false;
  const json::value& first = value.get_array().front();
  return first.is_number() || is_tokens(first);
}

void read_texts(Fields& fields, std::string_view name, std::vector<std::string>& texts) {
  const json::value* input = fields.find(name);
  if (input == nullptr) {
    fields.reject("field '" + std::string(name) + "' is required: a string or a list of strings");
    return;
  }
  if (is_tokens(*input)) {
    fields.reject("field '" + std::string(name) +
                  "' holds token ids; send text, the model has its own tokenizer");
    return;
  }
  texts = fields.texts(name).value_or(std::vector<std::string>());
  if (!fields.good()) return;
  if (texts.empty()) fields.reject("field '" + std::string(name) + "' must hold at least one text");
  if (texts.size() > limits::kEmbeddingTexts) {
    fields.reject("field '" + std::string(name) + "' holds " + std::to_string(texts.size()) +
                  " texts; at most " + std::to_string(limits::kEmbeddingTexts) +
                  " are allowed in one request");
  }
}

void read_encoding(Fields& fields, Encoding& encoding) {
  const auto format = fields.text("encoding_format");
  if (!format || *format == "float") return;
  if (*format == "base64") {
    encoding = Encoding::base64;
  } else {
    fields.reject("encoding_format", "\"float\" or \"base64\"", *fields.find("encoding_format"));
  }
}

void read_priority(Fields& fields, EmbeddingRequest::Priority& priority) {
  const auto name = fields.text("priority");
  if (!name || *name == "query") return;
  if (*name == "bulk") {
    priority = EmbeddingRequest::Priority::bulk;
  } else {
    fields.reject("priority", "\"query\" or \"bulk\"", *fields.find("priority"));
  }
}

std::size_t numbers(const EmbeddingReply& reply) {
  return reply.vectors.empty() ? 0 : reply.vectors.size() * reply.vectors.front().size();
}

std::string tei_reply(const EmbeddingReply& reply) {
  JsonWriter writer;
  writer.reserve(16 + 12 * numbers(reply));
  writer.begin_array();
  for (const auto& vector : reply.vectors) writer.value(vector);
  writer.end_array();
  return std::move(writer).take();
}

std::string openai_reply(const EmbeddingReply& reply, Encoding encoding) {
  JsonWriter writer;
  writer.reserve(256 + 12 * numbers(reply) + 64 * reply.vectors.size());
  writer.begin_object()
      .field("object", "list")
      .field("model", reply.model)
      .key("data")
      .begin_array();
  for (std::size_t i = 0; i < reply.vectors.size(); ++i) {
    writer.begin_object().field("index", i).field("object", "embedding").key("embedding");
    if (encoding == Encoding::base64) {
      writer.value(base64_of_floats(reply.vectors[i]));
    } else {
      writer.value(reply.vectors[i]);
    }
    writer.end_object();
  }
  writer.end_array().key("usage").begin_object();
  writer.field("prompt_tokens", reply.prompt_tokens)
      .field("total_tokens", reply.prompt_tokens)
      .end_object();
  if (!reply.warnings.empty()) writer.field("warnings", reply.warnings);
  writer.end_object();
  return std::move(writer).take();
}

}  // namespace

base::Result<EmbeddingCall> read_embedding_request(std::string_view body) {
  OPALINE_TRY(const json::object object, parse_json_object(body));
  Fields fields(object);
  EmbeddingCall call;
  if (fields.has("inputs") && !fields.has("input")) call.form.dialect = Dialect::tei;
  const bool tei = call.form.dialect == Dialect::tei;
  read_texts(fields, tei ? "inputs" : "input", call.request.texts);
  call.request.model = fields.text("model").value_or("");
  read_priority(fields, call.request.priority);
  if (tei) {
    (void)fields.flag("truncate");  // Texts are always cut, with a warning.
    if (fields.flag("normalize") == false) {
      fields.reject("field 'normalize' must be true: vectors have unit length here");
    }
  } else {
    read_encoding(fields, call.form.encoding);
    if (const auto wanted = fields.integer("dimensions", {.min = 1, .max = 65'536})) {
      call.form.dimensions = static_cast<std::size_t>(*wanted);
    }
  }
  OPALINE_TRY_DO(fields.check());
  return call;
}

std::string write_embedding_request(const EmbeddingRequest& request, const EmbeddingForm& form) {
  JsonWriter writer;
  writer.begin_object();
  writer.key(form.dialect == Dialect::tei ? "inputs" : "input");
  if (request.texts.size() == 1) {
    writer.value(request.texts.front());
  } else {
    writer.value(request.texts);
  }
  if (form.dialect == Dialect::tei) {
    if (request.texts.size() != 1) writer.field("truncate", true);
  } else {
    if (!request.model.empty()) writer.field("model", request.model);
    if (form.encoding == Encoding::base64) writer.field("encoding_format", "base64");
    if (form.dimensions) writer.field("dimensions", *form.dimensions);
    if (request.priority == EmbeddingRequest::Priority::bulk) writer.field("priority", "bulk");
  }
  writer.end_object();
  return std::move(writer).take();
}

base::Result<std::string> write_embedding_reply(const EmbeddingReply& reply,
                                                const EmbeddingForm& form) {
  const std::size_t dimension = reply.vectors.empty() ? 0 : reply.vectors.front().size();
  if (form.dimensions && *form.dimensions != dimension) {
    return base::fail(ErrorCode::invalid_argument,
                      "field 'dimensions' must be " + std::to_string(dimension) +
                          " (the model's own), got " + std::to_string(*form.dimensions));
  }
  return form.dialect == Dialect::tei ? tei_reply(reply) : openai_reply(reply, form.encoding);
}

}  // namespace opaline::contract
