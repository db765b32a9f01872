#include "engine/generator.hpp"

#include <llama.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string_view>
#include <thread>

#include "engine/answer_grammar.hpp"
#include "engine/chat_template.hpp"
#include "engine/llama_sequences.hpp"
#include "engine/loaded_model.hpp"
#include "engine/running_generation.hpp"
#include "engine/step_plan.hpp"
#include "engine/thread_count.hpp"

namespace opaline::engine {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kContextTokens = 8192;  // Unless told otherwise.
constexpr std::size_t kCacheContexts =
    2;  // The key-value cache holds so many of the longest sequences.
constexpr std::size_t kBatchTokens = 512;
constexpr auto kAbandonedEvery = std::chrono::milliseconds(5);

/// From the request to the end of its answer:
///
///   submit ─► submitted_ ─► preparing thread: template, tokens, grammar
///          ─► ready_ ─► generating thread: steps ─► sink
///
/// The generating thread owns the context and everything that runs. Each step computes one token of
/// every answer and slices of prompts beside them, as many as fit the step's time.
class BatchedGenerator final : public Generator {
 public:
  struct Parts {
    std::unique_ptr<LoadedModel> model;
    std::unique_ptr<ChatTemplate> chat_template;  // May be null.
    std::size_t context_tokens = 0;
    std::size_t cells = 0;
  };

  BatchedGenerator(Parts parts, const GeneratorSettings& settings)
      : parts_(std::move(parts)),
        name_(parts_.model->description().file.stem().string()),
        queue_max_(settings.queue),
        threads_(settings.threads) {
    const llama_vocab* vocabulary = llama_model_get_vocab(parts_.model->model());
    for (Token token = 0; token < llama_vocab_n_tokens(vocabulary); ++token) {
      spelling_bytes_max_ = std::max(
          spelling_bytes_max_, std::string_view(llama_vocab_get_text(vocabulary, token)).size());
    }
  }

  base::Result<void> start(std::size_t sequences) {
    OPALINE_TRY(sequences_, LlamaSequences::create(
                                *parts_.model, {.cells = parts_.cells,
                                                .busy = sequences,
                                                .batch_tokens = kBatchTokens,
                                                .threads = threads_.current(),
                                                .aborted = [this] { return step_abandoned(); }}));
    preparing_ = std::jthread([this] { prepare_all(); });
    generating_ = std::jthread([this] { generate_all(); });
    return {};
  }

  ~BatchedGenerator() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    if (preparing_.joinable()) preparing_.join();
    if (generating_.joinable()) generating_.join();
  }

  void submit(Generation generation, GenerationSink sink) override {
    base::Error refusal;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) {
        refusal = stopping_error();
      } else if (waiting_ >= queue_max_) {
        refusal = {base::ErrorCode::resource_exhausted,
                   "the language model's queue is full (" + std::to_string(queue_max_) +
                       " wait); try again shortly",
                   {}};
      } else {
        ++waiting_;
        submitted_.push_back({std::move(generation), std::move(sink)});
        changed_.notify_all();
        return;
      }
    }
    sink.on_end(base::fail(std::move(refusal)));
  }

  [[nodiscard]] bool has_chat_template() const override { return parts_.chat_template != nullptr; }
  [[nodiscard]] std::size_t context_tokens() const override { return parts_.context_tokens; }
  [[nodiscard]] const std::string& model_name() const override { return name_; }
  [[nodiscard]] std::size_t queued() const override {
    return waiting_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::size_t count_tokens(std::string_view text) const override {
    return parts_.model->tokenise(text, LoadedModel::Specials::added).size();
  }

 private:
  struct Submitted {
    Generation generation;
    GenerationSink sink;
  };
  struct Running {
    std::unique_ptr<RunningGeneration> generation;
    std::size_t sequence = 0;
  };

  static base::Error stopping_error() {
    return {base::ErrorCode::cancelled, "the language model is stopping", {}};
  }
  static base::Error abandoned_error() {
    return {base::ErrorCode::cancelled, "the caller left", {}};
  }

  // ---- Preparing ----

  void prepare_all() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [&] { return stopping_ || !submitted_.empty(); });
      if (submitted_.empty()) return;  // Stopping, and all are told.
      Submitted next = std::move(submitted_.front());
      submitted_.pop_front();
      const bool stopping = stopping_;
      lock.unlock();
      prepare(std::move(next), stopping);
      lock.lock();
    }
  }

  void prepare(Submitted next, bool stopping) {
    base::Result<std::unique_ptr<RunningGeneration>> made = base::fail(stopping_error());
    if (!stopping) made = make_generation(next);
    if (!made) {
      --waiting_;
      next.sink.on_end(base::fail(std::move(made).error()));
      return;
    }
    {
      const std::lock_guard lock(mutex_);
      ready_.push_back(*std::move(made));
    }
    changed_.notify_all();
  }

  base::Result<std::unique_ptr<RunningGeneration>> make_generation(
      const Submitted& submitted) const {
    const Generation& asked = submitted.generation;
    if (asked.max_tokens == 0)
      return base::fail(base::ErrorCode::invalid_argument, "max_tokens must be at least 1");
    for (const double number :
         {asked.temperature, asked.top_p, asked.frequency_penalty, asked.presence_penalty}) {
      if (!std::isfinite(number))
        return base::fail(base::ErrorCode::invalid_argument,
                          "a sampling setting is not a finite number");
    }
    if (!(asked.repetition_penalty > 0) || !std::isfinite(asked.repetition_penalty)) {
      return base::fail(base::ErrorCode::invalid_argument,
                        "repetition_penalty must be greater than 0");
    }
    OPALINE_TRY(std::vector<Token> prompt, prompt_of(asked));
    if (prompt.empty()) return base::fail(base::ErrorCode::invalid_argument, "the prompt is empty");
    if (prompt.size() >= parts_.context_tokens) return too_long(std::to_string(prompt.size()));
    std::unique_ptr<AnswerGrammar> grammar;
    if (!asked.json_schema.empty()) {
      OPALINE_TRY(grammar, AnswerGrammar::compile(*parts_.model, asked.json_schema));
    }
    return std::make_unique<RunningGeneration>(
        *parts_.model,
        RunningGeneration::Settings{.prompt = std::move(prompt),
                                    .tokens_max = parts_.context_tokens,
                                    .answer_max = asked.max_tokens},
        asked, std::move(grammar), submitted.sink);
  }

  [[nodiscard]] std::unexpected<base::Error> too_long(const std::string& tokens) const {
    return base::fail(base::ErrorCode::invalid_argument,
                      "the prompt has " + tokens + " tokens, and the model's context holds " +
                          std::to_string(parts_.context_tokens) +
                          ", the answer included: shorten it");
  }

  base::Result<std::vector<Token>> prompt_of(const Generation& asked) const {
    std::size_t bytes = asked.text.size();
    for (const auto& [role, content] : asked.messages) bytes += content.size();
    // Even if each token were the longest of all: cheaper than counting megabytes.
    if (bytes > parts_.context_tokens * spelling_bytes_max_) {
      return too_long("more than " + std::to_string(bytes / spelling_bytes_max_));
    }
    if (asked.messages.empty())
      return parts_.model->tokenise(asked.text, LoadedModel::Specials::added);
    if (parts_.chat_template == nullptr) {
      return base::fail(
          base::ErrorCode::invalid_argument,
          "the model " + name_ +
              " has no chat template and takes no messages: give it a text to continue");
    }
    return parts_.chat_template->render(asked.messages);
  }

  // ---- Generating ----

  void generate_all() {
    while (admit()) {
      drop_abandoned();
      if (!running_.empty()) step();
    }
    const std::lock_guard lock(mutex_);
    for (Running& each : running_) each.generation->fail(stopping_error());
    for (auto& each : ready_) each->fail(stopping_error());
  }

  /// Takes what is ready and fits; waits while there is nothing at all to do. False when stopping.
  bool admit() {
    std::unique_lock lock(mutex_);
    if (running_.empty()) changed_.wait(lock, [&] { return stopping_ || !ready_.empty(); });
    while (!stopping_ && !ready_.empty()) {
      // What is promised to those that run must fit the cache, so that none of them can fail for
      // want of room.
      std::size_t promised = ready_.front()->tokens_max();
      for (const Running& each : running_) promised += each.generation->tokens_max();
      if (promised > parts_.cells && !running_.empty()) break;
      const auto opened = sequences_->open(ready_.front()->prompt());
      if (!opened) break;
      --waiting_;
      Running next{std::move(ready_.front()), opened->sequence};
      ready_.pop_front();
      next.generation->take_cached(opened->cached);
      running_.push_back(std::move(next));
    }
    return !stopping_;
  }

  void drop_abandoned() {
    end_if([](const Running& each) { return each.generation->abandoned(); }, abandoned_error());
  }

  template <class F>
  void end_if(F condition, const base::Error& error) {
    std::erase_if(running_, [&](Running& each) {
      if (!condition(each)) return false;
      sequences_->close(each.sequence);
      each.generation->fail(error);
      return true;
    });
  }

  /// Within llama.cpp, after each node of the graph: whether nobody waits for this step any more.
  bool step_abandoned() {
    const auto now = Clock::now();
    if (now < next_look_) return false;
    next_look_ = now + kAbandonedEvery;
    if (stopping_) return true;
    return std::ranges::all_of(in_step_,
                               [&](std::size_t i) { return running_[i].generation->abandoned(); });
  }

  void step() {
    std::vector<StepPlan::Part> parts;
    for (const Running& each : running_) {
      parts.push_back(
          {.tokens = each.generation->pending().size(), .in_prompt = each.generation->in_prompt()});
    }
    const std::vector<std::size_t> counts = plan_.divide(parts, kBatchTokens);
    std::vector<LlamaSequences::Slice> slices;
    in_step_.clear();
    std::size_t tokens = 0;
    for (std::size_t i = 0; i < running_.size(); ++i) {
      if (counts[i] == 0) continue;
      const auto pending = running_[i].generation->pending();
      slices.push_back(
          {running_[i].sequence, pending.first(counts[i]), counts[i] == pending.size()});
      in_step_.push_back(i);
      tokens += counts[i];
    }
    const auto begin = Clock::now();
    threads_.begin_step();
    const auto outcome = sequences_->decode(slices);
    if (threads_.end_step(tokens)) sequences_->use_threads(threads_.current());
    if (outcome != LlamaSequences::Outcome::done) return take_failure(outcome);
    plan_.learn(tokens, Clock::now() - begin);
    take_results(slices);
  }

  void take_results(std::span<const LlamaSequences::Slice> slices) {
    std::vector<std::size_t> ended;
    for (std::size_t slice = 0; slice < slices.size(); ++slice) {
      Running& each = running_[in_step_[slice]];
      each.generation->advance(slices[slice].tokens.size());
      if (!slices[slice].result || each.generation->take_logits(sequences_->logits(slice)))
        continue;
      sequences_->close(each.sequence);
      ended.push_back(in_step_[slice]);
    }
    for (const std::size_t i : ended) running_[i].generation.reset();
    std::erase_if(running_, [](const Running& each) { return each.generation == nullptr; });
  }

  void take_failure(LlamaSequences::Outcome outcome) {
    if (outcome == LlamaSequences::Outcome::aborted)
      return;  // drop_abandoned() or the end comes next.
    const std::string detail = outcome == LlamaSequences::Outcome::full
                                   ? "the key-value cache is full"
                                   : "llama_decode failed";
    std::vector<const RunningGeneration*> failed;
    for (const std::size_t i : in_step_) failed.push_back(running_[i].generation.get());
    end_if(
        [&](const Running& each) {
          return std::ranges::find(failed, each.generation.get()) != failed.end();
        },
        {base::ErrorCode::internal, "the language model failed", detail});
  }

  const Parts parts_;
  const std::string name_;
  const std::size_t queue_max_;
  std::size_t spelling_bytes_max_ = 1;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Submitted> submitted_;                       // Guarded by mutex_.
  std::deque<std::unique_ptr<RunningGeneration>> ready_;  // Guarded by mutex_.
  std::atomic<std::size_t> waiting_ = 0;                  // Submitted and not yet running.
  std::atomic<bool> stopping_ = false;                    // Written under mutex_.

  // Of the generating thread alone.
  std::unique_ptr<LlamaSequences> sequences_;
  std::vector<Running> running_;
  std::vector<std::size_t> in_step_;  // Indices into running_.
  Clock::time_point next_look_;
  StepPlan plan_;
  ThreadCount threads_;

  std::jthread preparing_;
  std::jthread generating_;
};

}  // namespace

base::Result<std::unique_ptr<Generator>> Generator::create(Backend& /*backend*/,
                                                           GeneratorSettings settings) {
  OPALINE_TRY(auto model, LoadedModel::load(settings.model, ModelDescription::Kind::generator));
  if (llama_model_has_encoder(model->model()) || !llama_model_has_decoder(model->model())) {
    return base::fail(base::ErrorCode::invalid_argument,
                      settings.model.string() + " is not a causal language model");
  }
  OPALINE_TRY(auto chat_template, ChatTemplate::create(*model));
  if (settings.threads == 0) settings.threads = std::max(1U, std::thread::hardware_concurrency());
  settings.sequences = std::clamp<std::size_t>(settings.sequences, 1, limits::kGenerationSequences);
  const std::size_t trained = model->description().context_tokens;
  std::size_t context =
      settings.context_tokens == 0 ? std::min(trained, kContextTokens) : settings.context_tokens;
  context = std::clamp<std::size_t>(context, 16, trained);
  const std::size_t cells = context * std::min(settings.sequences, kCacheContexts);
  auto generator = std::make_unique<BatchedGenerator>(
      BatchedGenerator::Parts{std::move(model), std::move(chat_template), context, cells},
      settings);
  OPALINE_TRY_DO(generator->start(settings.sequences));
  return generator;
}

}  // namespace opaline::engine
