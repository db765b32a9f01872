#include "services/answering/sentences.hpp"

#include <algorithm>
#include <optional>

#include "base/words.hpp"
#include "services/answering/sentence_end.hpp"

namespace opaline::services {
namespace {

// What is longer than this is no short block: nobody reads it as a part of an answer.
constexpr std::size_t kBlockBytes = 480;
// "Note." and "Or:" are no sentences by themselves.
constexpr std::size_t kSentenceWords = 3;
constexpr std::size_t kAnnouncementWords = 4;

/// The text without a bracket at its start or end whose other half is in another sentence.
Range balanced(std::string_view text, Range range) {
  range = trimmed(text, range);
  const auto one = range.of(text);
  const auto open = std::ranges::count(one, '(');
  const auto close = std::ranges::count(one, ')');
  if (open == close + 1 && one.starts_with('(')) ++range.begin;
  if (close == open + 1 && one.ends_with(')')) --range.end;
  return trimmed(text, range);
}

class SentenceReader {
 public:
  SentenceReader(std::string_view text, std::string_view title_path)
      : text_(text), title_path_(title_path) {}

  std::vector<Sentence> read() {
    const std::vector<Block> all = blocks(text_, title_path_);
    for (const Block& block : all) take(block);
    if (found_.empty()) {
      announcement_.reset();
      // Nothing but long code: better a line of it than nothing.
      for (const Block& block : all) {
        if (block.kind == Block::Kind::code) add_lines(block, Sentence::Kind::block);
      }
    }
    return std::move(found_);
  }

 private:
  void take(const Block& block) {
    const Range whole = block.range();
    switch (block.kind) {
      case Block::Kind::header: return;
      case Block::Kind::heading: heading_ = whole; break;
      case Block::Kind::term: term_ = block.lines.back(); return;
      case Block::Kind::prose: add_sentences(whole); break;
      case Block::Kind::items:
        if (!join_announcement(whole)) add_lines(block, Sentence::Kind::item);
        break;
      case Block::Kind::rows:
        if (!join_announcement(whole)) add_lines(block, Sentence::Kind::row);
        break;
      case Block::Kind::code:
        if (!join_announcement(whole) && whole.size() <= kBlockBytes)
          add(whole, whole.begin, Sentence::Kind::block);
        break;
    }
    announcement_.reset();
    if (block.kind == Block::Kind::prose && whole.of(text_).ends_with(':'))
      announcement_ = whole.begin;
    // Nothing shows where a definition ends: it is one block, or all of a passage about the term.
    if (!title_path_.contains(term_.of(text_))) term_ = {};
  }

  void add(Range range, std::size_t paragraph, Sentence::Kind kind) {
    range = trimmed(text_, range);
    if (base::words(range.of(text_)).empty()) return;
    found_.push_back({.range = range,
                      .term = term_,
                      .heading = heading_,
                      .paragraph = {paragraph, range.end},
                      .kind = kind});
  }

  void add_lines(const Block& block, Sentence::Kind kind) {
    for (const Range line : block.lines) {
      const std::size_t marker = block.kind == Block::Kind::items ? list_marker(line.of(text_)) : 0;
      add({line.begin + marker, line.end}, announcement_.value_or(line.begin), kind);
    }
  }

  void add_sentences(Range block) {
    const std::string_view text = block.of(text_);
    std::size_t begin = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
      const auto end = at + 1 == text.size() ? text.size() : find_sentence_end(text, at);
      if (!end || *end < begin) continue;
      const bool runs_in = begin == 0 && *end < text.size() &&
                           base::words(text.substr(0, *end)).size() < kSentenceWords;
      if (runs_in) continue;
      add(balanced(text_, {block.begin + begin, block.begin + *end}), block.begin,
          Sentence::Kind::prose);
      begin = *end;
    }
  }

  /// Joins `block` to the sentence that announces it. @return false when none does, or both
  /// together are long.
  bool join_announcement(Range block) {
    if (!announcement_ || found_.empty() || found_.back().paragraph.begin != *announcement_)
      return false;
    std::size_t first = found_.size() - 1;
    // "Or:" goes on from its whole paragraph.
    if (base::words(found_.back().range.of(text_)).size() < kAnnouncementWords) {
      while (first > 0 && found_[first - 1].paragraph.begin == *announcement_) --first;
    }
    Sentence& joined = found_[first];
    if (block.end - joined.range.begin > kBlockBytes) return false;
    joined.range.end = block.end;
    joined.paragraph.end = block.end;
    joined.kind = Sentence::Kind::block;
    found_.resize(first + 1);
    return true;
  }

  std::string_view text_;
  std::string_view title_path_;
  Range heading_;
  Range term_;
  std::optional<std::size_t> announcement_;  // Where the paragraph begins that ended with ':'.
  std::vector<Sentence> found_;
};

}  // namespace

std::vector<Sentence> sentences(std::string_view passage, std::string_view title_path) {
  return SentenceReader(passage, title_path).read();
}

}  // namespace opaline::services
