#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "app/assembly.hpp"
#include "app/command.hpp"
#include "app/flow_watch.hpp"
#include "app/sample.hpp"
#include "app/stop_signal.hpp"
#include "app/terminal.hpp"
#include "app/version.hpp"
#include "base/log.hpp"

namespace opaline::app {
namespace {

void print_welcome(const Assembly& assembly, const UpSettings& settings) {
  const std::string url = assembly.url();
  fmt::print("Opaline {} listens on {}\n", kVersion, url);
  if (assembly.library() != nullptr) {
    fmt::print("  console  {}\n  data     {} ({} documents)\n", bold(url),
               settings.places.data_folder().string(), assembly.library()->statistics().documents);
    fmt::print("  answers  {}\n",
               assembly.answer_mode() == AnswerMode::extract
                   ? "quoted from the documents (extract); --answer generate lets the model write"
                   : "written by the language model (generate)");
    fmt::print("  try      opaline ask \"How do I add documents?\"\n");
    fmt::print(
        "           curl -s {}/query -H 'Content-Type: application/json' -d '{{\"query\": \"How do "
        "I add documents?\"}}'\n",
        url);
  } else {
    fmt::print("  flow     {}{}\n", url, assembly.flow().endpoint);
  }
  for (const std::string& note : assembly.flow().notes) fmt::print("  note     {}\n", note);
  std::fflush(stdout);
}

/// Says when the models are loaded; a person is waiting for it.
void announce_ready(const Assembly& assembly, const std::stop_token& stopping) {
  using namespace std::chrono_literals;
  const auto begun = std::chrono::steady_clock::now();
  while (!stopping.stop_requested() && !assembly.ready()) std::this_thread::sleep_for(20ms);
  if (stopping.stop_requested()) return;
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  fmt::print("  ready    after {:.1f} s. Stop with Ctrl+C.\n", took.count());
  std::fflush(stdout);
}

/// Reads the flow file again whenever it is written.
void follow_flow(FlowWatch& watch, Assembly& assembly, const UpSettings& settings,
                 const std::stop_token& stopping) {
  using namespace std::chrono_literals;
  std::mutex mutex;
  std::condition_variable_any woken;
  while (!stopping.stop_requested()) {
    std::unique_lock lock(mutex);
    woken.wait_for(lock, stopping, 300ms, [] { return false; });
    if (stopping.stop_requested() || !watch.changed()) continue;
    auto flow = watch.load();
    const auto done = flow ? assembly.serve(*flow) : base::fail(std::move(flow).error());
    if (done) {
      base::log(base::LogLevel::info, "flow_reloaded", {{"file", settings.flow}});
      fmt::print("  flow     {} was read again; new requests go its way\n", settings.flow);
    } else {
      base::log(base::LogLevel::warning, "flow_not_reloaded",
                {{"file", settings.flow}, {"reason", done.error().message}});
      fmt::print("  flow     {} was written, but nothing has changed:\n{}\n", settings.flow,
                 done.error().message);
    }
    std::fflush(stdout);
  }
}

int up(const std::shared_ptr<UpSettings>& settings) {
  base::set_log_level(settings->listen.log_level);
  StopSignal stop;
  FlowWatch watch(settings->flow);
  const auto read = watch.load();
  if (!read) return failed(read.error());
  auto assembly = Assembly::create(*settings, *read);
  if (!assembly) return failed(assembly.error());
  (*assembly)->start();
  print_welcome(**assembly, *settings);
  {
    std::jthread waiting(
        [&assembly](const std::stop_token& stopping) { announce_ready(**assembly, stopping); });
    std::jthread flow;
    if (!settings->flow.empty()) {
      flow = std::jthread([&watch, &assembly, &settings](const std::stop_token& stopping) {
        follow_flow(watch, **assembly, *settings, stopping);
      });
    }
    std::jthread sample;
    if (!settings->sample.empty() && (*assembly)->library() != nullptr &&
        (*assembly)->library()->statistics().documents == 0) {
      sample = std::jthread([&assembly, &settings] {
        ingest_sample((*assembly)->library()->dataprep(), settings->sample);
      });
    }
    stop.wait();
    fmt::print("Stopping: running requests end first.\n");
    std::fflush(stdout);
  }
  (*assembly)->stop();
  return kDone;
}

}  // namespace

void add_up(CLI::App& program, Action& action) {
  auto settings = std::make_shared<UpSettings>();
  CLI::App* command = program.add_subcommand(
      "up", "Start the server: gateway, console, and every step of the flow");
  command->add_option("flow", settings->flow, "A flow file (default: the built-in ChatQnA)");
  settings->places.add_to(*command);
  settings->listen.add_to(*command);
  command
      ->add_option("--embedding-model", settings->embedding_model,
                   "Model for vectors, by name or file")
      ->capture_default_str();
  command->add_option("--reranking-model", settings->reranking_model,
                      "A cross-encoder to rerank with, by name or file (default: late interaction "
                      "with the embedding model)");
  command->add_option("--llm-model", settings->llm_model,
                      "Language model, by name or file (default gemma-3-270m)");
  static const std::map<std::string, AnswerMode> kModes = {{"auto", AnswerMode::automatic},
                                                           {"generate", AnswerMode::generate},
                                                           {"extract", AnswerMode::extract}};
  command
      ->add_option_function<std::string>(
          "--answer", [settings](const std::string& mode) { settings->answer = kModes.at(mode); },
          "How to answer from documents: generate (the language model writes), extract (the "
          "best-supported sentences, verbatim), auto (generate when --llm-model is given)")
      ->check(CLI::IsMember({"auto", "generate", "extract"}))
      ->default_str("auto");
  command->add_option("--sample", settings->sample,
                      "A folder to ingest when there are no documents yet");
  command->add_flag("--private-links", settings->private_links,
                    "Allow links to private addresses to be ingested");
  command->footer(
      "Listens on 127.0.0.1 only, unless told otherwise. Options may stand in a TOML file: "
      "--config FILE.");
  command->callback([&action, settings] { action = [settings] { return up(settings); }; });
}

}  // namespace opaline::app
