#include "http/multipart.hpp"

#include <gtest/gtest.h>

#include <string>

#include "base/limits.hpp"

namespace opaline::http {
namespace {

using namespace std::string_literals;

constexpr std::string_view kType = "multipart/form-data; boundary=XX";

std::string part(std::string_view disposition, std::string_view body) {
  return "--XX\r\nContent-Disposition: form-data; " + std::string(disposition) + "\r\n\r\n" +
         std::string(body) + "\r\n";
}

TEST(Form, BringsAllPartsOfOneNameInOrder) {
  const auto parts =
      parse_form(kType, part("name=\"files\"; filename=\"a.txt\"", "first") +
                            part("name=\"files\"; filename=\"b.txt\"", "second, and longer") +
                            part("name=\"files\"; filename=\"c.txt\"", "third") + "--XX--\r\n");
  ASSERT_TRUE(parts) << parts.error().message;
  ASSERT_EQ(parts->size(), 3U);
  EXPECT_EQ((*parts)[0].body, "first");
  EXPECT_EQ((*parts)[1].body, "second, and longer");
  EXPECT_EQ((*parts)[2].body, "third");
  EXPECT_EQ((*parts)[2].filename, "c.txt");
}

TEST(Form, LeavesBinaryBodiesAlone) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  for (const std::string& body : {all, "\r\n--XXY\r\n"s, "\r\n--XX--and on"s, "a\r\n--X\r\n"s,
                                  "\r\n"s, ""s, "x--XX--\r\n"s, "\r\n\r\n"s, "\n--XX\n"s}) {
    const auto parts =
        parse_form(kType, part("name=\"f\"", body) + part("name=g", body) + "--XX--");
    ASSERT_TRUE(parts) << parts.error().message << " in " << body;
    ASSERT_EQ(parts->size(), 2U);
    EXPECT_EQ((*parts)[0].body, body);
    EXPECT_EQ((*parts)[1].body, body);
    EXPECT_EQ((*parts)[1].name, "g");
  }
}

TEST(Form, ReadsNamesHoweverTheyAreQuoted) {
  const std::pair<std::string, std::string> cases[] = {
      {R"(name="f"; filename="a b.txt")", "a b.txt"},
      {R"(name=f; filename=a.txt)", "a.txt"},
      {R"(name="f"; filename="say \"hi\".txt")", "say \"hi\".txt"},
      {R"(name="f"; filename="C:\dir\file.txt")", "C:\\dir\\file.txt"},
      {R"(name="f"; filename="a\\b")", "a\\b"},
      {R"(name="f"; filename="a;b=c")", "a;b=c"},
      {R"(NAME="f"; FILENAME="a.txt")", "a.txt"},
      {R"(name="f"; filename="")", ""},
      {"name=\"f\"; filename=\"\xC3\xA4.txt\"", "\xC3\xA4.txt"},
      {"name=\"f\"; filename=\"\xE4.txt\"", "\xEF\xBF\xBD.txt"},
      {R"(name="f"; filename="x.txt"; filename*=UTF-8''%e2%82%ac%20rates.txt)",
       "\xE2\x82\xAC rates.txt"},
      {R"(name="f"; filename*=iso-8859-1'en'%A3%20rates.txt)", "\xC2\xA3 rates.txt"},
      {R"(name="f"; filename="../../etc/passwd")", "../../etc/passwd"},
  };
  for (const auto& [disposition, filename] : cases) {
    const auto parts = parse_form(kType, part(disposition, "x") + "--XX--\r\n");
    ASSERT_TRUE(parts) << disposition << ": " << parts.error().message;
    EXPECT_EQ(parts->front().name, "f") << disposition;
    EXPECT_EQ(parts->front().filename, filename) << disposition;
  }
  EXPECT_EQ(parse_form(kType, part("name=f", "x") + "--XX--")->front().filename, std::nullopt);
}

TEST(Form, SkipsPreambleAndEpilogueAndReadsTheType) {
  const auto parts =
      parse_form("Multipart/Form-Data; charset=utf-8; boundary=\"a b\"",
                 "preamble\r\n--a b \r\ncontent-disposition: form-data; name=f\r\n"
                 "Content-Type: text/html; charset=utf-8\r\n\r\nx\r\n--a b--\r\nepilogue");
  ASSERT_TRUE(parts) << parts.error().message;
  ASSERT_EQ(parts->size(), 1U);
  EXPECT_EQ(parts->front().content_type, "text/html; charset=utf-8");
  EXPECT_EQ(parts->front().body, "x");
}

TEST(Form, MayBeEmpty) { EXPECT_EQ(parse_form(kType, "--XX--\r\n")->size(), 0U); }

struct BadForm {
  std::string type;
  std::string body;
  std::string complaint;
};

TEST(Form, RefusesWhatIsNotOne) {
  const std::string good(kType);
  const BadForm cases[] = {
      {"application/json", "{}", "Content-Type is not multipart/form-data"},
      {"", "", "Content-Type is not multipart/form-data"},
      {"multipart/form-data", "--XX--", "names no boundary"},
      {"multipart/form-data; boundary=", "--XX--", "names no boundary"},
      {"multipart/form-data; boundary=\"XX", "--XX--", "Content-Type is not"},
      {"multipart/form-data; boundary=" + std::string(71, 'X'), "", "names no boundary"},
      {good, "", "boundary does not occur"},
      {good, "hello", "boundary does not occur"},
      {good, "--XX\r\n", "header has no end"},
      {good, "--XX\r\nContent-Disposition: form-data; name=f\r\n", "header has no end"},
      {good, part("name=f", "cut off"), "cut off"},
      {good, part("name=f", "cut off") + "--XX", "cut off"},
      {good, part("name=f", "cut off") + "--XX-", "cut off"},
      {good, part("filename=f", "x") + "--XX--", "has no name"},
      {good, "--XX\r\n\r\nx\r\n--XX--", "has no name"},
      {good, "--XX\r\nContent-Type: text/plain\r\n\r\nx\r\n--XX--", "has no name"},
      {good, part("name=a; name=b", "x") + "--XX--", "not form-data"},
      {good, part("name=\"a", "x") + "--XX--", "not form-data"},
      {good, part("name=\"a\"b", "x") + "--XX--", "not form-data"},
      {good, part("name=a; filename*=latin'x", "x") + "--XX--", "RFC 5987"},
      {good, part("name=a; filename*=UTF-8''%zz", "x") + "--XX--", "RFC 5987"},
      {good, "--XX\r\nContent-Disposition: attachment; name=f\r\n\r\nx\r\n--XX--", "not form-data"},
      {good, "--XX\r\nno colon\r\n\r\nx\r\n--XX--", "Name: value"},
      {good, "--XX\r\nContent-Disposition: form-data; name=f\r\n folded: x\r\n\r\nx\r\n--XX--",
       "Name: value"},
      {good,
       "--XX\r\nContent-Disposition: form-data; name=f\r\nContent-Transfer-Encoding: "
       "base64\r\n\r\nx\r\n--XX--",
       "transfer encoding"},
  };
  for (const BadForm& one : cases) {
    const auto parts = parse_form(one.type, one.body);
    ASSERT_FALSE(parts) << one.type << "\n" << one.body;
    EXPECT_EQ(parts.error().code, base::ErrorCode::invalid_argument);
    EXPECT_NE(parts.error().message.find(one.complaint), std::string::npos)
        << parts.error().message << "\n"
        << one.body;
  }
}

TEST(Form, RefusesAnEndlessNumberOfParts) {
  std::string body;
  for (std::size_t i = 0; i <= limits::kFormParts; ++i) body += part("name=f", "");
  const auto parts = parse_form(kType, body + "--XX--");
  ASSERT_FALSE(parts);
  EXPECT_EQ(parts.error().code, base::ErrorCode::resource_exhausted);
}

}  // namespace
}  // namespace opaline::http
