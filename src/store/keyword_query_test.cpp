#include "store/keyword_query.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/store_fixture.hpp"

namespace opaline::store {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

using KeywordSearch = StoreTest;

TEST_F(KeywordSearch, FindsAnyOfTheWordsInAnyForm) {
  put({.passages = {"Connections are limited", "Vacuuming reclaims storage", "Nothing here"}});
  EXPECT_THAT(keyword("how many connection limits"), ElementsAre("Connections are limited"));
  EXPECT_THAT(keyword("VACUUM stored connection"),
              UnorderedElementsAre("Connections are limited", "Vacuuming reclaims storage"));
}

TEST_F(KeywordSearch, PrefersAnIdentifierWrittenWholeAndStillFindsItsParts) {
  const std::string whole =
      "the setting max_connections limits them all, however long the passage about it is";
  put({.passages = {"connections max", whole, "connections come and go", "unrelated filling",
                    "and some more filling"}});
  const auto found = keyword("max_connections");
  ASSERT_THAT(found, SizeIs(3));
  EXPECT_EQ(found[0], whole);  // Word by word, the shorter one would be better.
  EXPECT_THAT(keyword("connections"), SizeIs(3));
}

TEST_F(KeywordSearch, FindsCodesVersionsAndPunctuatedNames) {
  put({.passages = {"error 23505 is raised", "since version 8.4 of the server",
                    "the write-ahead log", "see pg_catalog.pg_class there",
                    "mail admin@example.org", "use the --no-owner option"}});
  EXPECT_THAT(keyword("23505"), ElementsAre("error 23505 is raised"));
  EXPECT_THAT(keyword("8.4", 1), ElementsAre("since version 8.4 of the server"));
  EXPECT_THAT(keyword("write-ahead logging"), ElementsAre("the write-ahead log"));
  EXPECT_THAT(keyword("pg_class"), ElementsAre("see pg_catalog.pg_class there"));
  EXPECT_THAT(keyword("pg_catalog.pg_class"), ElementsAre("see pg_catalog.pg_class there"));
  EXPECT_THAT(keyword("admin@example.org"), ElementsAre("mail admin@example.org"));
  EXPECT_THAT(keyword("--no-owner"), ElementsAre("use the --no-owner option"));
}

TEST_F(KeywordSearch, LeavesOutStopWordsUnlessThereIsNothingElse) {
  put({.passages = {"to be or not to be", "the vacuum", "storage"}});
  EXPECT_THAT(keyword("what is the vacuum"), ElementsAre("the vacuum"));
  EXPECT_THAT(keyword("to be or not to be"), ElementsAre("to be or not to be"));
}

TEST_F(KeywordSearch, KeepsACommonWordThatSaysSomething) {
  put({.passages = {"server alpha", "server beta", "server gamma"}});
  EXPECT_THAT(keyword("server beta"), SizeIs(3));
  EXPECT_EQ(keyword("server beta")[0], "server beta");
}

TEST_F(KeywordSearch, TakesNothingInAQueryForSyntax) {
  put({.passages = {"near the quick brown fox", "title text column"}});
  for (const char* query : {"NEAR(fox brown, 5)",
                            "\"fox",
                            "fox\"",
                            "\"\"\"fox\"\"\"",
                            "fox*",
                            "^fox",
                            "text:fox",
                            "{title}: fox",
                            "(fox",
                            "fox)",
                            "fox AND",
                            "OR fox",
                            "NOT fox",
                            "fox AND NOT fox",
                            "fox + brown",
                            "- fox",
                            "fox; DROP TABLE chunk",
                            "fox' OR '1'='1",
                            "fox\\",
                            "%fox_",
                            "fox--"}) {
    EXPECT_THAT(keyword(query), Contains("near the quick brown fox")) << query;
  }
}

TEST_F(KeywordSearch, FindsNothingForAQueryWithoutKnownWords) {
  put({});
  for (const char* query :
       {"", " ", "\n\t", "\"\"", "***", "()", "unheardof", "😀", "\xff\xfe", "_", "-", ". . ."}) {
    EXPECT_THAT(keyword(query), IsEmpty()) << query;
  }
}

TEST_F(KeywordSearch, FindsWordsOfOtherScripts) {
  put({.passages = {"Die Größe der Straße", "база данных", "café crème", "日本語 テキスト",
                    "ひらがな"}});
  EXPECT_THAT(keyword("größe"), ElementsAre("Die Größe der Straße"));
  EXPECT_THAT(keyword("GROSSE GRÖSSE grosse"), IsEmpty());  // ß is a letter of its own.
  EXPECT_THAT(keyword("ДАННЫХ"), ElementsAre("база данных"));
  EXPECT_THAT(keyword("cafe"), ElementsAre("café crème"));
  EXPECT_THAT(keyword("日本語"), ElementsAre("日本語 テキスト"));
}

TEST_F(KeywordSearch, SurvivesBrokenUtf8AndNulBytes) {
  put({});
  EXPECT_THAT(keyword("fox\xff\xc3"), ElementsAre("the quick brown fox"));
  EXPECT_THAT(keyword(std::string_view("\xf0\x9f fox\0 dog", 12)), Contains("the quick brown fox"));
}

TEST_F(KeywordSearch, LooksAtTheFirstWordsOfAVeryLongQuery) {
  put({});
  std::string query = "dog ";
  while (query.size() < 4 * (kQueryWords - 2)) query += "wxy ";
  EXPECT_THAT(keyword(query + "fox dog"),
              ElementsAre("the quick brown fox", "jumps over the lazy dog"));
  EXPECT_THAT(keyword(query + "wxy wxy fox"), ElementsAre("jumps over the lazy dog"));
  EXPECT_THAT(keyword(std::string(2'000'000, 'x') + " fox"), ElementsAre("the quick brown fox"));
}

TEST_F(KeywordSearch, KeepsTheRarestOfTooManyTerms) {
  std::vector<std::string> passages;
  std::string query;
  for (std::size_t i = 0; i < kQueryTerms + 8; ++i) {
    const std::string word = "term" + std::string(1, static_cast<char>('a' + i % 26)) +
                             std::string(1, static_cast<char>('a' + i / 26));
    query += word + " ";
    passages.push_back("filling " + word + " x");
    if (i >= 8) passages.push_back("common " + word + " y");
  }
  put({.passages = passages});
  const auto found = keyword(query, 1000);
  // The eight rare ones have one passage each, of the others as many as there is room for two.
  EXPECT_THAT(found, SizeIs(8 + (kQueryTerms - 8) * 2));
  EXPECT_THAT(found, AllOf(Contains("filling termaa x"), Contains("filling termha x")));
}

TEST_F(KeywordSearch, PrefersAMatchInTheTitle) {
  put({.source = "a", .passages = {"some words and vacuum here"}, .title = "Other"});
  put({.source = "b", .passages = {"some words and nothing here"}, .title = "Vacuum"});
  put({.source = "c", .passages = {"filling"}, .title = "Third"});
  EXPECT_EQ(keyword("vacuum")[0], "some words and nothing here");
}

}  // namespace opaline::store
