#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <map>
#include <system_error>

#include "app/command.hpp"
#include "app/terminal.hpp"
#include "flow/dialects/convert.hpp"
#include "flow/flow_text.hpp"

namespace opaline::app {
namespace {

namespace fs = std::filesystem;

struct Conversion {
  std::string from;
  std::string to;
  flow::Dialect dialect = flow::Dialect::opaline;
  bool partial = false;
};

/// @return an error's words; empty: done.
std::string write_file(const fs::path& path, const std::string& text) {
  // A new file beside it first: a full disk must not cost the old one.
  fs::path fresh = path;
  fresh += ".new";
  std::ofstream out(fresh, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  std::error_code error;
  if (out) fs::rename(fresh, path, error);
  if (out && !error) return {};
  fs::remove(fresh, error);
  return fmt::format("{} cannot be written; is there such a folder, and may you write to it?",
                     path.string());
}

int convert(const Conversion& asked) {
  const auto text = flow::read_flow_text(asked.from);
  if (!text) return failed(text.error());
  const auto made = flow::convert(*text, asked.from, asked.dialect);
  if (!made) {
    fmt::print(stderr, "{}\n", printable(made.error().message));
    return kFailed;
  }
  for (const std::string& note : made->notes) fmt::print(stderr, "note: {}\n", printable(note));
  for (const std::string& loss : made->losses) {
    fmt::print(stderr, "{} cannot say: {}\n", flow::title(asked.dialect), printable(loss));
  }
  if (!made->losses.empty() && !asked.partial) {
    fmt::print(stderr,
               "Nothing was written. With --partial the rest is, and the file begins with what it "
               "lacks{}.\n",
               asked.dialect == flow::Dialect::studio ? " (but JSON has no comments)" : "");
    return kFailed;
  }
  if (asked.to == "-") {
    fmt::print("{}", made->text);
    return kDone;
  }
  if (const std::string wrong = write_file(asked.to, made->text); !wrong.empty()) {
    fmt::print(stderr, "{}\n", printable(wrong));
    return kFailed;
  }
  fmt::print("{} is {}.\n", printable(asked.to), flow::title(asked.dialect));
  return kDone;
}

}  // namespace

void add_flow(CLI::App& program, Action& action) {
  CLI::App* command = program.add_subcommand("flow", "Convert flow files between forms");
  command->require_subcommand(1);
  auto asked = std::make_shared<Conversion>();
  CLI::App* converter = command->add_subcommand(
      "convert",
      "Write a flow file in another form. Read are flows of steps, OPEA's RFC, GMC's custom "
      "resources, the exporter's mega.yaml and GenAIStudio's JSON; what the other form cannot say "
      "is named");
  converter->add_option("from", asked->from, "The flow file, of any form")->required();
  converter->add_option("to", asked->to, "The file to write; - for the terminal")->required();
  static const std::map<std::string, flow::Dialect> kForms = [] {
    std::map<std::string, flow::Dialect> forms;
    for (const flow::Dialect one : flow::kDialects) forms.emplace(flow::name(one), one);
    return forms;
  }();
  converter
      ->add_option_function<std::string>(
          "--form", [asked](const std::string& name) { asked->dialect = kForms.at(name); },
          "opaline (a flow of steps), opea (the RFC's), gmc, exporter or studio")
      ->check(CLI::IsMember({"opaline", "opea", "gmc", "exporter", "studio"}))
      ->default_str("opaline");
  converter->add_flag("--partial", asked->partial,
                      "Write what can be said, even if that is not all");
  converter->callback([&action, asked] { action = [asked] { return convert(*asked); }; });
}

}  // namespace opaline::app
