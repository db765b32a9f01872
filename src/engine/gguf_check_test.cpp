#include "engine/gguf_check.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "engine/engine_fixture.hpp"

namespace opaline::engine {
namespace {

TEST(GgufCheck, ReadsASoundFile) {
  const std::string file = small_gguf();
  const auto head = check_gguf(as_bytes(file));
  ASSERT_TRUE(head) << head.error().message;
  EXPECT_EQ(head->find_text("general.architecture"), "bert");
  EXPECT_EQ(head->find_number("bert.block_count"), 1U);
  ASSERT_NE(head->find_array("tokenizer.ggml.tokens"), nullptr);
  EXPECT_EQ(head->find_array("tokenizer.ggml.tokens")->count, 2U);
  ASSERT_EQ(head->tensors.size(), 2U);
  EXPECT_EQ(head->tensors[0].type, "F32");
  EXPECT_EQ(head->tensors[0].bytes, 32U);
  EXPECT_EQ(head->tensor_bytes_end, file.size());
  EXPECT_TRUE(check_gguf_model(*head));
}

TEST(GgufCheck, RefusesAFileCutAnywhere) {
  const std::string file = small_gguf();
  for (std::size_t size = 0; size < file.size(); ++size) {
    const auto head = check_gguf(as_bytes(std::string_view(file).substr(0, size)));
    ASSERT_FALSE(head) << "cut at " << size;
    EXPECT_EQ(head.error().code, base::ErrorCode::invalid_argument);
  }
}

TEST(GgufCheck, SurvivesAnyByteChanged) {
  const std::string file = small_gguf();
  for (std::size_t at = 0; at < file.size(); ++at) {
    for (const int flip : {0x01, 0x80, 0xFF}) {
      std::string changed = file;
      changed[at] = static_cast<char>(changed[at] ^ flip);
      const auto head = check_gguf(as_bytes(changed));
      if (head) static_cast<void>(check_gguf_model(*head));
    }
  }
}

TEST(GgufCheck, RefusesWhatContradictsItself) {
  constexpr auto kHuge = std::numeric_limits<std::uint64_t>::max();
  const std::vector<std::pair<const char*, std::string>> files = {
      {"empty", ""},
      {"other magic", GgufBytes().raw("GGML").number(3).number(0L).number(0L).bytes()},
      {"version 1", GgufBytes().head(0, 0, 1).bytes()},
      {"version 4", GgufBytes().head(0, 0, 4).bytes()},
      {"big endian", GgufBytes().head(0, 0, 0x03000000).bytes()},
      {"too many settings", GgufBytes().head(0, kHuge).bytes()},
      {"too many tensors", GgufBytes().head(kHuge, 0).bytes()},
      {"key longer than the file", GgufBytes().head(0, 1).number(kHuge).bytes()},
      {"key without name", GgufBytes().head(0, 1).text_value("", "x").bytes()},
      {"unknown value type", GgufBytes().head(0, 1).text("k").number(13U).number(0L).bytes()},
      {"boolean of 2", GgufBytes().head(0, 1).text("k").number(7U).number<std::uint8_t>(2).bytes()},
      {"array longer than the file",
       GgufBytes().head(0, 1).text("k").number(9U).number(4U).number(kHuge).bytes()},
      {"array of arrays",
       GgufBytes().head(0, 1).text("k").number(9U).number(9U).number(1L).bytes()},
      {"setting twice", GgufBytes().head(0, 2).number_value("k", 1).number_value("k", 2).bytes()},
      {"alignment 3", GgufBytes()
                          .head(1, 1)
                          .number_value("general.alignment", 3)
                          .tensor("t", 1, 0)
                          .pad()
                          .raw("1234")
                          .bytes()},
      {"tensor twice", GgufBytes()
                           .head(2, 0)
                           .tensor("t", 8, 0)
                           .tensor("t", 8, 32)
                           .pad()
                           .raw(std::string(64, 'x'))
                           .bytes()},
      {"tensors overlap", GgufBytes()
                              .head(2, 0)
                              .tensor("s", 8, 0)
                              .tensor("t", 8, 0)
                              .pad()
                              .raw(std::string(64, 'x'))
                              .bytes()},
      {"tensor past the end",
       GgufBytes().head(1, 0).tensor("t", 1000, 0).pad().raw(std::string(64, 'x')).bytes()},
      {"tensor without end",
       GgufBytes().head(1, 0).tensor("t", kHuge / 2, 0).pad().raw(std::string(64, 'x')).bytes()},
      {"tensor of nothing",
       GgufBytes().head(1, 0).tensor("t", 0, 0).pad().raw(std::string(64, 'x')).bytes()},
      {"tensor of unknown type",
       GgufBytes().head(1, 0).tensor("t", 8, 0, 9999).pad().raw(std::string(64, 'x')).bytes()},
      {"tensor of a removed type",
       GgufBytes().head(1, 0).tensor("t", 32, 0, 4).pad().raw(std::string(64, 'x')).bytes()},
      {"row is no multiple of a block",
       GgufBytes().head(1, 0).tensor("t", 33, 0, 8).pad().raw(std::string(64, 'x')).bytes()},
      {"five dimensions",
       GgufBytes().head(1, 0).text("t").number(5U).raw(std::string(60, '\1')).pad().bytes()},
      {"long tensor name", GgufBytes()
                               .head(1, 0)
                               .tensor(std::string(64, 'n'), 8, 0)
                               .pad()
                               .raw(std::string(64, 'x'))
                               .bytes()},
  };
  for (const auto& [what, bytes] : files) {
    const auto head = check_gguf(as_bytes(bytes));
    ASSERT_FALSE(head) << what;
    EXPECT_EQ(head.error().code, base::ErrorCode::invalid_argument) << what;
  }
}

TEST(GgufCheck, RefusesModelsThatWouldAbortLlama) {
  const std::string sound = small_gguf();
  const auto broken = [&](const auto& change) {
    auto head = check_gguf(as_bytes(sound));
    change(*head);
    return check_gguf_model(*head);
  };
  using Head = GgufHead&;
  EXPECT_TRUE(broken([](Head) {}));
  EXPECT_FALSE(broken([](Head head) { head.values.erase("general.architecture"); }));
  EXPECT_FALSE(broken([](Head head) { head.tensors.clear(); }));
  EXPECT_FALSE(broken([](Head head) { head.values["bert.block_count"] = std::uint64_t{0}; }));
  EXPECT_FALSE(broken([](Head head) { head.values["bert.block_count"] = std::uint64_t{100'000}; }));
  EXPECT_FALSE(broken([](Head head) { head.values["bert.embedding_length"] = std::string("8"); }));
  EXPECT_FALSE(
      broken([](Head head) { head.values["bert.attention.head_count"] = std::uint64_t{0}; }));
  EXPECT_FALSE(broken([](Head head) { head.values.erase("tokenizer.ggml.tokens"); }));
  EXPECT_FALSE(
      broken([](Head head) { head.values["tokenizer.ggml.tokens"] = GgufHead::Array{4, 2}; }));
  EXPECT_FALSE(
      broken([](Head head) { head.values["tokenizer.ggml.scores"] = GgufHead::Array{6, 1}; }));
  EXPECT_FALSE(
      broken([](Head head) { head.values["tokenizer.ggml.token_type"] = GgufHead::Array{6, 2}; }));
  EXPECT_FALSE(
      broken([](Head head) { head.values["tokenizer.ggml.merges"] = GgufHead::Array{5, 2}; }));
}

}  // namespace
}  // namespace opaline::engine
