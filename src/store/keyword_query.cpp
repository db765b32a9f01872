#include "store/keyword_query.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/assert.hpp"
#include "base/utf8.hpp"
#include "store/database.hpp"

namespace opaline::store {

using base::ErrorCode;
using base::Result;

namespace {

// English words that say nothing about the subject. A query of nothing else keeps them.
constexpr std::array<std::string_view, 88> kStopWords = {
    "a",     "about", "after", "all",    "also",  "am",    "an",    "and",   "any",   "are",
    "as",    "at",    "be",    "been",   "but",   "by",    "can",   "could", "did",   "do",
    "does",  "for",   "from",  "had",    "has",   "have",  "he",    "her",   "his",   "how",
    "i",     "if",    "in",    "into",   "is",    "it",    "its",   "may",   "me",    "more",
    "most",  "my",    "no",    "not",    "of",    "on",    "only",  "or",    "other", "our",
    "out",   "shall", "she",   "should", "so",    "some",  "such",  "than",  "that",  "the",
    "their", "them",  "then",  "there",  "these", "they",  "this",  "those", "to",    "up",
    "us",    "was",   "we",    "were",   "what",  "when",  "where", "which", "while", "who",
    "whom",  "whose", "why",   "will",   "with",  "would", "you",   "your"};

bool is_stop_word(std::string_view word) {
  std::string lower(word);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return std::ranges::find(kStopWords, lower) != kStopWords.end();
}

// Whether two words with this between them are written together.
bool joins(std::string_view between) {
  constexpr std::string_view kJoints = "_-.:/@#+'";
  return between.size() == 1 && kJoints.find(between.front()) != std::string_view::npos;
}

fts5_api* find_fts5(sqlite3* database) {
  fts5_api* api = nullptr;
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(database, "SELECT fts5(?1)", -1, &statement, nullptr) != SQLITE_OK)
    return nullptr;
  sqlite3_bind_pointer(statement, 1, static_cast<void*>(&api), "fts5_api_ptr", nullptr);
  sqlite3_step(statement);
  sqlite3_finalize(statement);
  return api;
}

}  // namespace

KeywordQuery::KeywordQuery(Connection& connection) : connection_(connection) {}

Result<std::unique_ptr<KeywordQuery>> KeywordQuery::create(Connection& connection) {
  std::unique_ptr<KeywordQuery> query(new KeywordQuery(connection));
  OPALINE_TRY_DO(query->load_tokenizer());
  return query;
}

// The tokenizer of the index itself, so that words split and stem alike.
Result<void> KeywordQuery::load_tokenizer() {
  fts5_api* api = find_fts5(connection_.native());
  if (!api) return base::fail(ErrorCode::internal, "this SQLite has no FTS5");
  functions_ = std::make_unique<fts5_tokenizer>();
  void* context = nullptr;
  std::array<const char*, 3> arguments = {"unicode61", "remove_diacritics", "2"};
  if (api->xFindTokenizer(api, "porter", &context, functions_.get()) != SQLITE_OK ||
      functions_->xCreate(context, arguments.data(), arguments.size(), &tokenizer_) != SQLITE_OK) {
    return base::fail(ErrorCode::internal, "this SQLite has no porter tokenizer");
  }
  return {};
}

KeywordQuery::~KeywordQuery() {
  if (tokenizer_) functions_->xDelete(tokenizer_);
}

std::vector<KeywordQuery::Token> KeywordQuery::tokens(std::string_view text) const {
  std::vector<Token> found;
  const auto collect = [](void* out, int, const char* stem, int length, int begin, int end) -> int {
    auto& words = *static_cast<std::vector<Token>*>(out);
    words.push_back({static_cast<std::size_t>(begin), static_cast<std::size_t>(end),
                     std::string(stem, static_cast<std::size_t>(length))});
    return words.size() < kQueryWords ? SQLITE_OK : SQLITE_DONE;
  };
  functions_->xTokenize(tokenizer_, &found, FTS5_TOKENIZE_QUERY, text.data(),
                        static_cast<int>(text.size()), collect);
  return found;
}

Result<std::size_t> KeywordQuery::passages(const std::string& stem) {
  OPALINE_TRY(const auto count,
              connection_.number("SELECT doc FROM chunk_vocabulary WHERE term = ?", stem));
  return static_cast<std::size_t>(count);
}

Result<std::vector<KeywordQuery::Term>> KeywordQuery::terms(std::string_view text) {
  const auto words = tokens(text);
  const auto word = [&](const Token& token) {
    return text.substr(token.begin, token.end - token.begin);
  };
  const bool only_stop_words =
      std::ranges::all_of(words, [&](const Token& token) { return is_stop_word(word(token)); });

  std::vector<Term> terms;
  std::set<std::string> seen;
  for (std::size_t first = 0; first < words.size();) {
    std::size_t last = first + 1;
    while (last < words.size() &&
           joins(text.substr(words[last - 1].end, words[last].begin - words[last - 1].end)))
      ++last;

    Term phrase{.text = {}, .passages = SIZE_MAX};
    std::string stems;
    for (std::size_t i = first; i < last; ++i) {
      OPALINE_TRY(const std::size_t count, passages(words[i].stem));
      phrase.text += (i > first ? " " : "") + std::string(word(words[i]));
      phrase.passages = std::min(phrase.passages, count);
      stems += (i > first ? " " : "") + words[i].stem;
      const bool wanted = count > 0 && (only_stop_words || !is_stop_word(word(words[i])));
      if (wanted && seen.insert(words[i].stem).second)
        terms.push_back({std::string(word(words[i])), count});
    }
    const bool compound = last - first > 1;
    if (compound && phrase.passages > 0 && seen.insert(stems).second)
      terms.push_back(std::move(phrase));
    first = last;
  }
  return terms;
}

Result<std::string> KeywordQuery::expression(std::string_view raw) {
  const std::string text = base::to_utf8(raw);
  OPALINE_TRY(auto wanted, terms(text));
  std::ranges::sort(wanted, {}, [](const Term& term) {
    return std::pair(term.passages, std::string_view(term.text));
  });
  if (wanted.size() > kQueryTerms) wanted.resize(kQueryTerms);

  std::size_t postings = 0;
  std::string expression;
  for (const Term& term : wanted) {
    postings += term.passages;
    if (!expression.empty() && postings > kQueryPostings) break;
    expression += (expression.empty() ? "\"" : " OR \"") + term.text + "\"";
  }
  return expression;
}

}  // namespace opaline::store
