#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace opaline::app {

inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kMisused = 2;

/// What the chosen subcommand will do once the whole line is read; set by the subcommand's
/// callback.
using Action = std::function<int()>;

/// Each adds its subcommand to `program`; choosing it sets `action`. One file a command in
/// app/commands/.
void add_up(CLI::App& program, Action& action);
void add_serve(CLI::App& program, Action& action);
void add_ingest(CLI::App& program, Action& action);
void add_ask(CLI::App& program, Action& action);
void add_search(CLI::App& program, Action& action);
void add_documents(CLI::App& program, Action& action);
void add_services(CLI::App& program, Action& action);
void add_new(CLI::App& program, Action& action);
void add_graph(CLI::App& program, Action& action);
void add_flow(CLI::App& program, Action& action);
void add_check(CLI::App& program, Action& action);
void add_models(CLI::App& program, Action& action);
void add_doctor(CLI::App& program, Action& action);
void add_eval(CLI::App& program, Action& action);
void add_version(CLI::App& program, Action& action);
void add_parse(CLI::App& program, Action& action);

}  // namespace opaline::app
