#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "app/command.hpp"
#include "app/server_connection.hpp"
#include "app/terminal.hpp"
#include "operations/evaluate/evaluation.hpp"

namespace opaline::app {
namespace {

struct EvalOptions {
  ServerOptions server;
  std::string file;
  std::string collection = "default";
  std::string mode;
  int passages = 30;
  int sources = 5;
  bool no_reranking = false;
  bool as_json = false;
};

base::Result<operations::EvaluationSettings> settings_of(const EvalOptions& options,
                                                         ProgressLine& line) {
  operations::EvaluationSettings settings;
  OPALINE_TRY(settings.server, http::Endpoint::parse(options.server.url));
  settings.key = options.server.key;
  settings.collection = options.collection;
  settings.mode = options.mode;
  if (options.no_reranking) settings.reranking = operations::EvaluationSettings::Reranking::off;
  settings.passages = options.passages;
  settings.top_k = options.sources;
  settings.progress = [&line](std::size_t done, std::size_t all) { line.update(done, all); };
  return settings;
}

enum class Subject { retrieval, answers };

base::Task<int> evaluate(std::shared_ptr<EvalOptions> options, Subject subject) {
  auto questions = operations::read_questions(options->file);
  if (!questions) co_return failed(questions.error());
  ProgressLine line("asking", "questions");
  auto settings = settings_of(*options, line);
  if (!settings) co_return failed(settings.error());
  operations::Evaluation evaluation(std::move(*settings));
  if (subject == Subject::retrieval) {
    auto report = co_await evaluation.retrieval(std::move(*questions));
    line.end();
    if (!report) co_return failed(report.error());
    fmt::print("{}\n",
               options->as_json ? operations::to_json(*report) : operations::to_text(*report));
  } else {
    auto report = co_await evaluation.answers(std::move(*questions));
    line.end();
    if (!report) co_return failed(report.error());
    fmt::print("{}\n",
               options->as_json ? operations::to_json(*report) : operations::to_text(*report));
  }
  co_return kDone;
}

}  // namespace

void add_eval(CLI::App& program, Action& action) {
  auto options = std::make_shared<EvalOptions>();
  CLI::App* command = program.add_subcommand(
      "eval", "Measure retrieval or answers with questions whose answers are known");
  command->require_subcommand(1);
  command->footer(
      "FILE holds one JSON object a line {question, answer, aliases, pages, kind}, or TREC topics "
      "(.xml, judgements beside them).");
  CLI::App* retrieval =
      command->add_subcommand("retrieval", "hit@1/5/10, MRR, nDCG@10 and latency per stage");
  CLI::App* answers =
      command->add_subcommand("answers", "Right answers, citations that hold, refusals, latency");
  for (CLI::App* one : {retrieval, answers}) {
    one->add_option("file", options->file, "Questions")->required()->check(CLI::ExistingFile);
    one->add_option("--collection", options->collection, "Collection to ask")
        ->capture_default_str();
    one->add_flag("--json", options->as_json, "Print JSON, with the outcome of each question");
    options->server.add_to(*one);
  }
  retrieval->add_option("--mode", options->mode, "hybrid, dense or keyword (default: the server's)")
      ->check(CLI::IsMember({"hybrid", "dense", "keyword"}));
  retrieval->add_option("--passages", options->passages, "Passages asked for")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  retrieval->add_flag("--no-reranking", options->no_reranking, "Leave reranking out");
  answers->add_option("--sources", options->sources, "Passages an answer may rest on")
      ->capture_default_str()
      ->check(CLI::Range(1, 50));
  retrieval->callback([&action, options] {
    action = [options] { return run_task(evaluate(options, Subject::retrieval)); };
  });
  answers->callback([&action, options] {
    action = [options] { return run_task(evaluate(options, Subject::answers)); };
  });
}

}  // namespace opaline::app
