#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "gateway/error_reply.hpp"
#include "gateway/query_record.hpp"
#include "http/message.hpp"

namespace opaline::gateway {

/// One request on its way into a route.
struct Call {
  http::Request request;
  base::Context context;
  std::string id;  ///< What {id} of the pattern stood for.
  /// Of a route that counts as a query, else null. Owners: the pipeline, and the stream that
  /// outlives it.
  std::shared_ptr<QueryRecord> query;
  /// For a route of many requests: takes one more from the caller's rate limit, now or after the
  /// reply. @error resource_exhausted: too many. Never empty in a route.
  std::function<base::Result<void>()> charge = [] { return base::Result<void>(); };
};

/// What /openapi.json says about a route. Names of schemas are those of api_schemas.cpp; examples
/// are JSON.
struct Documentation {
  std::string_view tag;
  std::string_view summary;
  std::string_view request;
  std::string_view request_example;
  std::string_view reply;
  std::string_view reply_example;
  std::string_view request_type = "application/json";
  std::string_view reply_type = "application/json";
  std::string_view parameters;  ///< Names of query parameters, separated by spaces.
};

/// A method and a path, and who answers them.
struct Route {
  enum class Access { keyed, open };
  enum class Cost {
    light,   ///< A look-up: not limited, logged at debug level.
    heavy,   ///< Makes a model or the disk work: counts against the rate limit.
    query,   ///< Heavy, and a question of a user: recorded as such in metrics and log.
    upload,  ///< Heavy, with a large body and a long time.
    listen,  ///< Light, and open for as long as the client likes.
  };
  using Answer = std::function<base::Task<base::Result<http::Response>>(Call)>;

  std::string method;
  std::string
      pattern;  ///< "/v1/jobs/{id}/retry"; {id} takes one segment or, for names with slashes, more.
  Answer answer;
  Documentation documentation;
  Cost cost = Cost::light;
  Access access = Access::keyed;
  ErrorShape errors = ErrorShape::opaline;
  /// A microservice of OPEA's: with its errors chosen, ours are told so here too.
  bool opea = false;
};

}  // namespace opaline::gateway
