#include "gateway/ingest_form.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <charconv>

#include "base/limits.hpp"
#include "base/utf8.hpp"
#include "contract/json.hpp"
#include "http/multipart.hpp"

namespace opaline::gateway {
namespace {

using base::ErrorCode;
using base::Result;

constexpr int kCharactersPerToken = 4;
constexpr int kChunkTokensMin = 16;

bool leads_out(std::string_view name) {
  while (!name.empty()) {
    const auto end = name.find_first_of("/\\");
    if (name.substr(0, end) == "..") return true;
    if (end == std::string_view::npos) break;
    name.remove_prefix(end + 1);
  }
  return false;
}

Result<void> check_name(std::string_view name) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
  std::string_view wrong;
  if (name.size() > limits::kSourceNameBytes)
    wrong = "is too long";
  else if (!base::is_utf8(name))
    wrong = "is not valid UTF-8";
  else if (std::ranges::any_of(name, is_control))
    wrong = "has control characters";
  else if (leads_out(name))
    wrong = "leads out of its folder";
  if (wrong.empty()) return {};
  return base::fail(
      ErrorCode::invalid_argument,
      fmt::format("the file name '{}' {}", base::to_utf8(base::utf8_prefix(name, 200)), wrong));
}

Result<int> read_integer(std::string_view name, std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0) {
    return base::fail(ErrorCode::invalid_argument,
                      fmt::format("field '{}' must be a number of characters, got '{}'", name,
                                  base::to_utf8(base::utf8_prefix(text, 40))));
  }
  return number;
}

bool is_true(std::string_view text) {
  return text == "true" || text == "True" || text == "1" || text == "yes";
}

Result<std::vector<std::string>> read_links(const std::string& text) {
  constexpr std::string_view kExpected =
      "field 'link_list' must be a JSON list of http or https URLs";
  std::vector<std::string> links;
  // One plain URL is as good as a list of one.
  if (text.starts_with("http://") || text.starts_with("https://"))
    return std::vector<std::string>{text};
  auto parsed = contract::parse_json(text);
  if (!parsed || !parsed->is_array())
    return base::fail(ErrorCode::invalid_argument, std::string(kExpected));
  for (const boost::json::value& link : parsed->get_array()) {
    if (!link.is_string() ||
        (!link.get_string().starts_with("http://") && !link.get_string().starts_with("https://"))) {
      return base::fail(ErrorCode::invalid_argument,
                        fmt::format("{}, got {}", kExpected, contract::quoted(link)));
    }
    links.emplace_back(link.get_string());
  }
  return links;
}

Result<void> read_part(http::FormPart part, IngestForm& form) {
  contract::IngestRequest& request = form.request;
  if (part.name == "files" || part.name == "file") {
    const std::string name = part.filename.value_or("");
    if (name.empty() && part.body.empty()) return {};  // A browser's empty file field.
    if (name.empty())
      return base::fail(ErrorCode::invalid_argument, "a file in 'files' has no name");
    OPALINE_TRY_DO(check_name(name));
    request.files.push_back(
        {.source = name, .bytes = std::move(part.body), .mime = std::move(part.content_type)});
  } else if (part.name == "link_list") {
    if (part.body.empty()) return {};
    OPALINE_TRY(auto links, read_links(part.body));
    request.links.insert(request.links.end(), links.begin(), links.end());
  } else if (part.name == "chunk_size") {
    OPALINE_TRY(const int characters, read_integer(part.name, part.body));
    if (characters > 0) {
      request.chunk_tokens = std::clamp(characters / kCharactersPerToken, kChunkTokensMin,
                                        static_cast<int>(limits::kEmbeddingTokens));
    }
  } else if (part.name == "chunk_overlap") {
    OPALINE_TRY(const int characters, read_integer(part.name, part.body));
    request.chunk_overlap_tokens = characters / kCharactersPerToken;
  } else if (part.name == "index_name" || part.name == "collection") {
    if (part.body == "all") {
      return base::fail(ErrorCode::invalid_argument,
                        "the index name 'all' is reserved: it stands for every index");
    }
    if (!part.body.empty()) request.collection = std::move(part.body);
  } else if (part.name == "metadata") {
    if (part.body.size() > limits::kMetadataBytes) {
      return base::fail(
          ErrorCode::invalid_argument,
          fmt::format("field 'metadata' has more than {} bytes", limits::kMetadataBytes));
    }
    auto metadata = contract::parse_json_object(part.body);
    if (!metadata)
      return base::fail(ErrorCode::invalid_argument,
                        "field 'metadata': " + metadata.error().message);
    request.metadata = std::move(*metadata);
  } else if (part.name == "wait") {
    form.wait = is_true(part.body);
  }
  return {};
}

bool prefers_to_wait(const http::Request& request) {
  if (request.headers.get("Prefer").find("wait") != std::string_view::npos) return true;
  return is_true(request.find_query("wait").value_or(""));
}

}  // namespace

Result<IngestForm> read_ingest_form(http::Request request) {
  IngestForm form{.wait = prefers_to_wait(request)};
  const std::string content_type(request.headers.get("Content-Type"));
  OPALINE_TRY(auto parts, http::parse_form(content_type, std::move(request.body)));
  for (http::FormPart& part : parts) OPALINE_TRY_DO(read_part(std::move(part), form));
  if (form.request.files.empty() && form.request.links.empty()) {
    return base::fail(ErrorCode::invalid_argument, "Must provide either a file or a string list.");
  }
  // An overlap that is not shorter than the chunk would never end.
  if (form.request.chunk_tokens > 0 &&
      form.request.chunk_overlap_tokens >= form.request.chunk_tokens) {
    return base::fail(ErrorCode::invalid_argument,
                      "field 'chunk_overlap' must be less than 'chunk_size'");
  }
  return form;
}

}  // namespace opaline::gateway
