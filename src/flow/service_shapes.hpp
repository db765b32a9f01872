#pragma once

#include <span>
#include <string_view>

#include "contract/service.hpp"
#include "flow/expression.hpp"
#include "flow/expression_functions.hpp"

namespace opaline::flow {

/// What is known of a service's reply: the members that it always has. Nothing of one of the user's
/// own.
[[nodiscard]] Shape reply_shape(contract::ServiceKind kind);

/// A field of a request, and what it may be.
struct RequestField {
  std::string_view name;
  Types takes;
};
/// The fields of a service's request whose type is known; there may be others.
[[nodiscard]] std::span<const RequestField> request_fields(contract::ServiceKind kind);

}  // namespace opaline::flow
