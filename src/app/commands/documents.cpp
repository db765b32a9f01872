#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json/serialize.hpp>

#include "app/command.hpp"
#include "app/server_connection.hpp"
#include "app/terminal.hpp"

namespace opaline::app {
namespace {

namespace json = boost::json;

struct DocumentOptions {
  ServerOptions server;
  std::string collection;
  std::vector<std::string> ids;
  bool text = false;
  bool as_json = false;
};

void print_list(const json::value& reply) {
  const json::value* documents = member_of(reply, "documents");
  if (documents == nullptr || !documents->is_array() || documents->get_array().empty()) {
    fmt::print("No documents yet. Add some with 'opaline ingest PATH'.\n");
    return;
  }
  fmt::print("{}\n", dim(fmt::format("{:<18} {:>7} {:>10}  source", "id", "chunks", "size")));
  for (const json::value& document : documents->get_array()) {
    fmt::print("{:<18} {:>7} {:>10}  {}\n", text_of(document, "id"),
               static_cast<std::uint64_t>(number_of(document, "chunks")),
               readable_bytes(static_cast<std::uint64_t>(number_of(document, "bytes"))),
               printable(text_of(document, "source")));
  }
  fmt::print("{}\n", dim(fmt::format("{} documents", documents->get_array().size())));
}

base::Task<int> list(std::shared_ptr<DocumentOptions> options) {
  ServerConnection server(options->server);
  json::array all;
  std::string after;
  for (;;) {
    std::string path = "/v1/documents?limit=1000";
    if (!options->collection.empty()) path += "&collection=" + url_encoded(options->collection);
    if (!after.empty()) path += "&after=" + url_encoded(after);
    auto reply = co_await server.call("GET", path, "");
    if (!reply) co_return failed(reply.error());
    const json::value* page = member_of(*reply, "documents");
    if (page == nullptr || !page->is_array() || page->get_array().empty()) break;
    for (const json::value& document : page->get_array()) all.push_back(document);
    after = text_of(page->get_array().back(), "id");
    if (page->get_array().size() < 1000) break;
  }
  const json::value reply = json::object{{"documents", std::move(all)}};
  if (options->as_json) {
    fmt::print("{}\n", json::serialize(reply));
  } else {
    print_list(reply);
  }
  co_return kDone;
}

base::Task<int> show(std::shared_ptr<DocumentOptions> options) {
  ServerConnection server(options->server);
  const std::string path = "/v1/documents/" + url_encoded(options->ids.front());
  auto reply = co_await server.call("GET", options->text ? path + "/text" : path, "");
  if (!reply) co_return failed(reply.error());
  if (options->as_json) {
    fmt::print("{}\n", json::serialize(*reply));
  } else if (options->text) {
    fmt::print("{}\n", printable(text_of(*reply, "text")));
  } else {
    for (const auto& [key, value] : reply->is_object() ? reply->get_object() : json::object()) {
      fmt::print("{:<12} {}\n", std::string_view(key), printable(text_of(*reply, key)));
    }
  }
  co_return kDone;
}

base::Task<int> remove(std::shared_ptr<DocumentOptions> options) {
  ServerConnection server(options->server);
  for (const std::string& id : options->ids) {
    auto reply = co_await server.call("DELETE", "/v1/documents/" + url_encoded(id), "");
    if (!reply) co_return failed(reply.error());
    if (!options->as_json) fmt::print("{} is deleted: gone from every index.\n", id);
  }
  if (options->as_json) fmt::print("{{\"deleted\":{}}}\n", options->ids.size());
  co_return kDone;
}

}  // namespace

void add_documents(CLI::App& program, Action& action) {
  auto options = std::make_shared<DocumentOptions>();
  CLI::App* command =
      program.add_subcommand("documents", "List, show and delete what can be searched");
  command->require_subcommand(1);

  CLI::App* listing = command->add_subcommand("list", "List the documents");
  listing->add_option("--collection", options->collection, "Only this collection");
  CLI::App* showing = command->add_subcommand("show", "Show one document");
  showing->add_option("id", options->ids, "Its id, as 'documents list' prints it")
      ->required()
      ->expected(1);
  showing->add_flag("--text", options->text, "Print its text, as it is searched");
  CLI::App* deleting =
      command->add_subcommand("delete", "Delete documents, from every index at once");
  deleting->add_option("id", options->ids, "Their ids")->required();

  for (CLI::App* one : {listing, showing, deleting}) {
    one->add_flag("--json", options->as_json, "Print JSON");
    options->server.add_to(*one);
  }
  listing->callback([&action, options] { action = [options] { return run_task(list(options)); }; });
  showing->callback([&action, options] { action = [options] { return run_task(show(options)); }; });
  deleting->callback(
      [&action, options] { action = [options] { return run_task(remove(options)); }; });
}

}  // namespace opaline::app
