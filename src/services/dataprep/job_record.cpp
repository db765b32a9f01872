#include "services/dataprep/job_record.hpp"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>

#include "base/digest.hpp"
#include "base/random.hpp"

namespace opaline::services::dataprep {
namespace {

/// Raise it when parsing or chunking changes enough that documents should be indexed anew.
constexpr int kRules = 1;

boost::json::value parse_value(std::string_view text) {
  boost::json::error_code error;
  boost::json::value value =
      boost::json::parse(boost::json::string_view(text.data(), text.size()), error);
  return error ? boost::json::value() : value;
}

std::int64_t integer(const boost::json::object& object, std::string_view key,
                     std::int64_t otherwise) {
  const auto* value = object.if_contains(key);
  if (value == nullptr) return otherwise;
  if (value->is_int64()) return value->get_int64();
  return value->is_uint64() ? static_cast<std::int64_t>(value->get_uint64()) : otherwise;
}

bool truth(const boost::json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_bool() && value->get_bool();
}

}  // namespace

ChunkParameters JobOptions::parameters(const ChunkParameters& defaults) const {
  ChunkParameters made = chunk_tokens > 0
                             ? ChunkParameters::for_target(static_cast<std::size_t>(chunk_tokens))
                             : defaults;
  if (chunk_overlap_tokens >= 0) {
    made.tokens_overlap =
        std::min(static_cast<std::size_t>(chunk_overlap_tokens), made.tokens_target / 2);
  }
  return made;
}

std::string write_options(const JobOptions& options) {
  boost::json::object object;
  if (!options.claimed_mime.empty()) object["mime"] = options.claimed_mime;
  if (options.link) object["link"] = true;
  if (options.forgotten) object["forgotten"] = true;
  object["bytes"] = options.bytes;
  object["chunk_tokens"] = options.chunk_tokens;
  object["chunk_overlap_tokens"] = options.chunk_overlap_tokens;
  object["metadata"] = options.metadata;
  return boost::json::serialize(object);
}

JobOptions read_options(std::string_view json) {
  JobOptions options;
  const boost::json::value value = parse_value(json);
  const auto* object = value.if_object();
  if (object == nullptr) return options;
  if (const auto* mime = object->if_contains("mime"); mime != nullptr && mime->is_string()) {
    options.claimed_mime = std::string(mime->get_string());
  }
  options.link = truth(*object, "link");
  options.forgotten = truth(*object, "forgotten");
  options.bytes =
      static_cast<std::uint64_t>(std::max<std::int64_t>(0, integer(*object, "bytes", 0)));
  options.chunk_tokens = static_cast<int>(integer(*object, "chunk_tokens", 0));
  options.chunk_overlap_tokens = static_cast<int>(integer(*object, "chunk_overlap_tokens", -1));
  if (const auto* metadata = object->if_contains("metadata");
      metadata != nullptr && metadata->is_object()) {
    options.metadata = metadata->get_object();
  }
  return options;
}

std::string fingerprint(const ChunkParameters& p) {
  return fmt::format("{}:{}:{}:{}:{}:{}:{}", kRules, p.tokens_target, p.tokens_max, p.tokens_tiny,
                     p.tokens_overlap, p.title_path_tokens, p.title_bytes);
}

contract::Job to_job(const store::JobRow& row) {
  contract::Job job{.id = row.id,
                    .document_id = row.document_id,
                    .collection = row.collection,
                    .source = row.source,
                    .state = contract::job_state(row.state).value_or(contract::JobState::failed),
                    .done = row.done,
                    .total = row.total,
                    .attempts = row.attempts,
                    .error = row.error,
                    .created = row.created,
                    .updated = row.updated};
  const boost::json::value warnings = parse_value(row.warnings);
  if (const auto* array = warnings.if_array()) {
    for (const boost::json::value& warning : *array) {
      if (warning.is_string()) job.warnings.emplace_back(warning.get_string());
    }
  }
  return job;
}

contract::Document to_document(const store::DocumentRow& row) {
  contract::Document document{.id = row.id,
                              .collection = row.collection,
                              .source = row.source,
                              .title = row.title,
                              .mime = row.mime,
                              .sha256 = row.sha256,
                              .bytes = row.bytes,
                              .chunks = row.chunks,
                              .created = row.created,
                              .updated = row.updated};
  boost::json::value metadata = parse_value(row.metadata);
  if (metadata.is_object()) document.metadata = std::move(metadata.get_object());
  return document;
}

std::string write_warnings(const std::vector<std::string>& warnings) {
  boost::json::array array;
  for (const std::string& warning : warnings) array.emplace_back(warning);
  return boost::json::serialize(array);
}

std::string new_job_id() { return "job_" + base::random_hex(12); }

std::string document_id(std::string_view collection, std::string_view source) {
  std::string key(collection);
  key += '\0';
  key += source;
  return "doc_" + base::sha256_hex(key).substr(0, 24);
}

double unix_now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace opaline::services::dataprep
