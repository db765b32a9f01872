#include "flow/dialects/gmc_condition.hpp"

#include <gtest/gtest.h>

#include "flow/expression.hpp"

namespace opaline::flow {
namespace {

TEST(GmcCondition, AnEqualityIsAMemberAndAText) {
  EXPECT_EQ(gmc_equality("model-id == intel"), (GmcEquality{.key = "model-id", .value = "intel"}));
  EXPECT_EQ(gmc_equality("a=="), (GmcEquality{.key = "a", .value = ""}));
  EXPECT_FALSE(gmc_equality("a.b==c"));
  EXPECT_FALSE(gmc_equality("list.#(a==b)"));
  EXPECT_FALSE(gmc_equality("a"));
}

TEST(GmcCondition, NumbersAreComparedByTheirDigits) {
  EXPECT_EQ(equality_expression({.key = "model", .value = "big"}, "request"),
            "request.model == 'big'");
  EXPECT_EQ(equality_expression({.key = "model-id", .value = "it's"}, "request"),
            R"(request['model-id'] == "it's")");
  EXPECT_EQ(equality_expression({.key = "k", .value = "12"}, "request"),
            "string(request.k) == '12'");
  EXPECT_EQ(equality_expression({.key = "k", .value = "true"}, "request"),
            "string(request.k) == 'true'");
}

TEST(GmcCondition, PathsOfGjson) {
  struct Case {
    const char* path;
    const char* expression;
  };
  for (const Case& one : {Case{"a", "r.a != null"}, Case{"a.b.0.c", "r.a.b[0].c != null"},
                          Case{"a-b.c", "r['a-b'].c != null"}, Case{R"(a\.b)", "r['a.b'] != null"},
                          Case{"list.#", "r.list != null"},
                          Case{R"(list.#(id=="1"))", "contains(pluck(r.list, 'id'), '1')"},
                          Case{"list.#(id==45)", "contains(pluck(r.list, 'id'), 45)"},
                          Case{"list.#(id==x)", "contains(pluck(r.list, 'id'), 'x')"}}) {
    const auto found = presence_expression(one.path, "r");
    ASSERT_TRUE(found) << one.path << ": " << found.error();
    EXPECT_EQ(*found, one.expression);
    EXPECT_TRUE(Expression::parse(*found)) << *found;
  }
}

TEST(GmcCondition, WhatCannotBeExpressedIsNamed) {
  for (const char* const path : {"a.*", "a|b", "@this", "list.#(a>1)", "list.#(a==1)#", "list.#.a",
                                 "a..b", "", "list.#(a==1).b", "list.#()", "{a,b}"}) {
    const auto found = presence_expression(path, "r");
    ASSERT_FALSE(found) << path << " is " << *found;
    EXPECT_TRUE(found.error().contains("what is read of gjson's paths is a.b")) << found.error();
  }
}

}  // namespace
}  // namespace opaline::flow
