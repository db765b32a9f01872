#pragma once

#include <memory>
#include <string_view>

#include "contract/service.hpp"
#include "gateway/route.hpp"
#include "http/message.hpp"

namespace opaline::gateway {

/// A body of any JSON; `stream` is what a field of that name says.
/// @error invalid_argument: no JSON, or `stream` is neither true nor false.
[[nodiscard]] base::Result<contract::JsonRequest> read_json_request(std::string_view body);

/// What a service of one's own, or a flow of them, answered: JSON, bytes or a stream.
/// Dropping a stream cancels the request; what breaks off becomes an event that says so; its end is
/// that of the call's query record, if it has one.
/// @error internal: something else.
[[nodiscard]] base::Result<http::Response> json_service_reply(contract::Reply reply, Call call);

}  // namespace opaline::gateway
