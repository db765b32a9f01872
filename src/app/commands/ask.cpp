#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "app/command.hpp"
#include "app/server_connection.hpp"
#include "app/terminal.hpp"

namespace opaline::app {
namespace {

namespace json = boost::json;

struct AskOptions {
  ServerOptions server;
  std::string question;
  int sources = 5;
  std::string collection = "default";
  bool as_json = false;
};

/// Those that the answer cites; a declined answer has none.
void print_sources(const json::value& sources) {
  if (!sources.is_array()) return;
  bool first = true;
  for (const json::value& source : sources.get_array()) {
    if (const json::value* cited = member_of(source, "cited"); cited != nullptr && *cited == false)
      continue;
    if (std::exchange(first, false)) fmt::print("\n{}\n", bold("Sources"));
    const std::string path = text_of(source, "title_path");
    const std::string place = path.empty() ? text_of(source, "title") : path;
    fmt::print("[{}] {}  {}\n", static_cast<int>(number_of(source, "index", 0)),
               printable(text_of(source, "source")), dim(shortened(printable(place), 90)));
    const std::string quote = text_of(source, "quote");
    if (!quote.empty()) fmt::print("    {}\n", dim("“" + shortened(printable(quote), 180) + "”"));
  }
}

base::Task<int> ask_as_json(std::shared_ptr<AskOptions> options) {
  ServerConnection server(options->server);
  const json::object body{{"query", options->question},
                          {"top_k", options->sources},
                          {"collection", options->collection}};
  auto reply = co_await server.call("POST", "/query", json::serialize(body));
  if (!reply) co_return failed(reply.error());
  fmt::print("{}\n", json::serialize(*reply));
  co_return kDone;
}

base::Task<int> ask(std::shared_ptr<AskOptions> options) {
  ServerConnection server(options->server);
  const json::object body{
      {"messages", json::array{json::object{{"role", "user"}, {"content", options->question}}}},
      {"stream", true},
      {"top_n", options->sources},
      {"index_name", options->collection}};
  json::value sources;
  std::string fault;
  bool printed = false;
  const auto on_event = [&](std::string_view data) {
    if (data == "[DONE]") return false;
    boost::system::error_code broken;
    const json::value chunk = json::parse(data, broken);
    if (broken) return true;
    if (const json::value* error = member_of(chunk, "error")) {
      fault = text_of(*error, "message", "the answer broke off");
      return false;
    }
    if (const json::value* found = member_of(chunk, "sources")) sources = *found;
    const json::value* choices = member_of(chunk, "choices");
    if (choices == nullptr || !choices->is_array() || choices->get_array().empty()) return true;
    if (const json::value* delta = member_of(choices->get_array()[0], "delta")) {
      fmt::print("{}", printable(text_of(*delta, "content")));
      std::fflush(stdout);
      printed = true;
    }
    return true;
  };
  auto streamed = co_await server.stream("/v1/chat/completions", json::serialize(body), on_event);
  if (printed) fmt::print("\n");
  if (!streamed) co_return failed(streamed.error());
  if (!fault.empty()) co_return failed(fault);
  print_sources(sources);
  co_return kDone;
}

}  // namespace

void add_ask(CLI::App& program, Action& action) {
  auto options = std::make_shared<AskOptions>();
  CLI::App* command = program.add_subcommand(
      "ask", "Ask a question; the answer streams, then its sources are listed");
  command->add_option("question", options->question, "The question")->required();
  command->add_option("-n,--sources", options->sources, "How many passages the answer may rest on")
      ->capture_default_str()
      ->check(CLI::Range(1, 50));
  command->add_option("--collection", options->collection, "Collection to ask")
      ->capture_default_str();
  command->add_flag("--json", options->as_json, "Print one JSON object: answer, declined, sources");
  options->server.add_to(*command);
  command->callback([&action, options] {
    action = [options] { return run_task(options->as_json ? ask_as_json(options) : ask(options)); };
  });
}

}  // namespace opaline::app
