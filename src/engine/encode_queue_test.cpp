#include "engine/encode_queue.hpp"

#include <gtest/gtest.h>

#include <string>

namespace opaline::engine {
namespace {

using Priority = EncodeJob::Priority;
using Result = base::Result<std::vector<Encoded>>;

class EncodeQueueTest : public testing::Test {
 protected:
  /// Texts are their token counts: "12" is a text of twelve tokens.
  std::size_t submit(std::vector<std::string> texts, Priority priority = Priority::query) {
    const std::size_t id = results_.size();
    results_.emplace_back();
    EncodeJob job;
    job.texts = std::move(texts);
    job.priority = priority;
    queue_.submit(std::move(job), [this, id](Result result) { results_[id] = std::move(result); });
    return id;
  }

  /// Does all tokenising that comes first; then the lengths of the next batch.
  std::vector<std::size_t> next_batch() {
    while (true) {
      auto work = queue_.take();
      EXPECT_TRUE(work);
      for (const auto& text : work->texts) {
        const std::size_t tokens = std::stoul(text.ticket->job.texts[text.index]);
        queue_.add({text.ticket, text.index, std::vector<Token>(tokens)});
      }
      if (work->batch.empty()) continue;
      std::vector<std::size_t> lengths;
      for (const auto& sequence : work->batch) {
        lengths.push_back(sequence.tokens.size());
        sequence.ticket->answers[sequence.index].tokens = sequence.tokens.size();
        last_ = sequence.ticket;
        queue_.finish(sequence.ticket, 1);
      }
      return lengths;
    }
  }

  EncodeQueue queue_{{.workers = 1, .texts_max = 100, .batch_tokens = 64}};
  std::vector<std::optional<Result>> results_;
  std::shared_ptr<EncodeQueue::Ticket> last_;
};

using Lengths = std::vector<std::size_t>;

TEST_F(EncodeQueueTest, AnswersAJobAsAWhole) {
  const std::size_t job = submit({"40", "40"});
  next_batch();
  EXPECT_FALSE(results_[job]);
  next_batch();
  ASSERT_TRUE(results_[job]);
  ASSERT_TRUE(results_[job]->has_value());
  EXPECT_EQ((**results_[job]).size(), 2U);
  EXPECT_EQ(queue_.texts(), 0U);
}

TEST_F(EncodeQueueTest, MixesJobsInOneBatch) {
  const std::size_t first = submit({"10"}, Priority::bulk);
  const std::size_t second = submit({"20", "30"}, Priority::bulk);
  EXPECT_EQ(next_batch(), (Lengths{10, 30, 20}));
  EXPECT_TRUE(results_[first]);
  EXPECT_TRUE(results_[second]);
}

TEST_F(EncodeQueueTest, TakesQueriesBeforeBulk) {
  submit({"60", "60"}, Priority::bulk);
  next_batch();
  submit({"5"}, Priority::query);
  EXPECT_EQ(next_batch(), (Lengths{5}));
  EXPECT_EQ(next_batch(), (Lengths{60}));
}

TEST_F(EncodeQueueTest, FillsABatchWithTheLongestThatFit) {
  submit({"20", "50", "40", "4", "30"}, Priority::bulk);
  EXPECT_EQ(next_batch(), (Lengths{20, 40, 4}));
  EXPECT_EQ(next_batch(), (Lengths{50}));
  EXPECT_EQ(next_batch(), (Lengths{30}));
}

TEST_F(EncodeQueueTest, NeverLetsTheOldestWait) {
  submit({"64", "1", "1"}, Priority::bulk);
  submit({"60"}, Priority::bulk);
  EXPECT_EQ(next_batch(), (Lengths{64}));
  EXPECT_EQ(next_batch().front(), 1U);
}

TEST_F(EncodeQueueTest, EncodesWhatIsLongerThanABatchAlone) {
  submit({"512", "3"}, Priority::bulk);
  EXPECT_EQ(next_batch(), (Lengths{512}));
  EXPECT_EQ(next_batch(), (Lengths{3}));
}

TEST_F(EncodeQueueTest, RefusesNothingAndTooMuch) {
  const std::size_t nothing = submit({});
  ASSERT_TRUE(results_[nothing]);
  EXPECT_EQ(results_[nothing]->error().code, base::ErrorCode::invalid_argument);
  submit(std::vector<std::string>(90, "1"), Priority::bulk);
  const std::size_t too_much = submit(std::vector<std::string>(11, "1"));
  ASSERT_TRUE(results_[too_much]);
  EXPECT_EQ(results_[too_much]->error().code, base::ErrorCode::resource_exhausted);
  EXPECT_FALSE(results_[submit(std::vector<std::string>(10, "1"))]);
}

TEST_F(EncodeQueueTest, RemovesAFailedJobAndKeepsTheOthers) {
  const std::size_t bad = submit({"64", "60", "60", "60"}, Priority::bulk);
  next_batch();
  const auto ticket = last_;
  const std::size_t good = submit({"7"}, Priority::bulk);
  queue_.fail(ticket, {base::ErrorCode::cancelled, "left", {}});
  ASSERT_TRUE(results_[bad]);
  EXPECT_EQ(results_[bad]->error().code, base::ErrorCode::cancelled);
  EXPECT_EQ(queue_.texts(), 1U);
  EXPECT_EQ(next_batch(), (Lengths{7}));
  EXPECT_TRUE(results_[good]);
  queue_.finish(ticket, 3);  // A worker that was busy with the rest: no second call.
  EXPECT_EQ(results_[bad]->error().code, base::ErrorCode::cancelled);
}

TEST_F(EncodeQueueTest, EndsAllWithCancelledWhenItStops) {
  const std::size_t waiting = submit({"5"}, Priority::bulk);
  queue_.stop();
  ASSERT_TRUE(results_[waiting]);
  EXPECT_EQ(results_[waiting]->error().code, base::ErrorCode::cancelled);
  EXPECT_FALSE(queue_.take());
  const std::size_t late = submit({"5"});
  ASSERT_TRUE(results_[late]);
  EXPECT_EQ(results_[late]->error().code, base::ErrorCode::cancelled);
}

}  // namespace
}  // namespace opaline::engine
