#include "gateway/openapi.hpp"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "gateway/api_schemas.hpp"

namespace opaline::gateway {
namespace {

namespace json = boost::json;

json::object reference(std::string_view schema) {
  return {{"$ref", "#/components/schemas/" + std::string(schema)}};
}

json::object content(std::string_view type, std::string_view schema, std::string_view example) {
  json::object described;
  if (!schema.empty()) described["schema"] = reference(schema);
  if (!example.empty()) {
    described["example"] = type == "application/json" ? json::parse(example) : json::value(example);
  }
  return {{type, std::move(described)}};
}

json::array parameters(const Route& route) {
  json::array all;
  if (route.pattern.find("{id}") != std::string::npos) {
    all.push_back(
        {{"name", "id"}, {"in", "path"}, {"required", true}, {"schema", {{"type", "string"}}}});
  }
  std::string_view names = route.documentation.parameters;
  while (!names.empty()) {
    const auto end = names.find(' ');
    all.push_back(
        {{"name", names.substr(0, end)}, {"in", "query"}, {"schema", {{"type", "string"}}}});
    names = end == std::string_view::npos ? std::string_view() : names.substr(end + 1);
  }
  return all;
}

json::object operation(const Route& route) {
  const Documentation& text = route.documentation;
  json::object described{{"tags", json::array{text.tag}}, {"summary", text.summary}};
  if (auto all = parameters(route); !all.empty()) described["parameters"] = std::move(all);
  if (!text.request.empty()) {
    described["requestBody"] = {
        {"required", true},
        {"content", content(text.request_type, text.request, text.request_example)}};
  }
  json::object done{{"description", "Done."}};
  if (!text.reply.empty() || !text.reply_example.empty()) {
    done["content"] = content(text.reply_type, text.reply, text.reply_example);
  }
  json::object fault{
      {"description", "The request cannot be answered; the error says why."},
      {"content",
       content("application/json", route.errors == ErrorShape::opea ? "OpeaError" : "Error", "")}};
  described["responses"] = {{"200", std::move(done)}, {"default", std::move(fault)}};
  if (route.access == Route::Access::open) described["security"] = json::array();
  return described;
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(c | 0x20);
  return text;
}

}  // namespace

std::string openapi_json(const std::vector<Route>& routes, std::string_view version) {
  json::object paths;
  for (const Route& route : routes) {
    json::object& path = paths[route.pattern].is_object() ? paths[route.pattern].get_object()
                                                          : paths[route.pattern].emplace_object();
    if (!path.contains(lower(route.method))) path[lower(route.method)] = operation(route);
  }
  json::object document{
      {"openapi", "3.1.0"},
      {"info",
       {{"title", "Opaline"},
        {"version", version},
        {"description",
         "Answers with sources from your own documents, and the services behind them."}}},
      {"paths", std::move(paths)},
      {"components",
       {{"schemas", json::parse(kApiSchemas)},
        {"securitySchemes",
         {{"bearer", {{"type", "http"}, {"scheme", "bearer"}}},
          {"key", {{"type", "apiKey"}, {"in", "header"}, {"name", "X-API-Key"}}}}}}},
      {"security", json::array{json::object{{"bearer", json::array()}},
                               json::object{{"key", json::array()}}, json::object()}}};
  return json::serialize(document);
}

}  // namespace opaline::gateway
