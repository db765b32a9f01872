#include "services/dataprep/source_name.hpp"

#include <gtest/gtest.h>

namespace opaline::services::dataprep {
namespace {

using namespace std::string_literals;

TEST(SourceName, KeepsRelativePathsAndUrls) {
  EXPECT_EQ(source_name("manual/a.html"), "manual/a.html");
  EXPECT_EQ(source_name("./a//b/./c.txt"), "a/b/c.txt");
  EXPECT_EQ(source_name("dir\\file.txt"), "dir/file.txt");
  EXPECT_EQ(source_name("Ärger & Söhne (2).pdf"), "Ärger & Söhne (2).pdf");
  EXPECT_EQ(source_name("..hidden..txt"), "..hidden..txt");
  EXPECT_EQ(source_name("https://h.com/../x"), "https://h.com/../x");
}

TEST(SourceName, RefusesWhatCouldLeadElsewhere) {
  struct Case {
    std::string name;
    std::string_view why;
  };
  const Case cases[] = {{"", "a document has no name"},
                        {"../../etc/passwd", "leads out of its folder"},
                        {"a/../../b", "leads out of its folder"},
                        {"..\\..\\x", "leads out of its folder"},
                        {"/etc/passwd", "absolute path"},
                        {"\\\\server\\share", "absolute path"},
                        {"C:\\x.txt", "absolute path"},
                        {"a\0.pdf"s, "control characters"},
                        {"a\nb", "control characters"},
                        {"a\xFF", "not UTF-8"},
                        {std::string(2000, 'x'), "longer than 1024 bytes"},
                        {"./", "names no file"}};
  for (const Case& one : cases) {
    const auto result = source_name(one.name);
    ASSERT_FALSE(result.has_value()) << one.name;
    EXPECT_EQ(result.error().code, base::ErrorCode::invalid_argument);
    EXPECT_TRUE(result.error().message.contains(one.why)) << result.error().message;
  }
}

TEST(SourceName, ChecksCollections) {
  EXPECT_TRUE(check_collection("default").has_value());
  EXPECT_TRUE(check_collection("Verträge 2024").has_value());
  for (const std::string& name : {""s, "all"s, "a\nb"s, std::string(200, 'x'), "\xFF"s})
    EXPECT_FALSE(check_collection(name).has_value()) << name;
}

}  // namespace
}  // namespace opaline::services::dataprep
