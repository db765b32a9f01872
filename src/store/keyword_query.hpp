#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

struct Fts5Tokenizer;
struct fts5_tokenizer;

namespace opaline::store {

class Connection;

/// How much a word counts in each column of the keyword index: bm25() multiplies its count there.
inline constexpr double kTitleWeight = 2.0;
inline constexpr double kTitlePathWeight = 2.0;
inline constexpr double kTextWeight = 1.0;

/// Words of one query that are looked at.
inline constexpr std::size_t kQueryWords = 512;
/// Terms of one query; more are cut off, the commonest first.
inline constexpr std::size_t kQueryTerms = 32;
/// Passages that all terms of one query may lead to, counted with repetition: it bounds the time of
/// a search. The rarest terms that fit are kept, and the very rarest always. Nothing else is left
/// out for being common: on the PostgreSQL manual, leaving out what is in a tenth of the passages
/// takes the first hit from 52 % right to 40 %.
inline constexpr std::size_t kQueryPostings = 400'000;

/// Turns free text into a query of the keyword index: any of the words, each quoted, so that
/// nothing in it is syntax. What is written together (pg_dump, write-ahead, 8.4) is looked for as a
/// phrase and word by word. Bound to one connection.
class KeywordQuery {
 public:
  static base::Result<std::unique_ptr<KeywordQuery>> create(Connection& connection);
  ~KeywordQuery();
  KeywordQuery(const KeywordQuery&) = delete;
  KeywordQuery& operator=(const KeywordQuery&) = delete;

  /// @return an FTS5 expression; empty when no word of `text` is in the index.
  base::Result<std::string> expression(std::string_view text);

 private:
  /// A word of the text: where it stands, and its stem as the index has it.
  struct Token {
    std::size_t begin = 0;
    std::size_t end = 0;
    std::string stem;
  };
  struct Term {
    std::string text;          // Words, one space between them.
    std::size_t passages = 0;  // That have it; for a phrase at most so many.
  };

  explicit KeywordQuery(Connection& connection);
  base::Result<void> load_tokenizer();
  [[nodiscard]] std::vector<Token> tokens(std::string_view text) const;
  base::Result<std::vector<Term>> terms(std::string_view text);
  base::Result<std::size_t> passages(const std::string& stem);

  Connection& connection_;
  std::unique_ptr<fts5_tokenizer> functions_;
  Fts5Tokenizer* tokenizer_ = nullptr;
};

}  // namespace opaline::store
