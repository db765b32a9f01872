#include "services/remote/embedding_reply.hpp"

#include <simdjson.h>

#include <cmath>
#include <optional>
#include <utility>

#include "contract/base64.hpp"

namespace opaline::services {
namespace {

// The DOM interface: its kernels are chosen at run time (AVX2, AVX-512), while "on demand" is
// compiled for our baseline.
namespace dom = simdjson::dom;
using base::ErrorCode;
using base::Result;

std::unexpected<base::Error> wrong(std::string message) {
  return base::fail(ErrorCode::invalid_argument, std::move(message));
}

std::unexpected<base::Error> malformed(simdjson::error_code error) {
  return wrong(std::string("it is not such JSON: ") + simdjson::error_message(error));
}

#define OPALINE_JSON(call)                                                       \
  do {                                                                           \
    if (const simdjson::error_code error_ = (call); error_ != simdjson::SUCCESS) \
      return malformed(error_);                                                  \
  } while (false)

Result<std::vector<float>> read_numbers(dom::array list) {
  std::vector<float> vector;
  vector.reserve(list.size());
  for (const dom::element item : list) {
    double number = 0;
    OPALINE_JSON(item.get_double().get(number));
    vector.push_back(static_cast<float>(number));
  }
  return vector;
}

Result<std::vector<float>> read_vector(dom::element value) {
  if (value.is_string()) {
    auto vector = contract::floats_of_base64(std::string_view(value));
    if (!vector) return wrong("an embedding is a string that is not base64 of floats");
    return std::move(*vector);
  }
  dom::array list;
  OPALINE_JSON(value.get_array().get(list));
  return read_numbers(list);
}

/// Collects vectors by index, each once.
class Vectors {
 public:
  explicit Vectors(std::size_t texts) : vectors_(texts) {}

  Result<void> put(std::size_t index, std::vector<float> vector) {
    if (index >= vectors_.size()) return wrong("it holds more vectors than texts were sent");
    if (!vectors_[index].empty()) return wrong("it holds two vectors of one index");
    if (vector.empty()) return wrong("an embedding is empty");
    dimension_ = dimension_ == 0 ? vector.size() : dimension_;
    if (vector.size() != dimension_) return wrong("its vectors have different dimensions");
    for (const float number : vector) {
      if (!std::isfinite(number)) return wrong("a vector holds a number that no float can hold");
    }
    vectors_[index] = std::move(vector);
    ++count_;
    return {};
  }

  Result<std::vector<std::vector<float>>> take() && {
    if (count_ == vectors_.size()) return std::move(vectors_);
    return wrong("it holds " + std::to_string(count_) + " vectors for " +
                 std::to_string(vectors_.size()) + " texts");
  }

 private:
  std::vector<std::vector<float>> vectors_;
  std::size_t dimension_ = 0;
  std::size_t count_ = 0;
};

Result<void> read_rows(dom::array rows, Vectors& vectors) {
  std::size_t index = 0;
  for (const dom::element row : rows) {
    OPALINE_TRY(std::vector<float> vector, read_vector(row));
    OPALINE_TRY_DO(vectors.put(index++, std::move(vector)));
  }
  return {};
}

Result<void> read_data(dom::element data, Vectors& vectors) {
  dom::array list;
  OPALINE_JSON(data.get_array().get(list));
  std::uint64_t position = 0;
  for (const dom::element entry : list) {
    dom::element embedding;
    OPALINE_JSON(entry["embedding"].get(embedding));
    std::uint64_t index = position++;  // Where it stands, unless it says otherwise.
    if (const auto given = entry["index"]; given.error() == simdjson::SUCCESS) {
      OPALINE_JSON(given.get_uint64().get(index));
    }
    OPALINE_TRY(std::vector<float> vector, read_vector(embedding));
    OPALINE_TRY_DO(vectors.put(index, std::move(vector)));
  }
  return {};
}

Result<void> read_warnings(dom::array list, std::vector<std::string>& warnings) {
  for (const dom::element item : list) {
    std::string_view text;
    OPALINE_JSON(item.get_string().get(text));
    warnings.emplace_back(text);
  }
  return {};
}

/// What stands beside the vectors; OPEA's own service leaves model and usage null.
Result<void> read_company(dom::element object, contract::EmbeddingReply& reply) {
  std::string_view model;
  if (object["model"].get_string().get(model) == simdjson::SUCCESS) reply.model = model;
  std::uint64_t tokens = 0;
  if (object["usage"]["prompt_tokens"].get_uint64().get(tokens) == simdjson::SUCCESS)
    reply.prompt_tokens = tokens;
  dom::array warnings;
  if (object["warnings"].get_array().get(warnings) != simdjson::SUCCESS) return {};
  return read_warnings(warnings, reply.warnings);
}

}  // namespace

Result<contract::EmbeddingReply> read_embedding_reply(std::string body, std::size_t texts) {
  // The parser reads beyond the end, into bytes that must be ours.
  body.reserve(body.size() + simdjson::SIMDJSON_PADDING);
  dom::parser parser;
  dom::element root;
  OPALINE_JSON(parser.parse(body.data(), body.size(), false).get(root));

  contract::EmbeddingReply reply;
  Vectors vectors(texts);
  if (root.is_array()) {
    OPALINE_TRY_DO(read_rows(dom::array(root), vectors));
  } else {
    dom::element data;
    OPALINE_JSON(root["data"].get(data));
    OPALINE_TRY_DO(read_data(data, vectors));
    OPALINE_TRY_DO(read_company(root, reply));
  }
  OPALINE_TRY(reply.vectors, std::move(vectors).take());
  return reply;
}

#undef OPALINE_JSON

}  // namespace opaline::services
