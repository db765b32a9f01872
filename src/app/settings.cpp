#include "app/settings.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "app/version.hpp"

namespace opaline::app {

namespace fs = std::filesystem;

void PlaceOptions::add_to(CLI::App& command) {
  command.add_option("--data", data,
                     "Data folder (default $OPALINE_DATA, else ~/.local/share/opaline)");
  command.add_option("--models", models,
                     "Model folder (default $OPALINE_MODELS, else models/ in the data folder)");
}

fs::path PlaceOptions::data_folder() const {
  if (!data.empty()) return data;
  if (const char* named = std::getenv("OPALINE_DATA"); named != nullptr && *named != '\0')
    return named;
  const char* home = std::getenv("HOME");
  return fs::path(home == nullptr || *home == '\0' ? "." : home) / ".local/share/opaline";
}

fs::path PlaceOptions::model_folder() const {
  if (!models.empty()) return models;
  if (const char* named = std::getenv("OPALINE_MODELS"); named != nullptr && *named != '\0')
    return named;
  return data_folder() / "models";
}

void ListenOptions::add_to(CLI::App& command) {
  command.add_option("--host", host, "Address to listen on; 0.0.0.0 for all (default 127.0.0.1)");
  command.add_option("--port", port, "Port; 0 for any free one (default 8080, or the flow file's)");
  command.add_option("--threads", threads, "I/O threads; 0 for one a core")
      ->capture_default_str()
      ->check(CLI::Range(0, 256));
  command.add_option("--api-key", keys,
                     "Ask for a key: NAME=REFERENCE or REFERENCE, where REFERENCE is env:VARIABLE, "
                     "file:PATH or sha256:HEX. "
                     "May be given several times");
  command
      .add_option("--rate-limit", rate_limit,
                  "Requests a minute for each key or address; 0 for no limit")
      ->capture_default_str()
      ->check(CLI::Range(0, 1'000'000));
  command.add_option("--request-time", request_seconds, "Seconds a request may take")
      ->capture_default_str()
      ->check(CLI::Range(1, 86'400));
  command.add_option("--query-characters", query_characters, "Longest question; 0 for no limit")
      ->capture_default_str();
  command.add_option("--origin", origins,
                     "Web origin that may call the API from its pages. May be given several times");
  command
      .add_option(
          "--errors", errors,
          "How OPEA's routes tell errors: opaline (a code, a sentence, a request id) or opea "
          "(as OPEA 1.5 does)")
      ->capture_default_str()
      ->check(CLI::IsMember({"opaline", "opea"}));
  command.add_option("--log-level", log_level, "debug, info, warning or error")
      ->capture_default_str()
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}));
  command.fallthrough();  // To --config, which belongs to the whole line.
}

base::Result<gateway::GatewaySettings> ListenOptions::gateway() const {
  gateway::GatewaySettings settings;
  for (const std::string& key : keys) {
    const bool bare =
        key.starts_with("env:") || key.starts_with("file:") || key.starts_with("sha256:");
    const auto equals = key.find('=');
    if (!bare && equals == std::string::npos) {
      return base::fail(base::ErrorCode::invalid_argument,
                        "--api-key wants a reference (env:VARIABLE, file:PATH or sha256:HEX), "
                        "never the key itself: "
                        "the command line can be read by others on this machine");
    }
    settings.keys.push_back(
        {.name = bare ? fmt::format("key-{}", settings.keys.size() + 1) : key.substr(0, equals),
         .reference = bare ? key : key.substr(equals + 1)});
  }
  settings.rate_limit.requests_per_minute = rate_limit;
  settings.query_characters = query_characters;
  settings.request_time = std::chrono::seconds(request_seconds);
  settings.origins = origins;
  if (errors == "opea") settings.errors = gateway::ErrorForm::opea;
  settings.version = kVersion;
  return settings;
}

}  // namespace opaline::app
