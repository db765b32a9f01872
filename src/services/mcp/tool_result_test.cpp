#include "services/mcp/tool_result.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <vector>

namespace opaline::services {
namespace {

namespace json = boost::json;
using base::ErrorCode;

base::Result<json::value> read(const char* result) {
  return read_tool_result(json::parse(result).as_object(), "the tool");
}

TEST(ToolResult, IsTheStructuredContentOrTheJsonOrTheText) {
  struct Row {
    const char* result;
    const char* output;
  };
  const std::vector<Row> table = {
      {R"({"content":[{"type":"text","text":"{\"a\":1}"}],"structuredContent":{"b":2}})",
       R"({"b":2})"},
      {R"({"content":[{"type":"text","text":"{\"a\":1}"}]})", R"({"a":1})"},
      {R"({"content":[{"type":"text","text":"[1]"}],"isError":false})", R"([1])"},
      {R"({"content":[{"type":"text","text":"42"}]})", R"({"text":"42"})"},
      {R"({"content":[{"type":"text","text":"{a"},{"type":"text","text":"b"}]})",
       R"({"text":"{a\nb"})"},
      {R"({"content":[{"type":"image","data":"x","mimeType":"image/png"}]})",
       R"({"content":[{"type":"image","data":"x","mimeType":"image/png"}]})"},
      {R"({"content":[]})", R"({"content":[]})"},
      {R"({"content":[7,{"text":5}],"structuredContent":[1]})", R"({"content":[7,{"text":5}]})"},
      {R"({"structuredContent":{"b":2}})", R"({"b":2})"}};
  for (const Row& row : table) {
    const auto output = read(row.result);
    ASSERT_TRUE(output) << row.result;
    EXPECT_EQ(json::serialize(*output), row.output);
  }
}

TEST(ToolResult, IsAnErrorWhenTheToolSaysSo) {
  auto failed = read(R"({"content":[{"type":"text","text":"no tea"}],"isError":true})");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::failed_precondition);
  EXPECT_EQ(failed.error().message, "the tool failed: no tea");
  failed = read(R"({"content":[],"isError":true,"structuredContent":{}})");
  EXPECT_EQ(failed.error().message, "the tool failed: it does not say why");
  const std::string text(2000, 'x');
  failed = read_tool_result({{"content", {{{"text", text}}}}, {"isError", true}}, "the tool");
  EXPECT_LT(failed.error().message.size(), 600u);
}

TEST(ToolResult, IsOursToReportWhenItIsNone) {
  for (const char* none : {R"({})", R"({"content":"x"})", R"({"structuredContent":5})"}) {
    const auto output = read(none);
    ASSERT_FALSE(output) << none;
    EXPECT_EQ(output.error().code, ErrorCode::internal);
  }
}

TEST(ToolResult, TellsErrorsOfTheProtocolAndOfHttpApart) {
  EXPECT_EQ(tool_error({.code = -32602, .message = "no 'x'"}, "t").code,
            ErrorCode::invalid_argument);
  EXPECT_EQ(tool_error({.code = -32601, .message = "?"}, "t").code, ErrorCode::failed_precondition);
  EXPECT_EQ(tool_error({.code = -1, .message = "why"}, "t").message, "t refused the call: why");
  const std::vector<std::pair<unsigned, ErrorCode>> table = {
      {307, ErrorCode::failed_precondition}, {400, ErrorCode::invalid_argument},
      {401, ErrorCode::failed_precondition}, {404, ErrorCode::failed_precondition},
      {413, ErrorCode::invalid_argument},    {422, ErrorCode::invalid_argument},
      {429, ErrorCode::resource_exhausted},  {500, ErrorCode::unavailable},
      {503, ErrorCode::unavailable}};
  for (const auto& [status, code] : table) {
    const auto error = status_error(status, "a body", "t");
    EXPECT_EQ(error.code, code) << status;
    EXPECT_TRUE(error.message.contains(std::to_string(status)));
    EXPECT_EQ(error.detail, "a body");
  }
}

}  // namespace
}  // namespace opaline::services
