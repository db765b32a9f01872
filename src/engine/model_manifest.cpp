#include "engine/model_manifest.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <fstream>
#include <iterator>
#include <optional>
#include <string_view>

namespace opaline::engine {
namespace {

namespace json = boost::json;

constexpr std::uintmax_t kBytesMax = 64 * 1024;

std::optional<std::string> text_of(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return std::string(value->get_string());
}

}  // namespace

base::Result<ModelManifest> read_manifest(const std::filesystem::path& file) {
  std::error_code error;
  const auto bytes = std::filesystem::file_size(file, error);
  if (error) return base::fail(base::ErrorCode::not_found, "no manifest " + file.string());
  const auto wrong = [&] {
    return base::fail(base::ErrorCode::invalid_argument, file.string() + " is no manifest");
  };
  if (bytes > kBytesMax) return wrong();
  std::ifstream in(file, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(in), {});
  json::error_code parse_error;
  const json::value value = json::parse(text, parse_error);
  if (parse_error || !value.is_object()) return wrong();
  const json::object& object = value.get_object();
  const json::value* size = object.if_contains("bytes");
  const auto sha256 = text_of(object, "sha256");
  if (!sha256 || size == nullptr || !size->is_int64() || size->get_int64() < 0) return wrong();
  return ModelManifest{.model = text_of(object, "model").value_or(""),
                       .format = text_of(object, "format").value_or(""),
                       .sha256 = *sha256,
                       .bytes = static_cast<std::uint64_t>(size->get_int64()),
                       .licence = text_of(object, "licence").value_or(""),
                       .licence_url = text_of(object, "licence_url").value_or(""),
                       .source = text_of(object, "source").value_or(""),
                       .created = text_of(object, "created").value_or("")};
}

std::string to_text(const ModelManifest& manifest) {
  const json::object object = {{"model", manifest.model},     {"format", manifest.format},
                               {"sha256", manifest.sha256},   {"bytes", manifest.bytes},
                               {"licence", manifest.licence}, {"licence_url", manifest.licence_url},
                               {"source", manifest.source},   {"created", manifest.created}};
  return json::serialize(object) + "\n";
}

}  // namespace opaline::engine
