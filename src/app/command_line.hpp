#pragma once

namespace opaline::app {

/// Reads the command line, runs the one command it names and returns the process's exit code:
/// 0 done, 1 the command failed (the reason is on stderr), 2 the command line itself is wrong.
int run_command_line(int argc, char** argv);

}  // namespace opaline::app
