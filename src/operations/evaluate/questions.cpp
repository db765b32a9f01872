#include "operations/evaluate/questions.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <charconv>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>

namespace opaline::operations {
namespace {

using base::ErrorCode;
using base::Result;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

std::string one_line(std::string_view text) {
  std::string line;
  for (const char c : trimmed(text)) {
    const bool space = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (!space) line += c;
    if (space && line.back() != ' ') line += ' ';
  }
  return line;
}

/// The next line of `text`, which is shortened by it; nothing at the end.
std::optional<std::string_view> take_line(std::string_view& text) {
  if (text.empty()) return std::nullopt;
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

std::string text_field(const boost::json::object& object, std::string_view name) {
  const boost::json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::vector<std::string> texts_field(const boost::json::object& object, std::string_view name) {
  std::vector<std::string> texts;
  const boost::json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_array()) return texts;
  for (const boost::json::value& item : value->get_array()) {
    if (item.is_string()) texts.emplace_back(item.get_string());
  }
  return texts;
}

Question question_of(const boost::json::object& object, std::size_t line) {
  Question question;
  question.id = text_field(object, "id");
  if (question.id.empty()) question.id = std::to_string(line);
  question.text = text_field(object, "question");
  question.kind = text_field(object, "kind");
  question.answers = texts_field(object, "aliases");
  question.answers.insert(question.answers.begin(), text_field(object, "answer"));
  std::erase(question.answers, "");
  for (const std::string_view field : {"pages", "alt_pages"}) {
    for (const std::string& page : texts_field(object, field))
      question.relevant[document_name(page)] = 1;
  }
  question.answerable =
      question.kind != "unanswerable" && !(question.answers.empty() && question.relevant.empty());
  return question;
}

/// The text between the next `open` and `close` of `text`, which is shortened to what follows.
std::optional<std::string_view> take_between(std::string_view& text, std::string_view open,
                                             std::string_view close) {
  const std::size_t begin = text.find(open);
  if (begin == std::string_view::npos) return std::nullopt;
  const std::size_t end = text.find(close, begin + open.size());
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view between = text.substr(begin + open.size(), end - begin - open.size());
  text.remove_prefix(end + close.size());
  return between;
}

std::string unescaped(std::string text) {
  constexpr std::pair<std::string_view, std::string_view> kEntities[] = {
      {"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&apos;", "'"}, {"&amp;", "&"}};
  for (const auto& [entity, character] : kEntities) {
    for (std::size_t at = text.find(entity); at != std::string::npos;
         at = text.find(entity, at + 1)) {
      text.replace(at, entity.size(), character);
    }
  }
  return text;
}

Result<std::map<std::string, Judgements>> parse_judgements(std::string_view text) {
  std::map<std::string, Judgements> judged;
  std::size_t number = 0;
  while (const auto line = take_line(text)) {
    ++number;
    if (trimmed(*line).empty()) continue;
    std::istringstream fields{std::string(*line)};
    std::string topic;
    std::string iteration;
    std::string document;
    double grade = 0;
    if (!(fields >> topic >> iteration >> document >> grade)) {
      return base::fail(ErrorCode::invalid_argument, "judgements, line " + std::to_string(number) +
                                                         ": expected \"topic 0 document grade\"");
    }
    judged[topic][document] = grade;
  }
  return judged;
}

Result<std::string> read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return base::fail(ErrorCode::not_found, "cannot read " + path.string());
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return std::move(bytes).str();
}

Result<std::filesystem::path> find_judgements(const std::filesystem::path& topics) {
  std::error_code error;
  std::filesystem::path folder = topics.parent_path();
  if (folder.empty()) folder = ".";
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (name.contains("qrel") && name.ends_with(".txt")) return entry.path();
  }
  return base::fail(ErrorCode::not_found, "no judgements (*qrel*.txt) beside " + topics.string());
}

}  // namespace

std::string document_name(std::string_view source) {
  source = source.substr(0, source.find_first_of("?#"));
  const std::size_t slash = source.rfind('/');
  if (slash != std::string_view::npos) source.remove_prefix(slash + 1);
  const std::size_t dot = source.rfind('.');
  if (dot != std::string_view::npos && dot > 0) source = source.substr(0, dot);
  return std::string(source);
}

Result<std::vector<Question>> parse_questions(std::string_view jsonl) {
  std::vector<Question> questions;
  std::size_t number = 0;
  while (const auto line = take_line(jsonl)) {
    ++number;
    if (trimmed(*line).empty()) continue;
    boost::system::error_code error;
    const boost::json::value value = boost::json::parse(*line, error);
    if (error || !value.is_object()) {
      return base::fail(ErrorCode::invalid_argument,
                        "line " + std::to_string(number) + ": expected a JSON object");
    }
    Question question = question_of(value.get_object(), number);
    if (question.text.empty()) {
      return base::fail(ErrorCode::invalid_argument,
                        "line " + std::to_string(number) + ": \"question\" is missing");
    }
    questions.push_back(std::move(question));
  }
  if (questions.empty()) return base::fail(ErrorCode::invalid_argument, "there is no question");
  return questions;
}

Result<std::vector<Question>> parse_trec(std::string_view topics, std::string_view judgements) {
  std::vector<Question> questions;
  while (auto topic = take_between(topics, "<top>", "</top>")) {
    const auto id = take_between(*topic, "<num>", "</num>");
    const auto title = take_between(*topic, "<title>", "</title>");
    if (!id || !title) {
      return base::fail(
          ErrorCode::invalid_argument,
          "topic " + std::to_string(questions.size() + 1) + ": <num> or <title> is missing");
    }
    Question question;
    question.id = one_line(*id);
    question.text = unescaped(one_line(*title));
    questions.push_back(std::move(question));
  }
  if (questions.empty()) return base::fail(ErrorCode::invalid_argument, "there is no <top>");

  OPALINE_TRY(auto judged, parse_judgements(judgements));
  std::set<std::string> ids;
  for (const Question& question : questions) ids.insert(question.id);
  const bool by_place =
      std::ranges::any_of(judged, [&](const auto& topic) { return !ids.contains(topic.first); });
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const auto found = judged.find(by_place ? std::to_string(i + 1) : questions[i].id);
    if (found != judged.end()) questions[i].relevant = found->second;
  }
  std::erase_if(questions, [](const Question& question) {
    return std::ranges::none_of(question.relevant,
                                [](const auto& document) { return document.second > 0; });
  });
  if (questions.empty())
    return base::fail(ErrorCode::invalid_argument, "no topic has a relevant document");
  return questions;
}

Result<std::vector<Question>> read_questions(const std::filesystem::path& file) {
  const auto named = [&](base::Error error) {
    if (!error.message.contains(file.string()))
      error.message = file.string() + ": " + error.message;
    return base::fail(std::move(error));
  };
  OPALINE_TRY(const std::string text, read_file(file));
  if (file.extension() != ".xml") {
    auto questions = parse_questions(text);
    if (!questions) return named(std::move(questions).error());
    return questions;
  }
  OPALINE_TRY(const auto beside, find_judgements(file));
  OPALINE_TRY(const std::string judgements, read_file(beside));
  auto questions = parse_trec(text, judgements);
  if (!questions) return named(std::move(questions).error());
  return questions;
}

}  // namespace opaline::operations
