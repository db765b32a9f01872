#include "services/dataprep/source_name.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/limits.hpp"
#include "base/utf8.hpp"

namespace opaline::services::dataprep {
namespace {

using base::ErrorCode;

constexpr std::size_t kCollectionBytes = 128;

bool has_controls(std::string_view text) {
  return std::ranges::any_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

std::unexpected<base::Error> refused(std::string_view name, std::string_view why) {
  return base::fail(ErrorCode::invalid_argument,
                    fmt::format("the name {} {}", in_quotes(name), why));
}

bool is_drive(std::string_view name) {
  return name.size() >= 2 && name[1] == ':' && ((name[0] | 0x20) >= 'a' && (name[0] | 0x20) <= 'z');
}

}  // namespace

std::string in_quotes(std::string_view text) {
  std::string shown = base::to_utf8(base::utf8_prefix(text, 200));
  for (char& c : shown) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  return "'" + shown + (text.size() > 200 ? "…'" : "'");
}

base::Result<std::string> source_name(std::string_view name) {
  if (name.empty()) return base::fail(ErrorCode::invalid_argument, "a document has no name");
  if (name.size() > limits::kSourceNameBytes) {
    return refused(name, fmt::format("is longer than {} bytes", limits::kSourceNameBytes));
  }
  if (!base::is_utf8(name)) return refused(name, "is not UTF-8");
  if (has_controls(name)) return refused(name, "has control characters");
  if (name.starts_with("http://") || name.starts_with("https://")) return std::string(name);

  std::string path(name);
  std::ranges::replace(path, '\\', '/');
  if (path.starts_with('/') || is_drive(path))
    return refused(name, "is an absolute path; give it relative to a folder");
  std::string normal;
  for (std::string_view rest = path; !rest.empty();) {
    const auto end = std::min(rest.find('/'), rest.size());
    const std::string_view part = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (part.empty() || part == ".") continue;
    if (part == "..") return refused(name, "leads out of its folder with '..'");
    if (!normal.empty()) normal += '/';
    normal += part;
  }
  if (normal.empty()) return refused(name, "names no file");
  return normal;
}

base::Result<void> check_collection(std::string_view name) {
  if (name.empty()) return base::fail(ErrorCode::invalid_argument, "the collection has no name");
  const auto refuse = [&](std::string_view why) {
    return base::fail(ErrorCode::invalid_argument,
                      fmt::format("the collection name {} {}", in_quotes(name), why));
  };
  if (name.size() > kCollectionBytes)
    return refuse(fmt::format("is longer than {} bytes", kCollectionBytes));
  if (!base::is_utf8(name) || has_controls(name))
    return refuse("has characters that a name cannot have");
  if (name == "all") return refuse("is reserved: it stands for every collection");
  return {};
}

}  // namespace opaline::services::dataprep
