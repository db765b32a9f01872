#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json/serialize.hpp>

#include "app/command.hpp"
#include "app/server_connection.hpp"
#include "app/terminal.hpp"

namespace opaline::app {
namespace {

namespace json = boost::json;

struct SearchOptions {
  ServerOptions server;
  std::string query;
  int k = 5;
  std::string mode = "hybrid";
  std::string collection = "default";
  bool as_json = false;
};

std::string score(const json::value& scores, std::string_view stage) {
  const json::value* found = member_of(scores, stage);
  if (found == nullptr || !found->is_number()) return "     –";
  return fmt::format("{:6.3f}", found->to_number<double>());
}

void print(const json::value& reply) {
  const json::value* hits = member_of(reply, "hits");
  if (hits == nullptr || !hits->is_array() || hits->get_array().empty()) {
    fmt::print("Nothing was found. 'opaline documents list' shows what can be searched.\n");
    return;
  }
  fmt::print("{}\n", dim(" #   dense   bm25  fused rerank  source"));
  int number = 0;
  for (const json::value& hit : hits->get_array()) {
    const json::value none;
    const json::value* scores = member_of(hit, "scores");
    const json::value& all = scores == nullptr ? none : *scores;
    const std::string path = text_of(hit, "title_path");
    const std::string place = path.empty() ? text_of(hit, "title") : path;
    fmt::print("{:2}  {} {} {} {}  {}\n", ++number, score(all, "dense"), score(all, "bm25"),
               score(all, "fused"), score(all, "rerank"), bold(printable(text_of(hit, "source"))));
    fmt::print("    {}\n    {}\n", dim(shortened(printable(place), 100)),
               shortened(printable(text_of(hit, "text")), 160));
  }
}

base::Task<int> search(std::shared_ptr<SearchOptions> options) {
  ServerConnection server(options->server);
  const json::object body{{"query", options->query},
                          {"k", options->k},
                          {"mode", options->mode},
                          {"collection", options->collection}};
  auto reply = co_await server.call("POST", "/v1/search", json::serialize(body));
  if (!reply) co_return failed(reply.error());
  if (options->as_json) {
    fmt::print("{}\n", json::serialize(*reply));
  } else {
    print(*reply);
  }
  co_return kDone;
}

}  // namespace

void add_search(CLI::App& program, Action& action) {
  auto options = std::make_shared<SearchOptions>();
  CLI::App* command =
      program.add_subcommand("search", "Search the documents; shows the scores of each stage");
  command->add_option("query", options->query, "What to search for")->required();
  command->add_option("-k", options->k, "How many passages")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  command->add_option("--mode", options->mode, "Which indexes to ask")
      ->capture_default_str()
      ->check(CLI::IsMember({"hybrid", "dense", "keyword"}));
  command->add_option("--collection", options->collection, "Collection to search")
      ->capture_default_str();
  command->add_flag("--json", options->as_json, "Print the server's JSON");
  options->server.add_to(*command);
  command->callback(
      [&action, options] { action = [options] { return run_task(search(options)); }; });
}

}  // namespace opaline::app
