#include "flow/describe.hpp"

#include <gtest/gtest.h>

namespace opaline::flow {
namespace {

TEST(Describe, ShowsAChain) {
  EXPECT_EQ(describe(built_in_flow()),
            "http://127.0.0.1:8080/v1/chatqna\n"
            "└─ embedding                embedding  built in, in a child process\n"
            "   └─ retrieval             retrieval  built in\n"
            "      └─ reranking          reranking  built in, in a child process\n"
            "         └─ llm             llm        built in\n");
}

TEST(Describe, ShowsBranchesPlacesServicesBesideTheFlowAndNotes) {
  const auto spec = read_flow(
      "opea_micro_services:\n"
      "  dataprep: {port: 5000}\n"
      "  embedding: {url: \"http://tei:80\", endpoint: /embed}\n"
      "  retrieval1: {port: 7000, host: \"::1\"}\n"
      "  retrieval2: {run: here}\n"
      "  llm: {model: m}\n"
      "opea_mega_service:\n"
      "  mega_flow: embedding >> (retrieval1, retrieval2) >> llm\n",
      "f");
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(
      describe(*spec),
      "http://127.0.0.1:8080/v1/chatqna\n"
      "└─ embedding                embedding  at http://tei:80/embed\n"
      "   ├─ retrieval1            retrieval  built in, also at http://[::1]:7000/v1/retrieval\n"
      "   │  └─ llm                llm        built in, in a child process\n"
      "   └─ retrieval2            retrieval  built in\n"
      "      └─ llm (above)\n"
      "beside the flow\n"
      "  dataprep                  dataprep   built in, also at "
      "http://127.0.0.1:5000/v1/dataprep\n");
  const auto alone = read_flow("opea_micro_services: {llm: , a-very-long-name-of-an-llm: }", "f");
  ASSERT_TRUE(alone);
  EXPECT_EQ(describe(*alone),
            "http://127.0.0.1:8080/v1/chatqna\n"
            "├─ llm                      llm        built in\n"
            "└─ a-very-long-name-of-an-llm llm        built in\n"
            "note: no mega_flow: every service works alone on the question, none on what another "
            "found\n");
}

}  // namespace
}  // namespace opaline::flow
