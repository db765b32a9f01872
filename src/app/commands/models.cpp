#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json/serialize.hpp>

#include "app/command.hpp"
#include "app/settings.hpp"
#include "app/terminal.hpp"
#include "engine/model_library.hpp"

namespace opaline::app {
namespace {

namespace json = boost::json;

struct ModelOptions {
  PlaceOptions places;
  std::vector<std::string> names;
  bool defaults = false;
  bool verify = false;
  bool as_json = false;
};

std::string_view kind_name(engine::ModelDescription::Kind kind) {
  switch (kind) {
    case engine::ModelDescription::Kind::encoder: return "encoder";
    case engine::ModelDescription::Kind::generator: return "generator";
    case engine::ModelDescription::Kind::other: return "other";
  }
  return "other";
}

json::object to_json(const engine::ModelEntry& entry) {
  return {{"name", entry.name},
          {"model", entry.model},
          {"role", entry.role},
          {"format", entry.format},
          {"licence", entry.licence},
          {"licence_url", entry.licence_url},
          {"file", entry.file.string()},
          {"bytes", entry.bytes},
          {"state", engine::name(entry.state)},
          {"present", entry.state != engine::ModelEntry::State::absent},
          {"preferred", entry.preferred}};
}

int list(const ModelOptions& options) {
  const engine::ModelLibrary library(options.places.model_folder());
  const auto entries = library.list(options.verify ? engine::ModelLibrary::Check::digests
                                                   : engine::ModelLibrary::Check::sizes);
  if (options.as_json) {
    json::array rows;
    for (const auto& entry : entries) rows.emplace_back(to_json(entry));
    fmt::print("{}\n", json::serialize(
                           json::object{{"folder", library.folder().string()}, {"models", rows}}));
    return kDone;
  }
  fmt::print("{}\n", dim(fmt::format("{:<28} {:<10} {:>10}  {:<10} licence", "name", "role", "size",
                                     "state")));
  for (const auto& entry : entries) {
    fmt::print("{:<28} {:<10} {:>10}  {:<10} {}{}\n", entry.name, entry.role,
               entry.bytes == 0 ? "–" : readable_bytes(entry.bytes), engine::name(entry.state),
               entry.licence, entry.preferred ? dim("  (default)") : "");
  }
  fmt::print("{}\n", dim("in " + library.folder().string()));
  return kDone;
}

std::string_view step_name(engine::PullProgress::Step step) {
  switch (step) {
    case engine::PullProgress::Step::waiting: return "waiting for another pull of";
    case engine::PullProgress::Step::downloading: return "downloading";
    case engine::PullProgress::Step::unpacking: return "unpacking";
    case engine::PullProgress::Step::converting: return "converting";
    case engine::PullProgress::Step::finishing: return "finishing";
  }
  return "";
}

int pull(ModelOptions& options) {
  if (options.defaults) options.names = {"all-minilm-l6-v2", "gemma-3-270m"};
  if (options.names.empty())
    return failed("name a model ('opaline models list' shows them), or give --default");
  const engine::ModelLibrary library(options.places.model_folder());
  json::array rows;
  for (const std::string& name : options.names) {
    ProgressLine line(name, "KiB");
    engine::PullProgress::Step last{};
    std::string last_what;
    engine::PullOptions how;
    how.on_progress = [&](const engine::PullProgress& progress) {
      if (options.as_json) return;
      if (progress.step == engine::PullProgress::Step::downloading && progress.bytes_total > 0) {
        line.update(progress.bytes / 1024, progress.bytes_total / 1024);
      } else if (progress.step != last || progress.what != last_what) {
        line.end();
        fmt::print(stderr, "   {}: {} {}\n", name, step_name(progress.step), progress.what);
      }
      last = progress.step;
      last_what = progress.what;
    };
    const auto entries = library.pull(name, how);
    line.end();
    if (!entries) return failed(entries.error());
    for (const auto& entry : *entries) {
      rows.emplace_back(to_json(entry));
      if (!options.as_json) {
        fmt::print("   {} ({}, licence: {})\n", entry.file.string(), readable_bytes(entry.bytes),
                   entry.licence);
      }
    }
  }
  if (options.as_json) fmt::print("{}\n", json::serialize(json::object{{"models", rows}}));
  return kDone;
}

int inspect(const ModelOptions& options) {
  const engine::ModelLibrary library(options.places.model_folder());
  const auto model = library.inspect(options.names.front());
  if (!model) return failed(model.error());
  if (options.as_json) {
    fmt::print("{}\n", json::serialize(json::object{{"file", model->file.string()},
                                                    {"name", model->name},
                                                    {"architecture", model->architecture},
                                                    {"kind", kind_name(model->kind)},
                                                    {"quantisation", model->quantisation},
                                                    {"licence", model->licence},
                                                    {"parameters", model->parameters},
                                                    {"context_tokens", model->context_tokens},
                                                    {"dimension", model->dimension},
                                                    {"layers", model->layers},
                                                    {"vocabulary", model->vocabulary},
                                                    {"bytes", model->bytes},
                                                    {"chat_template", model->chat_template}}));
    return kDone;
  }
  fmt::print("{}\n", bold(printable(model->name)));
  fmt::print(
      "  file            {}\n  architecture    {} ({})\n  parameters      {:.1f} million\n  "
      "quantisation    {}\n",
      model->file.string(), printable(model->architecture), kind_name(model->kind),
      static_cast<double>(model->parameters) / 1e6, model->quantisation);
  fmt::print(
      "  context         {} tokens\n  dimension       {}\n  layers          {}\n  vocabulary      "
      "{}\n  size            {}\n",
      model->context_tokens, model->dimension, model->layers, model->vocabulary,
      readable_bytes(model->bytes));
  fmt::print("  chat template   {}\n",
             model->chat_template ? "yes" : "no (a base model: it continues text)");
  if (!model->licence.empty()) fmt::print("  licence         {}\n", printable(model->licence));
  return kDone;
}

}  // namespace

void add_models(CLI::App& program, Action& action) {
  auto options = std::make_shared<ModelOptions>();
  CLI::App* command = program.add_subcommand("models", "List, fetch and inspect models");
  command->require_subcommand(1);
  CLI::App* listing = command->add_subcommand("list", "What Opaline knows, and what is there");
  listing->add_flag("--verify", options->verify, "Compare the SHA-256 of each file, too");
  CLI::App* pulling =
      command->add_subcommand("pull", "Fetch models by name, with checksum and progress");
  pulling->add_option("name", options->names, "Names, as 'models list' prints them");
  pulling->add_flag("--default", options->defaults,
                    "The two models that Opaline uses unless told otherwise");
  CLI::App* inspecting = command->add_subcommand(
      "inspect", "Read what a GGUF file says of itself, without loading it");
  inspecting->add_option("model", options->names, "A name or a file")->required()->expected(1);
  for (CLI::App* one : {listing, pulling, inspecting}) {
    one->add_flag("--json", options->as_json, "Print JSON");
    options->places.add_to(*one);
  }
  listing->callback([&action, options] { action = [options] { return list(*options); }; });
  pulling->callback([&action, options] { action = [options] { return pull(*options); }; });
  inspecting->callback([&action, options] { action = [options] { return inspect(*options); }; });
}

}  // namespace opaline::app
