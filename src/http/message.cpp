#include "http/message.hpp"

#include <algorithm>

#include "http/grammar.hpp"

namespace opaline::http {

void Headers::set(std::string_view name, std::string value) {
  std::erase_if(fields_,
                [name](const auto& field) { return equals_ignoring_case(field.first, name); });
  add(std::string(name), std::move(value));
}

std::optional<std::string_view> Headers::find(std::string_view name) const {
  for (const auto& [key, value] : fields_) {
    if (equals_ignoring_case(key, name)) return value;
  }
  return std::nullopt;
}

std::optional<std::string_view> Request::find_query(std::string_view name) const {
  const auto found = std::ranges::find(query, name, &std::pair<std::string, std::string>::first);
  if (found == query.end()) return std::nullopt;
  return found->second;
}

Response Response::json(unsigned status, std::string body) {
  Response made;
  made.status = status;
  made.headers.add("Content-Type", "application/json");
  made.body = std::move(body);
  return made;
}

Response Response::text(unsigned status, std::string body) {
  Response made;
  made.status = status;
  made.headers.add("Content-Type", "text/plain; charset=utf-8");
  made.body = std::move(body);
  return made;
}

}  // namespace opaline::http
