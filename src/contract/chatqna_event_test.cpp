#include "contract/chatqna_event.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace opaline::contract {
namespace {

using namespace std::string_literals;

TEST(PythonBytes, FollowRepr) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {" Deep", "b' Deep'"},
      {"", "b''"},
      {"'s", "b\"'s\""},
      {"\"q\"", "b'\"q\"'"},
      {"'\"", "b'\\'\"'"},
      {"\xE4\xBD\xA0", "b'\\xe4\\xbd\\xa0'"},
      {"a\n\t\r\\", "b'a\\n\\t\\r\\\\'"},
      {std::string("\0\x1F\x7F", 3), "b'\\x00\\x1f\\x7f'"},
  };
  for (const auto& [bytes, text] : table) {
    EXPECT_EQ(python_bytes(bytes), text);
    EXPECT_EQ(read_python_bytes(text), bytes);
  }
  EXPECT_EQ(chatqna_event("'s"), "data: b\"'s\"\n\n");
}

TEST(ChatqnaEvent, ReadsEveryByteBack) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  EXPECT_EQ(read_python_bytes(python_bytes(all)), all);
}

TEST(ChatqnaEvent, ReadsNothingElse) {
  for (const std::string_view text :
       {"", "b", "b'", "'a'", "b'a", "b'a' ", "b'\\", "b'\\x1'", "b'\\xzz'", "b'\\q'", "b'a'b'"}) {
    EXPECT_EQ(read_python_bytes(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace opaline::contract
