#include "services/dataprep/chunker.hpp"

#include <gmock/gmock.h>

#include <random>

#include "base/utf8.hpp"
#include "contract/hit.hpp"
#include "services/dataprep/document_fixture.hpp"
#include "services/dataprep/token_estimate.hpp"

namespace opaline::services::dataprep {
namespace {

/// A word is a token: easy to count by eye.
std::size_t words(std::string_view text) {
  std::size_t count = 0;
  bool inside = false;
  for (const char c : text) {
    const bool space = c == ' ' || (c >= '\t' && c <= '\r');
    count += !space && !inside ? 1 : 0;
    inside = !space;
  }
  return count;
}

std::string sentence(int count, const std::string& word = "word") {
  std::string text = "Start";
  for (int i = 2; i < count; ++i) text += " " + word;
  return text + " end.";
}

constexpr ChunkParameters kSmall{.tokens_target = 40,
                                 .tokens_max = 80,
                                 .tokens_tiny = 10,
                                 .tokens_overlap = 8,
                                 .title_path_tokens = 12};

struct Seen {
  std::string path;
  std::string text;
};

std::vector<Seen> chunks_of(const ParsedDocument& document,
                            const ChunkParameters& parameters = kSmall) {
  std::vector<Seen> seen;
  for (const Chunk& chunk : chunk_document(document, parameters, words)) {
    seen.push_back({chunk.title_path, document.text.substr(chunk.begin, chunk.end - chunk.begin)});
  }
  return seen;
}

TEST(Chunker, KeepsASmallDocumentWhole) {
  const auto chunks = chunks_of(parsed("# T\n\nOne.\n\n## A\n\nTwo.\n\n## B\n\nThree.\n", "a.md"));
  ASSERT_EQ(chunks.size(), 1U);
  EXPECT_EQ(chunks[0].path, "T");
  EXPECT_EQ(chunks[0].text, "T\n\nOne.\n\nA\n\nTwo.\n\nB\n\nThree.");
}

TEST(Chunker, GivesLargeSectionsChunksOfTheirOwn) {
  const auto chunks = chunks_of(
      parsed("# T\n\n## A\n\n" + sentence(30) + "\n\n## B\n\n" + sentence(30) + "\n", "a.md"));
  ASSERT_EQ(chunks.size(), 2U);
  EXPECT_EQ(chunks[0].path, "T > A");
  EXPECT_TRUE(chunks[0].text.starts_with("T\n\nA\n\nStart"));
  EXPECT_EQ(chunks[1].path, "T > B");
  EXPECT_TRUE(chunks[1].text.starts_with("B\n\nStart"));
}

TEST(Chunker, JoinsTinySectionsUnderTheirParentsPath) {
  const auto chunks = chunks_of(
      parsed("# T\n\n" + sentence(38) + "\n\n## A\n\nSmall one.\n\n## B\n\nSmall two.\n\n## C\n\n" +
                 sentence(36) + "\n",
             "a.md"));
  ASSERT_EQ(chunks.size(), 3U);
  EXPECT_EQ(chunks[1].path, "T");
  EXPECT_EQ(chunks[1].text, "A\n\nSmall one.\n\nB\n\nSmall two.");
  EXPECT_EQ(chunks[2].path, "T > C");
}

TEST(Chunker, ShortensATitleOfPunctuationToTheSmallestLimit) {
  // Each byte is a token here, and so is each byte of the mark that a cut leaves.
  const auto bytes = [](std::string_view text) { return text.size(); };
  const ParsedDocument document = parsed("# !?!?!?!?!?!?!?!?!?!?\n\nText.\n", "a.md");
  for (std::size_t limit = 0; limit < 12; ++limit) {
    ChunkParameters parameters = kSmall;
    parameters.title_path_tokens = limit;
    for (const Chunk& chunk : chunk_document(document, parameters, bytes))
      EXPECT_LE(chunk.title_path.size(), limit);
  }
}

TEST(Chunker, CutsProseBetweenSentencesAndRepeatsTheLast) {
  const std::string text = sentence(15, "a") + " " + sentence(14, "b") + " " + sentence(7, "c") +
                           " " + sentence(15, "d");
  const auto document = parsed(text + "\n", "t.txt");
  const auto chunks = chunks_of(document);
  ASSERT_EQ(chunks.size(), 2U);
  EXPECT_TRUE(chunks[0].text.ends_with("c c end."));
  EXPECT_TRUE(chunks[1].text.starts_with("Start c")) << chunks[1].text;
  EXPECT_TRUE(chunks[1].text.ends_with("d end."));
}

TEST(Chunker, KeepsCodeRowsAndItemsWhole) {
  std::string code;
  for (int i = 0; i < 25; ++i)
    code += "    let x = y\n";  // 100 words alone pass the limit of 80; 60 do not.
  const auto document = parsed("# T\n\n" + sentence(30) + "\n\n```\n" + code.substr(0, 15 * 14) +
                                   "```\n\n" + sentence(30) + "\n",
                               "a.md");
  const auto chunks = chunks_of(document);
  ASSERT_EQ(chunks.size(), 3U);
  EXPECT_EQ(words(chunks[1].text), 60U);
  EXPECT_EQ(chunks[1].path, "T");
  // Alone too large: cut between lines.
  for (const Seen& chunk : chunks_of(parsed("```\n" + code + "```\n", "a.md"))) {
    EXPECT_TRUE(chunk.text.starts_with("    let"));
    EXPECT_TRUE(chunk.text.ends_with("= y"));
  }
}

TEST(Chunker, KeepsLeadInsAndHeadingsWithWhatFollows) {
  const auto chunks = chunks_of(parsed(
      "# T\n\n" + sentence(33) + "\n\nUse these options:\n\n- one\n- two\n- three\n\n## Next\n\n" +
          sentence(33) + "\n",
      "a.md"));
  ASSERT_GE(chunks.size(), 2U);
  EXPECT_FALSE(chunks[0].text.ends_with("options:"));
  for (const Seen& chunk : chunks) EXPECT_FALSE(chunk.text.ends_with("Next"));
}

TEST(Chunker, NamesTermsAndTableHeadersInThePath) {
  std::string rows;
  for (int i = 0; i < 30; ++i) rows += fmt::format("<tr><td>row{}</td><td>value</td></tr>", i);
  const auto document = parsed(
      "<html><head><title>T</title></head><body><h1>T</h1><h2>Options</h2><dl><dt>fsync</"
      "dt><dd><p>" +
          sentence(36) + "</p><p>" + sentence(36) +
          "</p></dd></dl><h2>Table</h2><table><tr><th>Name</th><th>Size</th></tr>" + rows +
          "</table></body></html>",
      "a.html");
  const auto chunks = chunks_of(document);
  ASSERT_GE(chunks.size(), 4U);
  EXPECT_EQ(chunks[0].path, "T > Options > fsync");
  EXPECT_EQ(chunks[1].path, "T > Options > fsync");
  EXPECT_EQ(chunks[2].path, "T > Table");
  EXPECT_TRUE(chunks[2].text.contains("Name | Size"));
  EXPECT_EQ(chunks[3].path, "T > Table > Name | Size");
}

TEST(Chunker, StartsALargeDefinitionAfresh) {
  const auto document =
      parsed("<html><body><h1>T</h1><p>" + sentence(20) + "</p><dl><dt>one</dt><dd>" +
                 sentence(12) + "</dd><dt>two</dt><dd><p>" + sentence(30) + "</p><p>" +
                 sentence(30) + "</p></dd></dl></body></html>",
             "a.html");
  const auto chunks = chunks_of(document);
  ASSERT_EQ(chunks.size(), 3U);
  EXPECT_TRUE(chunks[1].text.starts_with("two\n"));
  EXPECT_EQ(chunks[1].path, "T > two");
}

TEST(Chunker, ShortensLongTitlePaths) {
  const auto document = parsed(
      "# One two three\n\n## Four five six seven\n\n### Eight nine ten eleven\n\n#### Twelve\n\n" +
          sentence(30) + "\n",
      "a.md");
  const auto chunks = chunks_of(document);
  EXPECT_EQ(chunks.back().path, "One two three > Eight nine ten eleven > Twelve");
}

TEST(Chunker, TellsThePage) {
  std::string page;
  for (int i = 0; i < 6; ++i) page += sentence(6) + "\n";
  const auto document = parsed(make_pdf({page, page}), "a.pdf");
  const auto chunks = chunk_document(document, kSmall, words);
  ASSERT_EQ(chunks.size(), 2U);
  EXPECT_EQ(chunks[0].page, 1U);
  EXPECT_EQ(chunks[1].page, 2U);
}

TEST(Chunker, NoBlocksMakeNoChunks) { EXPECT_TRUE(chunk_document({}, {}, token_estimate).empty()); }

/// A document of random structure: headings, lists, definitions, tables, code, words of several
/// scripts and lengths.
ParsedDocument random_document(std::mt19937& random) {
  const auto pick = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  const auto prose = [&](int most) {
    static const char* const kWords[] = {
        "a",        "index",  "PostgreSQL", "wal_level",
        "e.g.",     "don't.", "Ja.",        "größer",
        "日本語。", "привет", "x1y2z3",     "(see",
        "below)",   "end.",   "What?",      "supercalifragilisticexpialidocious",
        "🙂"};
    std::string text;
    for (int n = 1 + pick(most); n > 0; --n)
      text += std::string(kWords[pick(17)]) + (pick(12) == 0 ? "" : " ");
    return text;
  };
  DocumentWriter out;
  if (pick(2) == 0) out.set_title(prose(30));
  for (int n = 1 + pick(40); n > 0; --n) {
    const auto kind = static_cast<BlockKind>(pick(kBlockKinds));
    const auto level =
        static_cast<std::uint8_t>(kind == BlockKind::heading ? 1 + pick(6) : pick(4));
    const int most = pick(8) == 0 ? 2000 : pick(3) == 0 ? 300 : 30;
    if (kind == BlockKind::code) {
      std::string code;
      for (int lines = pick(30); lines >= 0; --lines) code += prose(20) + "\n";
      out.add_verbatim({.kind = kind, .level = level}, code);
    } else {
      out.add({.kind = kind, .level = level, .marker = kind == BlockKind::list_item ? "- " : ""},
              prose(most));
    }
  }
  return std::move(out).finish("text/plain", "fallback");
}

TEST(Chunker, KeepsItsPromisesOnRandomDocuments) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const ParsedDocument document = random_document(random);
    ASSERT_EQ(broken_invariant(document), "");
    const ChunkParameters parameters =
        seed % 3 == 0 ? ChunkParameters{} : ChunkParameters::for_target(32 + random() % 450);
    const auto chunks = chunk_document(document, parameters, token_estimate);
    ASSERT_FALSE(chunks.empty());
    const std::string_view text = document.text;
    std::uint64_t covered = 0;
    std::uint64_t begin_before = 0;
    for (const Chunk& chunk : chunks) {
      ASSERT_LT(chunk.begin, chunk.end);
      ASSERT_LE(chunk.end, text.size());
      ASSERT_TRUE(base::is_utf8(text.substr(chunk.begin, chunk.end - chunk.begin)));
      ASSERT_GE(chunk.begin, begin_before);
      ASSERT_GT(chunk.end, covered) << "a chunk has nothing new";
      if (chunk.begin > covered) {
        ASSERT_EQ(text.substr(covered, chunk.begin - covered).find_first_not_of(" \n\t"),
                  std::string_view::npos)
            << "text is lost";
      } else if (covered > 0) {
        ASSERT_LE(token_estimate(text.substr(chunk.begin, covered - chunk.begin)),
                  parameters.tokens_overlap + 1);
      }
      const std::string embedded = contract::titled_text(
          chunk.title_path, text.substr(chunk.begin, chunk.end - chunk.begin));
      ASSERT_LE(token_estimate(embedded), parameters.tokens_max) << embedded;
      begin_before = chunk.begin;
      covered = chunk.end;
    }
    ASSERT_EQ(text.substr(covered).find_first_not_of(" \n\t"), std::string_view::npos);
  }
}

TEST(Chunker, IsLinearInOneHugeWord) {
  const auto document = parsed(std::string(4U << 20, 'x'), "a.txt");
  const auto chunks = chunk_document(document, {}, token_estimate);
  EXPECT_GT(chunks.size(), 1000U);
  EXPECT_LT(chunks.size(), 30'000U);
}

TEST(TokenEstimate, CountsWordsMarksAndOtherScripts) {
  EXPECT_EQ(token_estimate(""), 0U);
  EXPECT_EQ(token_estimate("the cat sat on the mat"),
            7U);  // Six; rounded up, it errs to the safe side.
  EXPECT_EQ(token_estimate("wal_level = replica;"), 7U);
  EXPECT_EQ(token_estimate("日本語"), 3U);
  EXPECT_GE(token_estimate(std::string(1000, 'x')), 300U);
}

}  // namespace
}  // namespace opaline::services::dataprep
