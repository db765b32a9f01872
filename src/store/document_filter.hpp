#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace opaline::store {

/// What a filter looks at.
struct DocumentFields {
  std::string_view id;
  std::string_view source;
  std::string_view title;
  std::string_view mime;
  const boost::json::object& metadata;
};

/// A condition on documents, read from Mongo-style JSON:
///
///   {"lang": "en"}                       the field equals it, or is an array with it
///   {"year": {"$gte": 2020, "$lt": 2024}}   all hold; $eq $ne $gt $gte $lt $lte
///   {"tag": {"$in": ["a", "b"]}}         $nin is its opposite
///   {"page.author": {"$exists": true}}   a dot reaches into objects
///   {"tags": {"$contains": "a"}}         an array with it, or a text with it as a part
///   {"$or": [{…}, {…}]} {"$and": […]} {"$not": {…}} {"year": {"$not": {"$gt": 5}}}
///
/// `source`, `title`, `mime` and `document_id` are the document's own. Numbers compare with numbers
/// and texts with texts (by bytes); anything else is not ordered, so that it does not match. null
/// equals a field that is missing.
class DocumentFilter {
 public:
  /// Empty text: everything. @error invalid_argument: not of this form; names the operator or
  /// field.
  static base::Result<DocumentFilter> parse(std::string_view json);

  [[nodiscard]] bool admits(const DocumentFields& fields) const;
  [[nodiscard]] bool admits_all() const {
    return condition_.kind == Kind::all && condition_.parts.empty();
  }

 private:
  enum class Kind {
    all,
    any,
    none,
    equal,
    greater,
    greater_equal,
    less,
    less_equal,
    in,
    exists,
    contains
  };
  struct Condition {
    Kind kind = Kind::all;
    std::string field;  // Of the last seven kinds.
    boost::json::value operand;
    std::vector<Condition> parts;  // Of the first three.
  };
  static base::Result<Condition> parse_object(const boost::json::object& object);
  static base::Result<std::vector<Condition>> parse_list(std::string_view name,
                                                         const boost::json::value& value);
  static base::Result<Condition> parse_field(std::string_view field,
                                             const boost::json::value& value);
  static base::Result<Condition> parse_operator(std::string_view field, std::string_view name,
                                                const boost::json::value& operand);
  static bool holds(const Condition& condition, const DocumentFields& fields);

  Condition condition_;
};

}  // namespace opaline::store
