#include "engine/safetensors.hpp"

#include <gtest/gtest.h>

#include "engine/engine_fixture.hpp"

namespace opaline::engine {
namespace {

std::string file_of(std::string_view header, std::string_view area) {
  return GgufBytes().text(header).raw(area).bytes();
}

TEST(Safetensors, GivesTensorsByName) {
  const std::string file = file_of(
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},)"
      R"("b":{"dtype":"F16","shape":[],"data_offsets":[8,10]}})",
      "0123456789");
  const auto parsed = parse_safetensors(as_bytes(file));
  ASSERT_TRUE(parsed) << parsed.error().message;
  ASSERT_EQ(parsed->tensors.size(), 2U);
  EXPECT_EQ(parsed->tensors.at("a").shape, (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(parsed->tensors.at("b").type, "F16");
  EXPECT_EQ(static_cast<char>(parsed->tensors.at("b").bytes[0]), '8');
}

TEST(Safetensors, RefusesWhatContradictsItself) {
  const std::vector<std::pair<const char*, std::string>> files = {
      {"empty", ""},
      {"shorter than its length", "abc"},
      {"header longer than the file", GgufBytes().number<std::uint64_t>(1000).raw("{}").bytes()},
      {"header without end", GgufBytes().number(~std::uint64_t{0}).raw("{}").bytes()},
      {"no JSON", file_of("{", "")},
      {"no object", file_of("[]", "")},
      {"tensor is no object", file_of(R"({"a":1})", "")},
      {"no type", file_of(R"({"a":{"shape":[1],"data_offsets":[0,4]}})", "0123")},
      {"unknown type", file_of(R"({"a":{"dtype":"F8","shape":[4],"data_offsets":[0,4]}})", "0123")},
      {"negative offset",
       file_of(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[-1,3]}})", "0123")},
      {"offsets the wrong way round",
       file_of(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[4,0]}})", "0123")},
      {"past the end", file_of(R"({"a":{"dtype":"U8","shape":[5],"data_offsets":[0,5]}})", "0123")},
      {"shape and offsets differ",
       file_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", "0123")},
      {"shape overflows",
       file_of(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,4]}})",
               "0123")},
      {"three offsets",
       file_of(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4,4]}})", "0123")},
  };
  for (const auto& [what, bytes] : files) {
    const auto parsed = parse_safetensors(as_bytes(bytes));
    ASSERT_FALSE(parsed) << what;
    EXPECT_EQ(parsed.error().code, base::ErrorCode::invalid_argument) << what;
  }
}

}  // namespace
}  // namespace opaline::engine
