#include "contract/json_writer.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <limits>

namespace opaline::contract {
namespace {

TEST(JsonWriter, PutsCommasWhereTheyBelong) {
  JsonWriter writer;
  writer.begin_object()
      .field("a", 1)
      .key("b")
      .begin_array()
      .value("x")
      .begin_object()
      .end_object()
      .value(true);
  writer.end_array().null_field("c").key("d").begin_array().end_array().end_object();
  EXPECT_EQ(std::move(writer).take(), R"({"a":1,"b":["x",{},true],"c":null,"d":[]})");
}

TEST(JsonWriter, WritesTheShortestNumbers) {
  JsonWriter writer;
  writer.begin_array().value(0.95).value(1.0).value(0.0123F).value(-7).value(
      std::uint64_t{18446744073709551615U});
  writer.value(std::numeric_limits<double>::infinity())
      .value(std::numeric_limits<float>::quiet_NaN())
      .end_array();
  EXPECT_EQ(std::move(writer).take(), "[0.95,1,0.0123,-7,18446744073709551615,null,null]");
}

TEST(JsonWriter, EscapesAndRepairsText) {
  JsonWriter writer;
  writer.begin_object().field("t", "a\"\\\n\x01\xFF").end_object();
  EXPECT_EQ(std::move(writer).take(), "{\"t\":\"a\\\"\\\\\\n\\u0001\xEF\xBF\xBD\"}");
}

TEST(JsonWriter, WritesForeignValuesAsTheyAre) {
  const auto value = boost::json::parse(R"({"k\"ey":[1,2.5,null,"s",{"n":false}]})");
  JsonWriter writer;
  writer.begin_array()
      .value(value)
      .value(std::vector<float>{1, 0.5F})
      .value(std::vector<std::string>{"a", "b"})
      .end_array();
  EXPECT_EQ(std::move(writer).take(),
            R"([{"k\"ey":[1,2.5,null,"s",{"n":false}]},[1,0.5],["a","b"]])");
}

}  // namespace
}  // namespace opaline::contract
