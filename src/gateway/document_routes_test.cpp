#include "gateway/document_routes.hpp"

#include <map>

#include "gateway/deployment_fixture.hpp"

namespace opaline::gateway {
namespace {

using base::ErrorCode;
using contract::JobState;
using namespace std::chrono_literals;

contract::Job job(std::string id, JobState state, std::string error = "") {
  contract::Job made;
  made.id = std::move(id);
  made.document_id = "d-" + made.id;
  made.collection = "default";
  made.source = made.id + ".txt";
  made.state = state;
  made.error = std::move(error);
  return made;
}

contract::Document document(std::string id, std::string collection = "default") {
  contract::Document made;
  made.id = std::move(id);
  made.collection = std::move(collection);
  made.source = "manual/" + made.id + ".html";
  made.title = "Title";
  made.mime = "text/html";
  return made;
}

class DocumentRoutes : public Deployment {
 protected:
  DocumentRoutes() { settings_.job_poll = 1ms; }

  /// Answers requests of type T with `answer(T)`; others are none of this test's.
  template <class T, class F>
  void on(F answer) {
    answers_[typeid(T).name()] =
        [answer](const contract::DataprepRequest& asked) -> base::Result<contract::Reply> {
      auto reply = answer(std::get<T>(asked));
      if (!reply) return base::fail(reply.error());
      return contract::Reply(contract::DataprepReply(*reply));
    };
    dataprep_.set([this](const contract::Request& asked,
                         const auto&) -> base::Result<contract::Reply> {
      const auto& request = std::get<contract::DataprepRequest>(asked);
      const char* name = std::visit([](const auto& one) { return typeid(one).name(); }, request);
      const auto found = answers_.find(name);
      if (found == answers_.end()) return base::fail(ErrorCode::internal, "no script");
      return found->second(request);
    });
  }

  template <class T>
  const T& asked(std::size_t index = 0) {
    return std::get<T>(std::get<contract::DataprepRequest>(dataprep_.requests.at(index)));
  }

  static http::Request upload(std::string path, std::vector<std::string> names,
                              std::string more = "") {
    auto made = request("POST", std::move(path));
    made.headers.add("Content-Type", "multipart/form-data; boundary=B");
    for (const std::string& name : names) {
      made.body += "--B\r\nContent-Disposition: form-data; name=\"files\"; filename=\"" + name +
                   "\"\r\n\r\nbytes\r\n";
    }
    made.body += more + "--B--\r\n";
    return made;
  }

  std::map<std::string,
           std::function<base::Result<contract::Reply>(const contract::DataprepRequest&)>>
      answers_;
};

TEST_F(DocumentRoutes, IngestAcceptsAllFilesAndNamesTheirJobs) {
  on<contract::IngestRequest>([](const auto& request) -> base::Result<contract::IngestReply> {
    contract::IngestReply reply;
    for (const auto& file : request.files) reply.jobs.push_back(job(file.source, JobState::queued));
    return reply;
  });
  const auto reply = ask(upload("/v1/dataprep/ingest", {"a.txt", "b.md"}));
  EXPECT_EQ(reply.status, 202u) << reply.body;
  const auto body = json(reply);
  EXPECT_EQ(body.at("status").to_number<int>(), 202);
  EXPECT_EQ(body.at("message").as_string(), "Data preparation accepted");
  ASSERT_EQ(body.at("jobs").as_array().size(), 2u);
  EXPECT_EQ(body.at_pointer("/jobs/1/state").as_string(), "queued");
  EXPECT_EQ(asked<contract::IngestRequest>().files.at(1).bytes, "bytes");
}

TEST_F(DocumentRoutes, IngestWaitsForItsJobs) {
  on<contract::IngestRequest>([](const auto&) -> base::Result<contract::IngestReply> {
    return contract::IngestReply{
        {job("1", JobState::queued), job("2", JobState::unchanged), job("3", JobState::parsing)}};
  });
  std::map<std::string, int> looks;
  on<contract::JobRequest>([&looks](const auto& request) -> base::Result<contract::JobReply> {
    return contract::JobReply{
        job(request.id, ++looks[request.id] < 3 ? JobState::embedding : JobState::ready)};
  });
  const auto reply = ask(upload("/v1/dataprep/ingest?wait=true", {"a.txt"}));
  EXPECT_EQ(reply.status, 200u) << reply.body;
  const auto body = json(reply);
  EXPECT_EQ(body.at("status").to_number<int>(), 200);
  EXPECT_EQ(body.at("message").as_string(), "Data preparation succeeded");
  EXPECT_EQ(body.at_pointer("/jobs/0/state").as_string(), "ready");
  EXPECT_EQ(body.at_pointer("/jobs/2/state").as_string(), "ready");
  EXPECT_EQ(looks, (std::map<std::string, int>{{"1", 3}, {"3", 3}}));
}

TEST_F(DocumentRoutes, IngestTellsWhichFileFailed) {
  on<contract::IngestRequest>([](const auto&) -> base::Result<contract::IngestReply> {
    return contract::IngestReply{
        {job("1", JobState::ready), job("2", JobState::failed, "the PDF needs a password")}};
  });
  const auto reply = ask(upload("/v1/dataprep/ingest?wait=true", {"a.txt"}));
  EXPECT_EQ(reply.status, 400u);
  EXPECT_EQ(json(reply).at("detail").as_string(), "2.txt: the PDF needs a password");
}

TEST_F(DocumentRoutes, IngestAnswers202WhenTheTimeIsOver) {
  on<contract::IngestRequest>([](const auto&) -> base::Result<contract::IngestReply> {
    return contract::IngestReply{{job("1", JobState::queued)}};
  });
  base::Context context{.request_id = "r"};
  context.deadline = base::Context::Clock::now() + 1s;
  const auto reply = run(loop_, gateway_->request_handler()(
                                    upload("/v1/dataprep/ingest?wait=true", {"a.txt"}), context));
  EXPECT_EQ(reply.status, 202u);
}

TEST_F(DocumentRoutes, IngestRefusesAnEmptyForm) {
  const auto reply = ask(upload("/v1/dataprep/ingest", {}));
  EXPECT_EQ(reply.status, 400u);
  EXPECT_EQ(json(reply).at("detail").as_string(), "Must provide either a file or a string list.");
  EXPECT_EQ(post("/v1/dataprep/ingest", "{}").status, 400u);
}

TEST_F(DocumentRoutes, IngestSaysWhenTheDiskIsFull) {
  on<contract::IngestRequest>([](const auto&) -> base::Result<contract::IngestReply> {
    return base::fail(ErrorCode::resource_exhausted, "the disk is full");
  });
  const auto reply = ask(upload("/v1/dataprep/ingest", {"a.txt"}));
  EXPECT_EQ(reply.status, 429u);
  EXPECT_EQ(json(reply).at("detail").as_string(), "the disk is full");
}

TEST_F(DocumentRoutes, GetListsAsOpeaDoes) {
  on<contract::ListDocumentsRequest>([](const auto&) -> base::Result<contract::ListDocumentsReply> {
    return contract::ListDocumentsReply{{document("7", "legal")}};
  });
  const auto reply = post("/v1/dataprep/get", "");
  EXPECT_EQ(
      reply.body,
      R"([{"name":"manual/7.html","id":"7","type":"File","parent":"","index_name":"legal"}])");
  EXPECT_FALSE(asked<contract::ListDocumentsRequest>(0).collection);
  (void)post("/v1/dataprep/get", R"({"index_name":"all"})");
  EXPECT_FALSE(asked<contract::ListDocumentsRequest>(1).collection);
  (void)post("/v1/dataprep/get", R"({"index_name":null})");
  EXPECT_FALSE(asked<contract::ListDocumentsRequest>(2).collection);
  (void)post("/v1/dataprep/get", R"({"index_name":"legal"})");
  EXPECT_EQ(asked<contract::ListDocumentsRequest>(3).collection, "legal");
}

TEST_F(DocumentRoutes, DeleteTakesANameOrAll) {
  on<contract::DeleteDocumentsRequest>(
      [](const auto& request) -> base::Result<contract::DeleteDocumentsReply> {
        return contract::DeleteDocumentsReply{request.id_or_source == "a.txt" ? 1u : 0u};
      });
  EXPECT_EQ(post("/v1/dataprep/delete", R"({"file_path":"a.txt"})").body, R"({"status":true})");
  EXPECT_EQ(asked<contract::DeleteDocumentsRequest>().collection, "default");
  EXPECT_EQ(post("/v1/dataprep/delete", R"({"file_path":"all","index_name":"legal"})").body,
            R"({"status":true})");
  EXPECT_TRUE(asked<contract::DeleteDocumentsRequest>(1).all);
  EXPECT_EQ(asked<contract::DeleteDocumentsRequest>(1).collection, "legal");
  const auto missing = post("/v1/dataprep/delete", R"({"file_path":"b.txt"})");
  EXPECT_EQ(missing.status, 404u);
  EXPECT_TRUE(json(missing).at("detail").is_string());
  for (const char* body : {"", "{}", R"({"file_path":""})", R"({"file_path":["a"]})"}) {
    EXPECT_EQ(post("/v1/dataprep/delete", body).status, 400u) << body;
  }
}

TEST_F(DocumentRoutes, IndicesListsCollections) {
  on<contract::ListCollectionsRequest>(
      [](const auto&) -> base::Result<contract::ListCollectionsReply> {
        return contract::ListCollectionsReply{{"default", "legal"}};
      });
  EXPECT_EQ(post("/v1/dataprep/indices", "").body, R"(["default","legal"])");
}

TEST_F(DocumentRoutes, DocumentsComeInPages) {
  on<contract::ListDocumentsRequest>(
      [](const auto& request) -> base::Result<contract::ListDocumentsReply> {
        contract::ListDocumentsReply reply;
        for (std::size_t i = 0; i < std::min<std::size_t>(request.limit, 3); ++i)
          reply.documents.push_back(document(std::to_string(i)));
        return reply;
      });
  const auto page = json(get("/v1/documents?limit=2&after=x&collection=legal"));
  EXPECT_EQ(page.at("documents").as_array().size(), 2u);
  EXPECT_TRUE(page.at("has_more").as_bool());
  EXPECT_EQ(asked<contract::ListDocumentsRequest>().after, "x");
  EXPECT_EQ(asked<contract::ListDocumentsRequest>().collection, "legal");
  EXPECT_FALSE(json(get("/v1/documents?limit=3")).at("has_more").as_bool());
  for (const char* limit : {"0", "-1", "10001", "x", "", "1.5", "99999999999999999999"}) {
    EXPECT_EQ(get("/v1/documents?limit=" + std::string(limit)).status, 400u) << limit;
  }
}

TEST_F(DocumentRoutes, ADocumentHasItsFactsAndItsText) {
  on<contract::GetDocumentRequest>(
      [](const auto& request) -> base::Result<contract::GetDocumentReply> {
        if (request.id != "a/b.md")
          return base::fail(ErrorCode::not_found, "there is no document '" + request.id + "'");
        return contract::GetDocumentReply{document(request.id), "the text"};
      });
  EXPECT_EQ(json(get("/v1/documents/a/b.md")).at("id").as_string(), "a/b.md");
  const auto text = json(get("/v1/documents/a/b.md/text"));
  EXPECT_EQ(text.at("text").as_string(), "the text");
  EXPECT_EQ(text.at_pointer("/document/title").as_string(), "Title");
  EXPECT_EQ(get("/v1/documents/other").status, 404u);
  EXPECT_EQ(get("/v1/documents/other/text").status, 404u);
}

TEST_F(DocumentRoutes, ADocumentIsDeletedWhereverItIs) {
  on<contract::DeleteDocumentsRequest>(
      [](const auto& request) -> base::Result<contract::DeleteDocumentsReply> {
        return contract::DeleteDocumentsReply{
            request.collection == "legal" && request.id_or_source == "7" ? 1u : 0u};
      });
  on<contract::GetDocumentRequest>(
      [](const auto& request) -> base::Result<contract::GetDocumentReply> {
        if (request.id != "7")
          return base::fail(ErrorCode::not_found, "there is no document '" + request.id + "'");
        return contract::GetDocumentReply{document("7", "legal"), ""};
      });
  EXPECT_EQ(ask(request("DELETE", "/v1/documents/7")).body, R"({"deleted":1})");
  EXPECT_EQ(ask(request("DELETE", "/v1/documents/7?collection=legal")).status, 200u);
  EXPECT_EQ(ask(request("DELETE", "/v1/documents/7?collection=default")).status, 404u);
  EXPECT_EQ(ask(request("DELETE", "/v1/documents/8")).status, 404u);
}

TEST_F(DocumentRoutes, JobsAreListedFoundRetriedAndCancelled) {
  on<contract::ListJobsRequest>([](const auto&) -> base::Result<contract::ListJobsReply> {
    return contract::ListJobsReply{{job("1", JobState::ready)}};
  });
  on<contract::JobRequest>([](const auto& request) -> base::Result<contract::JobReply> {
    if (request.id == "0") return base::fail(ErrorCode::not_found, "there is no job '0'");
    if (request.action == contract::JobRequest::Action::retry)
      return base::fail(ErrorCode::failed_precondition, "the job has not failed");
    return contract::JobReply{job(request.id, request.action == contract::JobRequest::Action::cancel
                                                  ? JobState::cancelled
                                                  : JobState::ready)};
  });
  EXPECT_EQ(json(get("/v1/jobs?unfinished=true")).at("jobs").as_array().size(), 1u);
  EXPECT_TRUE(asked<contract::ListJobsRequest>().unfinished_only);
  EXPECT_EQ(json(get("/v1/jobs/1")).at("state").as_string(), "ready");
  EXPECT_EQ(get("/v1/jobs/0").status, 404u);
  EXPECT_EQ(json(post("/v1/jobs/1/cancel", "")).at("state").as_string(), "cancelled");
  EXPECT_EQ(post("/v1/jobs/1/retry", "").status, 409u);
}

TEST_F(DocumentRoutes, SayWhenThereIsNoDataprep) {
  services_.dataprep = nullptr;
  open();
  EXPECT_EQ(get("/v1/documents").status, 404u);
  EXPECT_EQ(get("/v1/jobs/events").status, 404u);
  const auto reply = ask(upload("/v1/dataprep/ingest", {"a.txt"}));
  EXPECT_EQ(reply.status, 404u);
  EXPECT_EQ(json(reply).at("detail").as_string(), "this deployment has no dataprep service");
}

TEST_F(DocumentRoutes, JobEventsTellWhatChanges) {
  int looks = 0;
  on<contract::ListJobsRequest>(
      [&looks](const auto& request) -> base::Result<contract::ListJobsReply> {
        if (!request.unfinished_only) return contract::ListJobsReply{{job("old", JobState::ready)}};
        if (++looks < 3) return contract::ListJobsReply{{job("1", JobState::queued)}};
        return contract::ListJobsReply{};
      });
  on<contract::JobRequest>([](const auto& request) -> base::Result<contract::JobReply> {
    return contract::JobReply{job(request.id, JobState::failed, "broken")};
  });
  auto reply = get("/v1/jobs/events");
  EXPECT_EQ(reply.headers.get("Content-Type"), "text/event-stream; charset=utf-8");
  std::shared_ptr<http::BodyStream> events = std::move(reply.stream);
  ASSERT_TRUE(events);
  const auto next = [&] { return run(loop_, events->next()).value().value(); };
  EXPECT_EQ(next(), "retry: 2000\n\n");
  const std::string first = next();
  EXPECT_NE(first.find("event: job\ndata: {\"id\":\"1\""), std::string::npos) << first;
  EXPECT_NE(first.find("\"id\":\"old\""), std::string::npos) << first;
  const std::string second = next();  // The third look; nothing had changed at the second.
  EXPECT_EQ(looks, 3);
  EXPECT_NE(second.find("\"state\":\"failed\""), std::string::npos) << second;
  EXPECT_EQ(second.find("\"id\":\"old\""), std::string::npos) << second;
  // An ended job is told once and not looked up again.
  dataprep_.contexts.back().cancellation->request();
  EXPECT_FALSE(run(loop_, events->next()).value().has_value());
}

TEST_F(DocumentRoutes, JobEventsEndWithAnErrorAndBeatWhileNothingHappens) {
  settings_.heartbeat = 2ms;
  open();
  bool broken = false;
  on<contract::ListJobsRequest>([&broken](const auto&) -> base::Result<contract::ListJobsReply> {
    if (broken) return base::fail(ErrorCode::unavailable, "the store is away");
    return contract::ListJobsReply{};
  });
  auto reply = get("/v1/jobs/events");
  std::shared_ptr<http::BodyStream> events = std::move(reply.stream);
  const auto next = [&] { return run(loop_, events->next()).value(); };
  (void)next();
  EXPECT_EQ(next(), ": waiting\n\n");
  broken = true;
  EXPECT_TRUE(next()->starts_with("event: error\ndata: {\"error\":"));
  EXPECT_FALSE(next().has_value());
}

}  // namespace
}  // namespace opaline::gateway
