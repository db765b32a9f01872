#include "flow/any_flow.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "base/limits.hpp"

namespace opaline::flow {
namespace {

/// A folder of its own, removed at the end.
class Folder {
 public:
  Folder() {
    std::string name = testing::TempDir() + "opaline-flow-XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::filesystem::path write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name) << text;
    return path_ / name;
  }
  std::string text() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

std::string message(const base::Result<AnyFlow>& flow) {
  return flow ? std::string() : flow.error().message;
}

TEST(AnyFlow, TellsTheFormByItsKeys) {
  const auto steps = read_any_flow("flow: a\nsteps: {x: {uses: llm}}\n", "f");
  ASSERT_TRUE(steps) << steps.error().message;
  EXPECT_TRUE(std::holds_alternative<StepFlow>(*steps));
  const auto mega = read_any_flow("opea_micro_services: {llm: {}}\n", "f");
  ASSERT_TRUE(mega) << mega.error().message;
  EXPECT_TRUE(std::holds_alternative<FlowSpec>(*mega));
}

TEST(AnyFlow, TheReaderOfOpeasFormSaysWhichFormItIs) {
  const auto flow = read_flow("flow: a\nsteps: {x: {uses: llm}}\n", "f");
  ASSERT_FALSE(flow);
  EXPECT_EQ(flow.error().message,
            "f:1:1: this is a flow of steps; expected one with the keys opea_micro_services and "
            "opea_mega_service");
}

TEST(AnyFlow, SaysWhatNeitherFormHas) {
  EXPECT_EQ(message(read_any_flow("", "f")), "f:1:1: the file is empty");
  EXPECT_TRUE(message(read_any_flow("a: 1\n", "f")).contains("opea_micro_services"));
  EXPECT_TRUE(message(read_any_flow("steps: {}\nopea_micro_services: {llm: {}}\n", "f"))
                  .contains("unknown key 'steps'"));
}

TEST(AnyFlow, ReadsTheFlowsThatItsStepsRun) {
  const Folder folder;
  folder.write("inner/audit.yaml", "flow: audit\nsteps: {x: {uses: ./deep.yaml}}\n");
  folder.write("inner/deep.yaml", "opea_micro_services: {llm: {}}\n");
  const auto file = folder.write("main.yaml",
                                 "flow: main\nsteps:\n  a: {uses: inner/audit.yaml}\n"
                                 "  b: {uses: inner/audit.yaml, needs: a}\n");
  const auto flow = load_any_flow(file);
  ASSERT_TRUE(flow) << flow.error().message;
  const auto& outer = std::get<StepFlow>(*flow);
  ASSERT_EQ(outer.flows.size(), 1U);
  EXPECT_EQ(outer.steps[0].sub_flow, 0U);
  EXPECT_EQ(outer.steps[1].sub_flow, 0U);
  const auto& audit = std::get<StepFlow>(*outer.flows[0].flow);
  EXPECT_EQ(audit.name, "audit");
  EXPECT_TRUE(std::holds_alternative<FlowSpec>(*audit.flows[0].flow));
}

TEST(AnyFlow, ATextAloneOnlyNamesThem) {
  const auto flow = read_any_flow("flow: a\nsteps: {x: {uses: ./b.yaml}}\n", "f");
  ASSERT_TRUE(flow);
  EXPECT_EQ(std::get<StepFlow>(*flow).flows[0], (SubFlow{.file = "./b.yaml", .flow = {}}));
}

TEST(AnyFlow, MistakesInsideAreListedToo) {
  const Folder folder;
  folder.write("b.yaml", "flow: b\nsteps: {x: {uses: lm}}\n");
  const auto file =
      folder.write("a.yaml", "flow: a\nsteps: {x: {uses: ./b.yaml}, y: {uses: ./c.yaml}}\n");
  EXPECT_EQ(message(load_any_flow(file)),
            file.string() + ":2:19: './b.yaml' has mistakes:\n" + folder.text() +
                "/./b.yaml:2:19: 'lm' is no service; did you mean 'llm'?\n" + file.string() +
                ":2:40: no flow file '" + folder.text() + "/./c.yaml'");
}

TEST(AnyFlow, IsNotInsideOfItself) {
  const Folder folder;
  folder.write("b.yaml", "flow: b\nsteps: {x: {uses: ./a.yaml}}\n");
  const auto file = folder.write("a.yaml", "flow: a\nsteps: {x: {uses: ./b.yaml}}\n");
  EXPECT_TRUE(message(load_any_flow(file))
                  .contains("this flow is inside of itself: a.yaml >> b.yaml >> a.yaml"));
}

TEST(AnyFlow, BoundsHowDeepAndHowMany) {
  const Folder folder;
  for (std::size_t i = 0; i <= limits::kSubFlowDepth + 1; ++i) {
    folder.write(std::to_string(i) + ".yaml",
                 "flow: f\nsteps: {x: {uses: ./" + std::to_string(i + 1) + ".yaml}}\n");
  }
  folder.write(std::to_string(limits::kSubFlowDepth + 1) + ".yaml",
               "flow: f\nsteps: {x: {uses: llm}}\n");
  EXPECT_TRUE(message(load_any_flow(folder.text() + "/0.yaml"))
                  .contains("flows are at most 8 deep inside of one another"));
  EXPECT_TRUE(load_any_flow(folder.text() + "/1.yaml"));

  std::string many = "flow: f\nsteps:\n";
  for (int i = 0; i < 20; ++i) {
    many += "  s" + std::to_string(i) + ": {uses: ./m" + std::to_string(i) + ".yaml}\n";
    std::string inner = "flow: f\nsteps:\n";
    for (int j = 0; j < 20; ++j) {
      inner += "  s" + std::to_string(j) + ": {uses: ./n" + std::to_string(j) + ".yaml}\n";
    }
    folder.write("m" + std::to_string(i) + ".yaml", inner);
    folder.write("n" + std::to_string(i) + ".yaml", "flow: f\nsteps: {x: {uses: llm}}\n");
  }
  EXPECT_TRUE(message(load_any_flow(folder.write("many.yaml", many)))
                  .contains("a flow has at most 256 flows inside"));
}

TEST(AnyFlow, AFileThatIsNotThereIsNotFound) {
  const auto flow = load_any_flow("/nowhere/flow.yaml");
  ASSERT_FALSE(flow);
  EXPECT_EQ(flow.error().code, base::ErrorCode::not_found);
}

}  // namespace
}  // namespace opaline::flow
