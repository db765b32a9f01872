#include "services/dataprep/dataprep_service.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <random>

#include "contract/hit.hpp"
#include "services/dataprep/job_record.hpp"
#include "services/dataprep/service_fixture.hpp"

namespace opaline::services::dataprep {
namespace {

using base::ErrorCode;
using contract::JobState;

std::string page(const std::string& word, int paragraphs = 3) {
  std::string text = "# " + word + "\n";
  for (int i = 0; i < paragraphs; ++i) {
    text += fmt::format("\nParagraph {} about {}", i, word);
    for (int w = 0; w < 120; ++w) text += " filler";
    text += ".\n";
  }
  return text;
}

class Dataprep : public testing::Test {
 protected:
  TemporaryFolder folder_;
  std::optional<Workplace> place_{std::in_place, folder_.path()};

  void restart(DataprepSettings settings = test_settings()) {
    place_.reset();
    place_.emplace(folder_.path(), std::move(settings));
  }
};

TEST_F(Dataprep, MakesAFileSearchable) {
  contract::IngestRequest options{.metadata = {{"lang", "en"}}};
  const contract::Job job = place_->file("dir/a.md", page("zebra"), options);
  EXPECT_EQ(job.state, JobState::ready) << job.error;
  EXPECT_EQ(job.source, "dir/a.md");
  EXPECT_EQ(job.done, job.total);
  EXPECT_EQ(job.attempts, 1);
  EXPECT_TRUE(place_->embedding.all_bulk);

  const auto documents = place_->documents();
  ASSERT_EQ(documents.size(), 1U);
  EXPECT_EQ(documents[0].title, "zebra");
  EXPECT_EQ(documents[0].mime, "text/markdown");
  EXPECT_EQ(documents[0].chunks, job.total);
  EXPECT_EQ(documents[0].bytes, page("zebra").size());
  EXPECT_EQ(documents[0].metadata.at("lang"), "en");

  const auto text =
      place_->ask<contract::GetDocumentReply>(contract::GetDocumentRequest{documents[0].id});
  ASSERT_TRUE(text.has_value());
  const auto hits = place_->store().search_keyword("zebra", 10, {.collection = "default"});
  ASSERT_TRUE(hits.has_value());
  ASSERT_FALSE(hits->empty());
  const std::int64_t ids[] = {hits->front().id};
  const auto chunks = place_->store().chunks(ids, store::Store::Vectors::include);
  const store::ChunkRow& chunk = chunks->at(0);
  EXPECT_EQ(chunk.text, text->text.substr(chunk.range.begin, chunk.range.end - chunk.range.begin));
  EXPECT_EQ(chunk.vector,
            ScriptedEmbedding::vector_of(contract::titled_text(chunk.title_path, chunk.text)));
  wait_until([&] { return Workplace::blobs(folder_.path()) == 0; });  // Not needed any more.
}

TEST_F(Dataprep, SeveralFilesOfOneRequestAllArrive) {
  contract::IngestRequest request;
  for (int i = 0; i < 25; ++i)
    request.files.push_back(
        {.source = fmt::format("f{}.md", i), .bytes = page(fmt::format("word{}", i))});
  const auto jobs = place_->ingest(std::move(request));
  ASSERT_TRUE(jobs.has_value());
  ASSERT_EQ(jobs->size(), 25U);
  for (const contract::Job& job : place_->wait(*jobs))
    EXPECT_EQ(job.state, JobState::ready) << job.source << job.error;
  EXPECT_EQ(place_->documents().size(), 25U);
}

TEST_F(Dataprep, OneBadDocumentHarmsNoOther) {
  contract::IngestRequest request;
  request.files = {{.source = "a.md", .bytes = page("fine")},
                   {.source = "b.pdf", .bytes = "\x89PNG\r\n\x1A\n", .mime = "application/pdf"},
                   {.source = "c.txt", .bytes = ""},
                   {.source = "d.md", .bytes = page("good")}};
  const auto ended = place_->wait(*place_->ingest(std::move(request)));
  EXPECT_EQ(ended[0].state, JobState::ready);
  EXPECT_EQ(ended[1].state, JobState::failed);
  EXPECT_EQ(ended[1].error, "b.pdf is not a supported document (looks like a PNG image)");
  EXPECT_EQ(ended[2].error, "c.txt is empty");
  EXPECT_EQ(ended[3].state, JobState::ready);
}

TEST_F(Dataprep, WarningsMakeReadyWithWarnings) {
  const contract::Job job = place_->file("a.csv", "a,b\n1,2,3\n4,5\n");
  EXPECT_EQ(job.state, JobState::ready_with_warnings);
  EXPECT_THAT(job.warnings,
              testing::ElementsAre("1 rows have another number of columns than the header"));
}

TEST_F(Dataprep, TheSameAgainIsUnchangedAndCostsNoEmbedding) {
  EXPECT_EQ(place_->file("a.md", page("zebra")).state, JobState::ready);
  const int texts = place_->embedding.texts;
  EXPECT_EQ(place_->file("a.md", page("zebra")).state, JobState::unchanged);
  EXPECT_EQ(place_->embedding.texts, texts);
  // Under another name, in another collection, with other options it is another matter.
  EXPECT_EQ(place_->file("b.md", page("zebra")).state, JobState::ready);
  EXPECT_EQ(place_->file("a.md", page("zebra"), {.collection = "other"}).state, JobState::ready);
  EXPECT_EQ(place_->file("a.md", page("zebra"), {.metadata = {{"x", 1}}}).state, JobState::ready);
  EXPECT_EQ(place_->file("a.md", page("zebra"), {.metadata = {{"x", 1}}, .chunk_tokens = 64}).state,
            JobState::ready);
  EXPECT_EQ(place_->file("a.md", page("zebra"), {.metadata = {{"x", 1}}, .chunk_tokens = 64}).state,
            JobState::unchanged);
  restart();
  EXPECT_EQ(place_->file("a.md", page("zebra"), {.metadata = {{"x", 1}}, .chunk_tokens = 64}).state,
            JobState::unchanged);
  EXPECT_EQ(place_->file("a.md", page("zebra"), {.metadata = {{"x", 1}}}).state, JobState::ready);
}

TEST_F(Dataprep, ChangedContentReplacesTheOldWhenItIsReady) {
  place_->file("a.md", page("zebra"));
  place_->embedding.hold("lion");
  const auto jobs = place_->ingest({.files = {{.source = "a.md", .bytes = page("lion")}}});
  wait_until([&] { return place_->embedding.waiting > 0; });
  EXPECT_FALSE(place_->store().search_keyword("zebra", 10, {.collection = "default"})->empty())
      << "the old one stays until then";
  place_->embedding.release();
  EXPECT_EQ(place_->wait(*jobs)[0].state, JobState::ready);
  EXPECT_TRUE(place_->store().search_keyword("zebra", 10, {.collection = "default"})->empty());
  EXPECT_FALSE(place_->store().search_keyword("lion", 10, {.collection = "default"})->empty());
  EXPECT_EQ(place_->documents().size(), 1U);
}

TEST_F(Dataprep, AFailedUpdateLeavesTheOldVersion) {
  place_->file("a.md", page("zebra"));
  EXPECT_EQ(place_->file("a.md", "\x89PNG\r\n\x1A\n").state, JobState::failed);
  EXPECT_FALSE(place_->store().search_keyword("zebra", 10, {.collection = "default"})->empty());
}

TEST_F(Dataprep, VersionsOfADocumentAreWorkedOnInOrder) {
  place_->embedding.hold("first");
  const auto first = place_->ingest({.files = {{.source = "a.md", .bytes = page("first")}}});
  const auto second = place_->ingest({.files = {{.source = "a.md", .bytes = page("second")}}});
  const auto back = place_->ingest({.files = {{.source = "a.md", .bytes = page("second")}}});
  wait_until([&] { return place_->embedding.waiting > 0; });
  EXPECT_EQ(place_->job(second->at(0).id).state, JobState::queued);
  place_->embedding.release();
  EXPECT_EQ(place_->wait(*first)[0].state, JobState::ready);
  EXPECT_EQ(place_->wait(*second)[0].state, JobState::ready);
  EXPECT_EQ(place_->wait(*back)[0].state, JobState::unchanged);
  EXPECT_EQ(place_->documents()[0].title, "second");
}

TEST_F(Dataprep, WaitsForAModelThatRestarts) {
  place_->embedding.fail_next = 6;
  const contract::Job job = place_->file("a.md", page("zebra"));
  EXPECT_EQ(job.state, JobState::ready) << job.error;
  EXPECT_EQ(job.attempts, 1);
  EXPECT_EQ(job.error, "");
}

TEST_F(Dataprep, GivesUpOnAModelThatStaysAway) {
  DataprepSettings settings = test_settings();
  settings.outage_longest = 20ms;
  restart(settings);
  place_->embedding.fail_next = 1'000'000;
  const contract::Job job = place_->file("a.md", page("zebra"));
  EXPECT_EQ(job.state, JobState::failed);
  EXPECT_EQ(job.error, "the embedding model is starting");

  place_->embedding.fail_next = 0;
  const auto again = place_->ask<contract::JobReply>(
      contract::JobRequest{job.id, contract::JobRequest::Action::retry});
  ASSERT_TRUE(again.has_value()) << again.error().message;
  const contract::Job ended = place_->wait({again->job})[0];
  EXPECT_EQ(ended.state, JobState::ready);
  EXPECT_EQ(ended.attempts, 2);
}

TEST_F(Dataprep, DoesNotRepeatWhatCannotSucceed) {
  place_->embedding.failure = {ErrorCode::invalid_argument, "too many texts", ""};
  place_->embedding.fail_next = 1'000;
  const contract::Job job = place_->file("a.md", page("zebra", 1));
  EXPECT_EQ(job.state, JobState::failed);
  EXPECT_EQ(place_->embedding.calls, 1);
}

TEST_F(Dataprep, CancellingStopsTheWork) {
  place_->embedding.hold("zebra");
  const auto jobs = place_->ingest({.files = {{.source = "a.md", .bytes = page("zebra", 100)},
                                              {.source = "a2.md", .bytes = page("x")}}});
  wait_until([&] { return place_->embedding.waiting == 2; });
  const auto cancelled = place_->ask<contract::JobReply>(
      contract::JobRequest{jobs->at(0).id, contract::JobRequest::Action::cancel});
  ASSERT_TRUE(cancelled.has_value()) << cancelled.error().message;
  EXPECT_EQ(cancelled->job.state, JobState::cancelled);
  EXPECT_EQ(place_->embedding.waiting, 0);
  place_->embedding.release();
  EXPECT_EQ(place_->wait(*jobs)[1].state, JobState::ready);
  EXPECT_EQ(place_->documents().size(), 1U);

  // Twice is as good as once; what has ended cannot be cancelled; what was cancelled can be begun
  // again.
  const auto act = [&](const std::string& id, contract::JobRequest::Action action) {
    return place_->ask<contract::JobReply>(contract::JobRequest{id, action});
  };
  EXPECT_EQ(act(jobs->at(0).id, contract::JobRequest::Action::cancel)->job.state,
            JobState::cancelled);
  EXPECT_EQ(act(jobs->at(1).id, contract::JobRequest::Action::cancel).error().code,
            ErrorCode::failed_precondition);
  EXPECT_EQ(act(jobs->at(1).id, contract::JobRequest::Action::retry).error().code,
            ErrorCode::failed_precondition);
  EXPECT_EQ(act("job_none", contract::JobRequest::Action::cancel).error().code,
            ErrorCode::not_found);
  const auto again = act(jobs->at(0).id, contract::JobRequest::Action::retry);
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ(place_->wait({again->job})[0].state, JobState::ready);
}

TEST_F(Dataprep, AQueuedJobCanBeCancelled) {
  DataprepSettings settings = test_settings();
  settings.documents = 1;
  restart(settings);
  place_->embedding.hold("zebra");
  const auto jobs = place_->ingest({.files = {{.source = "a.md", .bytes = page("zebra")},
                                              {.source = "b.md", .bytes = page("lion")}}});
  const auto cancelled = place_->ask<contract::JobReply>(
      contract::JobRequest{jobs->at(1).id, contract::JobRequest::Action::cancel});
  EXPECT_EQ(cancelled->job.state, JobState::cancelled);
  place_->embedding.release();
  EXPECT_EQ(place_->wait(*jobs)[0].state, JobState::ready);
  EXPECT_EQ(place_->documents().size(), 1U);
}

TEST_F(Dataprep, ShowsProgress) {
  place_->embedding.hold("Paragraph 9 ");
  const auto jobs = place_->ingest({.files = {{.source = "a.md", .bytes = page("zebra", 30)}}});
  wait_until([&] { return place_->job(jobs->at(0).id).done > 0; });
  const contract::Job job = place_->job(jobs->at(0).id);
  EXPECT_EQ(job.state, JobState::embedding);
  EXPECT_GT(job.total, job.done);
  const auto listed =
      place_->ask<contract::ListJobsReply>(contract::ListJobsRequest{.unfinished_only = true});
  ASSERT_EQ(listed->jobs.size(), 1U);
  EXPECT_EQ(listed->jobs[0].state, JobState::embedding);
  place_->embedding.release();
  place_->wait(*jobs);
}

TEST_F(Dataprep, SmallDocumentsPassLargeOnes) {
  DataprepSettings settings = test_settings();
  settings.documents = 2;
  settings.large_bytes = 20'000;
  restart(settings);
  place_->embedding.hold("LARGE");
  const auto large = place_->ingest({.files = {{.source = "l1.md", .bytes = page("LARGE", 100)},
                                               {.source = "l2.md", .bytes = page("LARGE", 100)},
                                               {.source = "l3.md", .bytes = page("LARGE", 100)}}});
  const auto small = place_->ingest({.files = {{.source = "s1.md", .bytes = page("small")},
                                               {.source = "s2.md", .bytes = page("small")}}});
  for (const contract::Job& job : place_->wait(*small)) EXPECT_EQ(job.state, JobState::ready);
  EXPECT_EQ(place_->documents().size(), 2U);
  place_->embedding.release();
  for (const contract::Job& job : place_->wait(*large)) EXPECT_EQ(job.state, JobState::ready);
}

TEST_F(Dataprep, UnfinishedJobsGoOnAfterARestart) {
  place_->embedding.hold("zebra");
  contract::IngestRequest request;
  for (int i = 0; i < 12; ++i)
    request.files.push_back({.source = fmt::format("f{}.md", i), .bytes = page("zebra")});
  const auto jobs = place_->ingest(std::move(request));
  wait_until([&] { return place_->embedding.waiting > 0; });
  restart();
  for (const contract::Job& job : place_->wait(*jobs)) EXPECT_EQ(job.state, JobState::ready);
  EXPECT_EQ(place_->documents().size(), 12U);
  // An uploaded file is cleared away after its job is said to be ready.
  wait_until([&] { return Workplace::blobs(folder_.path()) == 0; });
}

TEST_F(Dataprep, WaitingHasADeadlineAndCanBeCancelled) {
  place_->embedding.hold("zebra");
  const auto jobs = place_->ingest({.files = {{.source = "a.md", .bytes = page("zebra")}}});
  base::Context context;
  context.deadline = base::Context::Clock::now() + 20ms;
  EXPECT_EQ(run_task(place_->service().wait({jobs->at(0).id}, context)).error().code,
            ErrorCode::deadline_exceeded);
  EXPECT_EQ(run_task(place_->service().wait({"job_unknown"}, {})).error().code,
            ErrorCode::not_found);
  base::Context cancelled;
  cancelled.cancellation->request();
  EXPECT_EQ(run_task(place_->service().wait({jobs->at(0).id}, cancelled)).error().code,
            ErrorCode::cancelled);
  place_->embedding.release();
  EXPECT_EQ(place_->wait(*jobs)[0].state, JobState::ready);
}

TEST_F(Dataprep, DeletingIsCompleteWhenItReturns) {
  place_->file("a.md", page("zebra"));
  place_->file("b.md", page("lion"));
  const auto remove = [&](contract::DeleteDocumentsRequest request) {
    return place_->ask<contract::DeleteDocumentsReply>(std::move(request));
  };
  EXPECT_EQ(remove({.id_or_source = "a.md"})->deleted, 1U);
  EXPECT_TRUE(place_->store().search_keyword("zebra", 10, {.collection = "default"})->empty());
  EXPECT_EQ(place_->documents().size(), 1U);
  EXPECT_EQ(remove({.id_or_source = "a.md"}).error().code, ErrorCode::not_found);
  EXPECT_EQ(remove({.id_or_source = ""}).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(remove({.id_or_source = place_->documents()[0].id})->deleted, 1U);
  EXPECT_TRUE(place_->documents().empty());
  // And it can come again.
  EXPECT_EQ(place_->file("a.md", page("zebra")).state, JobState::ready);
}

TEST_F(Dataprep, DeletingStopsWhatIsOnItsWay) {
  place_->embedding.hold("zebra");
  const auto jobs = place_->ingest({.files = {{.source = "a.md", .bytes = page("zebra")}}});
  const auto later = place_->ingest({.files = {{.source = "a.md", .bytes = page("zebra2")}}});
  wait_until([&] { return place_->embedding.waiting > 0; });
  EXPECT_EQ(place_
                ->ask<contract::DeleteDocumentsReply>(
                    contract::DeleteDocumentsRequest{.id_or_source = "a.md"})
                ->deleted,
            0U);
  place_->embedding.release();
  EXPECT_EQ(place_->wait(*jobs)[0].state, JobState::cancelled);
  EXPECT_EQ(place_->wait(*later)[0].state, JobState::cancelled);
  EXPECT_TRUE(place_->documents().empty());
  wait_until([&] { return Workplace::blobs(folder_.path()) == 0; });
  const auto retry = place_->ask<contract::JobReply>(
      contract::JobRequest{jobs->at(0).id, contract::JobRequest::Action::retry});
  EXPECT_EQ(retry.error().code, ErrorCode::failed_precondition);
}

TEST_F(Dataprep, DeletingForgetsTheBytesOfFailedJobs) {
  place_->file("a.md", "\x89PNG\r\n\x1A\n");
  EXPECT_EQ(Workplace::blobs(folder_.path()), 1U) << "kept for a retry";
  EXPECT_EQ(place_
                ->ask<contract::DeleteDocumentsReply>(
                    contract::DeleteDocumentsRequest{.id_or_source = "a.md"})
                ->deleted,
            0U);
  wait_until([&] { return Workplace::blobs(folder_.path()) == 0; });
}

TEST_F(Dataprep, DeletingAllEmptiesOneCollection) {
  place_->file("a.md", page("zebra"));
  place_->file("b.md", page("zebra"));
  place_->file("c.md", page("zebra"), {.collection = "other"});
  EXPECT_EQ(
      place_->ask<contract::DeleteDocumentsReply>(contract::DeleteDocumentsRequest{.all = true})
          ->deleted,
      2U);
  EXPECT_EQ(place_->documents().size(), 1U);
  EXPECT_EQ(
      place_->ask<contract::DeleteDocumentsReply>(contract::DeleteDocumentsRequest{.all = true})
          ->deleted,
      0U);
  EXPECT_THAT(
      place_->ask<contract::ListCollectionsReply>(contract::ListCollectionsRequest{})->collections,
      testing::Contains("other"));
}

TEST_F(Dataprep, RefusesWhatCannotBe) {
  const auto error = [&](contract::IngestRequest request) {
    const auto jobs = place_->ingest(std::move(request));
    return jobs ? "no error" : jobs.error().message;
  };
  const contract::IngestFile fine{.source = "a.md", .bytes = "x"};
  EXPECT_EQ(error({}), "there is nothing to ingest: give files or links");
  EXPECT_EQ(error({.files = {{.source = "../../etc/passwd", .bytes = "x"}}}),
            "the name '../../etc/passwd' leads out of its folder with '..'");
  EXPECT_EQ(error({.files = {fine, {.source = "./a.md", .bytes = "y"}}}),
            "a.md is there twice; each document needs a name of its own");
  EXPECT_EQ(error({.files = {fine}, .collection = ""}), "the collection has no name");
  EXPECT_EQ(error({.files = {fine}, .collection = "all"}),
            "the collection name 'all' is reserved: it stands for every collection");
  EXPECT_EQ(error({.files = {fine}, .chunk_tokens = 5}),
            "the chunk size must be 32 … 512 tokens, not 5");
  EXPECT_EQ(error({.files = {fine}, .chunk_overlap_tokens = 1000}),
            "the chunk overlap must be 0 … 256 tokens, not 1000");
  EXPECT_EQ(error({.files = {fine}, .metadata = {{"k", std::string(70'000, 'x')}}}),
            "the metadata is larger than 65536 bytes");
  EXPECT_EQ(error({.links = {"ftp://h/x"}}), "the link 'ftp://h/x' is neither http nor https");
  EXPECT_TRUE(place_->documents().empty());
  EXPECT_EQ(place_->ask<contract::GetDocumentReply>(contract::GetDocumentRequest{"doc_none"})
                .error()
                .code,
            ErrorCode::not_found);
  const auto other = run_task(place_->service().call(contract::EmbeddingRequest{}, {}));
  EXPECT_EQ(other.error().code, ErrorCode::invalid_argument);
}

TEST_F(Dataprep, LinksToPrivateAddressesFail) {
  const auto jobs = place_->ingest({.links = {"http://127.0.0.1:1/secret"}});
  const contract::Job job = place_->wait(*jobs)[0];
  EXPECT_EQ(job.state, JobState::failed);
  EXPECT_EQ(
      job.error,
      "the link 'http://127.0.0.1:1/secret' leads to a private address, which is not allowed");
}

TEST(JobRecord, OptionsSurviveTheirJson) {
  const JobOptions options{.claimed_mime = "text/html",
                           .link = true,
                           .bytes = 12,
                           .chunk_tokens = 100,
                           .chunk_overlap_tokens = 0,
                           .forgotten = true,
                           .metadata = {{"a", boost::json::array{1, 2}}}};
  const JobOptions read = read_options(write_options(options));
  EXPECT_EQ(write_options(read), write_options(options));
  EXPECT_EQ(read.parameters({}).tokens_target, 100U);
  EXPECT_EQ(read.parameters({}).tokens_overlap, 0U);
  EXPECT_EQ(write_options(read_options("nonsense")), write_options({}));
}

TEST(JobRecord, DocumentIdsAreStable) {
  EXPECT_EQ(document_id("c", "a.md"), document_id("c", "a.md"));
  EXPECT_NE(document_id("c", "a.md"), document_id("ca", ".md"));
}

}  // namespace
}  // namespace opaline::services::dataprep
