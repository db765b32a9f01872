#include "engine/encode_queue.hpp"

#include <algorithm>
#include <iterator>
#include <string>

namespace opaline::engine {
namespace {

constexpr std::size_t kTextsAtOnce =
    16;  // Of bulk: few enough that a query does not wait for them.

}  // namespace

void EncodeQueue::submit(EncodeJob job, Encoder::Done done) {
  if (job.texts.empty()) {
    done(base::fail(base::ErrorCode::invalid_argument, "there is no text to encode"));
    return;
  }
  const std::size_t count = job.texts.size();
  const auto priority = job.priority;
  auto ticket = std::make_shared<Ticket>();
  ticket->job = std::move(job);
  ticket->done = std::move(done);
  ticket->answers.resize(count);
  ticket->missing = count;
  std::optional<base::Error> refusal;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) {
      refusal = base::Error{base::ErrorCode::cancelled, "the encoder is stopping", {}};
    } else if (texts_ + count > settings_.texts_max) {
      refusal =
          base::Error{base::ErrorCode::resource_exhausted,
                      "the embedding queue is full (" + std::to_string(texts_) + " of " +
                          std::to_string(settings_.texts_max) + " texts wait); try again shortly",
                      {}};
    } else {
      texts_ += count;
      for (std::size_t i = 0; i < count; ++i) line(priority).texts.push_back({ticket, i});
    }
  }
  if (refusal) {
    ticket->ended = true;
    ticket->done(base::fail(*std::move(refusal)));
    return;
  }
  // A worker that leaves work behind wakes the next one, so one is enough.
  changed_.notify_one();
}

std::optional<EncodeQueue::Work> EncodeQueue::take() {
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    if (auto work = take_some()) {
      const bool more = std::ranges::any_of(
          lines_, [](const Line& l) { return !l.texts.empty() || !l.by_age.empty(); });
      lock.unlock();
      if (more) changed_.notify_one();
      return work;
    }
    changed_.wait(lock);
  }
  return std::nullopt;
}

std::optional<EncodeQueue::Work> EncodeQueue::take_some() {
  Line& queries = line(EncodeJob::Priority::query);
  Line& bulk = line(EncodeJob::Priority::bulk);
  if (!queries.texts.empty()) return Work{.texts = take_texts(queries, 1), .batch = {}};
  if (!queries.by_age.empty()) {
    // Waiting queries are shared out among the workers: the sooner all of them are answered.
    const std::size_t share = (queries.by_age.size() + settings_.workers - 1) / settings_.workers;
    return Work{.texts = {}, .batch = take_batch(queries, share)};
  }
  if (!bulk.texts.empty() && bulk.tokens < settings_.ahead_tokens) {
    return Work{.texts = take_texts(bulk, kTextsAtOnce), .batch = {}};
  }
  if (!bulk.by_age.empty()) return Work{.texts = {}, .batch = take_batch(bulk, bulk.by_age.size())};
  return std::nullopt;
}

std::vector<EncodeQueue::Text> EncodeQueue::take_texts(Line& line, std::size_t count) {
  const auto end =
      line.texts.begin() + static_cast<std::ptrdiff_t>(std::min(count, line.texts.size()));
  std::vector<Text> taken(std::make_move_iterator(line.texts.begin()),
                          std::make_move_iterator(end));
  line.texts.erase(line.texts.begin(), end);
  return taken;
}

std::vector<EncodeQueue::Sequence> EncodeQueue::take_batch(Line& line, std::size_t count_max) {
  std::vector<Sequence> batch;
  batch.push_back(remove(line, line.by_age.begin()->first));
  std::size_t tokens = batch.front().tokens.size();
  while (batch.size() < count_max && tokens < settings_.batch_tokens) {
    // The longest that still fits: the last one not above the room that is left.
    auto next = line.by_length.upper_bound({settings_.batch_tokens - tokens, UINT64_MAX});
    if (next == line.by_length.begin()) break;
    --next;
    batch.push_back(remove(line, next->second));
    tokens += batch.back().tokens.size();
  }
  return batch;
}

EncodeQueue::Sequence EncodeQueue::remove(Line& line, std::uint64_t age) {
  auto node = line.by_age.extract(age);
  Sequence sequence = std::move(node.mapped());
  line.by_length.erase({sequence.tokens.size(), age});
  line.tokens -= sequence.tokens.size();
  return sequence;
}

void EncodeQueue::add(Sequence sequence) {
  const std::lock_guard lock(mutex_);
  if (sequence.ticket->ended) return;
  Line& target = line(sequence.ticket->job.priority);
  const std::uint64_t age = next_age_++;
  target.tokens += sequence.tokens.size();
  target.by_length.emplace(sequence.tokens.size(), age);
  target.by_age.emplace(age, std::move(sequence));
}

void EncodeQueue::finish(const std::shared_ptr<Ticket>& ticket, std::size_t count) {
  // The last worker to count sees what the others wrote.
  if (ticket->missing.fetch_sub(count, std::memory_order_acq_rel) != count) return;
  if (!ticket->ended.exchange(true)) end(*ticket, std::move(ticket->answers));
}

void EncodeQueue::fail(const std::shared_ptr<Ticket>& ticket, base::Error error) {
  if (ticket->ended.exchange(true)) return;
  {
    const std::lock_guard lock(mutex_);
    Line& from = line(ticket->job.priority);
    std::erase_if(from.texts, [&](const Text& text) { return text.ticket == ticket; });
    for (auto next = from.by_age.begin(); next != from.by_age.end();) {
      const auto current = next++;
      if (current->second.ticket == ticket) static_cast<void>(remove(from, current->first));
    }
  }
  end(*ticket, base::fail(std::move(error)));
}

void EncodeQueue::end(Ticket& ticket, base::Result<std::vector<Encoded>> result) {
  texts_ -= ticket.job.texts.size();
  const Encoder::Done done = std::move(ticket.done);
  done(std::move(result));
}

void EncodeQueue::stop() {
  std::vector<std::shared_ptr<Ticket>> waiting;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    for (const Line& each : lines_) {
      for (const Text& text : each.texts) waiting.push_back(text.ticket);
      for (const auto& [age, sequence] : each.by_age) waiting.push_back(sequence.ticket);
    }
  }
  changed_.notify_all();
  for (const auto& ticket : waiting) {
    fail(ticket, {base::ErrorCode::cancelled, "the encoder is stopping", {}});
  }
}

}  // namespace opaline::engine
