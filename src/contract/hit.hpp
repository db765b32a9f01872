#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace opaline::contract {

/// A half-open byte range [begin, end) of a document's stored text.
struct Span {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;

  friend bool operator==(const Span&, const Span&) = default;
};

/// What each stage thought of a passage; absent when the stage did not see it. Higher is better in
/// all of them.
struct StageScores {
  std::optional<double> dense;   ///< Cosine similarity, −1 … 1.
  std::optional<double> bm25;    ///< BM25, > 0, unbounded.
  std::optional<double> fused;   ///< 0 … 1 for weighted fusion.
  std::optional<double> rerank;  ///< The reranker's own scale; its hits are in this order.

  friend bool operator==(const StageScores&, const StageScores&) = default;
};

/// Between the headings of a title path, outermost first.
inline constexpr std::string_view kTitleSeparator = " > ";

/// A retrieved passage (a chunk) and where it stands.
struct Hit {
  std::string id;  ///< Of the chunk.
  std::string document_id;
  std::string source;      ///< Path or URL as ingested.
  std::string title;       ///< Of the document.
  std::string title_path;  ///< Headings above the passage, joined by kTitleSeparator; may be empty.
  std::string text;
  Span span;                ///< Of `text` in the document's stored text.
  std::optional<int> page;  ///< 1-based, for paged documents.
  boost::json::object metadata;
  StageScores scores;

  /// The score of the last stage that gave one; 0 without any.
  [[nodiscard]] double score() const;

  friend bool operator==(const Hit&, const Hit&) = default;
};

/// A passage as a model reads it: its title path, without the last part if the text begins with
/// that heading, a line end, and the text.
[[nodiscard]] std::string titled_text(std::string_view title_path, std::string_view text);

}  // namespace opaline::contract
