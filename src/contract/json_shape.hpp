#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace opaline::contract {

/// What of a JSON Schema is held against values: `type` (also a list), `properties`, `required`,
/// `items`, `enum`, `const`, and true and false in place of a schema. Other keywords are ignored,
/// so what has this shape may still not fit the schema. A value; any thread may read it.
class JsonShape {
 public:
  /// Everything has this shape.
  JsonShape() = default;
  /// @error invalid_argument: a keyword that is read has a value that it cannot have, or the schema
  /// is nested deeper than limits::kJsonDepth: "/properties/n/type: expected …".
  [[nodiscard]] static base::Result<JsonShape> read(const boost::json::object& schema);

  /// Where and how `value` is of another shape: "/docs/0/text: expected a string, found a number";
  /// at its root without a path. Nothing when it has this shape.
  [[nodiscard]] std::optional<std::string> misfit(const boost::json::value& value) const;

 private:
  struct Node;
  class Reader;
  class Check;

  std::shared_ptr<const Node> root_;  // Shared by copies; null: everything.
};

}  // namespace opaline::contract
