/// @file
/// A microservice: one step of a flow, or a server of its own.
#pragma once

#include <opaline/json.hpp>
#include <opaline/message.hpp>
#include <opaline/server.hpp>
#include <opaline/service.hpp>
#include <opaline/task.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

namespace opaline {

namespace detail {
struct MicroServiceCore;
}

/// What a service is for, with OPEA's numbers. To a flow only `llm` and `lvm` matter: those take
/// the request's parameters, and stream.
enum class ServiceType {
  gateway = 0,                      ///< A way in.
  embedding = 1,                    ///< Text to vectors.
  retriever = 2,                    ///< A vector or a question to passages.
  rerank = 3,                       ///< Passages in a better order.
  llm = 4,                          ///< A language model.
  asr = 5,                          ///< Speech to text.
  tts = 6,                          ///< Text to speech.
  guardrail = 7,                    ///< What may not pass.
  vectorstore = 8,                  ///< A vector database.
  dataprep = 9,                     ///< Documents to passages.
  undefined = 10,                   ///< Anything else.
  ragas = 11,                       ///< Evaluation.
  lvm = 12,                         ///< A vision-language model.
  knowledge_graph = 13,             ///< A graph of facts.
  web_retriever = 14,               ///< A search of the web.
  image2video = 15,                 ///< An image to a video.
  text2image = 16,                  ///< Text to an image.
  animation = 17,                   ///< Speech to a moving face.
  image2image = 18,                 ///< An image to an image.
  text2sql = 19,                    ///< A question to SQL.
  text2graph = 20,                  ///< Text to a graph.
  text2cypher = 21,                 ///< A question to Cypher.
  text2kg = 22,                     ///< Text to a knowledge graph.
  struct2graph = 23,                ///< Tables to a graph.
  language_detection = 24,          ///< Which language.
  prompt_template = 25,             ///< A prompt out of parts.
  prompt_registry = 26,             ///< Prompts by name.
  text2query = 27,                  ///< A question to a query.
  arb_post_hearing_assistant = 28,  ///< Summaries of hearings.
};

/// Describes a microservice. Name only what matters: `{.name = "embedding", .port = 6000}`.
struct MicroServiceSettings {
  std::string name = {};                      ///< The step's name in flows: unique there.
  ServiceType type = ServiceType::undefined;  ///< What it is for.
  std::string protocol = "http";              ///< Of a remote one: "http" or "https".
  /// Where a remote one is; what an own one listens on: "localhost", an address of this machine, or
  /// "0.0.0.0" for all.
  std::string host = "localhost";
  std::uint16_t port = 8080;   ///< Of a server of your own, 0 is any free one.
  std::string endpoint = "/";  ///< The path that takes the requests.
  /// The bearer token of a remote one, by reference: "env:NAME" or "file:PATH". Never in clear.
  std::string api_key = {};
  std::string description = {};  ///< Told by /v1/health_check.
  std::size_t threads = 1;       ///< I/O threads of a server of your own; 0 is one a core.
  /// Of a request to a server of your own, from its arrival to the end of its answer.
  std::chrono::milliseconds timeout = std::chrono::minutes(2);
};

/// How one call is made.
struct CallOptions {
  /// How long it may take; in a coroutine that works for a request, never longer than that one's.
  std::chrono::milliseconds timeout = std::chrono::minutes(2);
  bool stream = false;        ///< A Stream is wanted. Of a flow, Parameters say so.
  std::stop_token stop = {};  ///< Asked to stop, the call ends with `cancelled`.
};

/// A microservice: another process, asked over HTTP, or code of your own, called in this process or
/// served to others. A handle: copies mean the same service, which lives as long as one of them, a
/// flow that has it, or an answer of its. Any thread.
class MicroService {
 public:
  /// A service that runs elsewhere. It is asked for nothing before the first call. @throws Error
  /// invalid_argument: no such host, port or endpoint, or the key is no reference;
  /// failed_precondition: the key's variable or file is missing.
  [[nodiscard]] static MicroService remote(MicroServiceSettings settings);
  /// A function or coroutine of your own: a step of a flow without a socket, or a server by
  /// start().
  [[nodiscard]] static MicroService local(MicroServiceSettings settings, ServiceFunction function);
  /// The same with an object of your own class. @throws Error invalid_argument: it is null.
  [[nodiscard]] static MicroService local(MicroServiceSettings settings,
                                          std::unique_ptr<Service> service);
  /// Serves a function or coroutine of your own until SIGINT or SIGTERM: a whole program.
  /// @throws Error failed_precondition: the port is taken.
  static void serve(MicroServiceSettings settings, ServiceFunction function);

  /// Its name in flows.
  [[nodiscard]] const std::string& name() const noexcept;
  /// What it is for.
  [[nodiscard]] ServiceType type() const noexcept;
  /// Whether it runs elsewhere.
  [[nodiscard]] bool is_remote() const noexcept;
  /// "http://localhost:6000/v1/embeddings".
  [[nodiscard]] std::string endpoint_path() const;

  /// Asks it and waits. Not in coroutines: those await async_call(). @throws Error what went wrong,
  /// with the code of the service where it tells one; unavailable: nobody answers there;
  /// deadline_exceeded; cancelled.
  [[nodiscard]] Reply call(Json inputs, CallOptions options = {}) const;
  /// Asks it and suspends the coroutine until it has answered. @throws Error as call().
  [[nodiscard]] Task<Reply> async_call(Json inputs, CallOptions options = {}) const;

  /// Listens on its host and port. @throws Error failed_precondition: the port is taken, or the
  /// address is not of this machine; invalid_argument: it is remote.
  [[nodiscard]] Server start() const;
  /// start(), then Server::wait(): until SIGINT or SIGTERM. @throws Error as start().
  void serve() const;

  /// Not for applications.
  explicit MicroService(std::shared_ptr<detail::MicroServiceCore> core) noexcept;
  /// Not for applications.
  [[nodiscard]] detail::MicroServiceCore& core() const noexcept { return *core_; }

 private:
  std::shared_ptr<detail::MicroServiceCore> core_;  // Owners: the copies, flows and answers.
};

}  // namespace opaline
