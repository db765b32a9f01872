#pragma once

#include <memory>

#include "contract/json_message.hpp"
#include "gateway/route.hpp"
#include "http/message.hpp"

namespace opaline::gateway {

/// What a service of one's own streams, as it comes. Dropping the reply cancels the request; what
/// breaks off becomes an event that says so. Ends the call's query record, if it has one.
[[nodiscard]] http::Response stream_reply(std::unique_ptr<contract::ByteStream> stream, Call call);

/// What it answers when that is no JSON.
[[nodiscard]] http::Response bytes_reply(contract::BytesReply bytes);

}  // namespace opaline::gateway
