#include "engine/encoder.hpp"

#include <llama.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "base/limits.hpp"
#include "base/log.hpp"
#include "engine/bert_model.hpp"
#include "engine/bert_token_encoder.hpp"
#include "engine/encode_queue.hpp"
#include "engine/llama_token_encoder.hpp"
#include "engine/loaded_model.hpp"
#include "engine/long_words.hpp"
#include "engine/ranking_head.hpp"

namespace opaline::engine {
namespace {

/// Of an encode. More gain nothing: llama.cpp's attention is dense over them and slower a token,
/// and our kernels have read each weight often enough to pay for it. Fewer spread a job over more
/// workers.
constexpr std::size_t kBatchTokens = 256;

void normalise(std::span<float> vector) {
  float squares = 0;
  for (const float value : vector) squares += value * value;
  const float factor = squares > 0 ? 1 / std::sqrt(squares) : 0;
  for (float& value : vector) value *= factor;
}

enum class Pooling { mean, first, last };

Pooling pooling_of(const llama_model* model) {
  char text[16] = {};
  char architecture[64] = {};
  llama_model_meta_val_str(model, "general.architecture", architecture, sizeof(architecture));
  llama_model_meta_val_str(model, (std::string(architecture) + ".pooling_type").c_str(), text,
                           sizeof(text));
  switch (std::atoi(text)) {
    case LLAMA_POOLING_TYPE_CLS: return Pooling::first;
    case LLAMA_POOLING_TYPE_LAST: return Pooling::last;
    default: return Pooling::mean;
  }
}

std::vector<float> pool(std::span<const float> rows, std::size_t dimension, Pooling pooling) {
  std::vector<float> pooled(dimension);
  switch (pooling) {
    case Pooling::mean:
      // The mean's length does not matter: it is made one below.
      for (std::size_t row = 0; row < rows.size(); row += dimension) {
        for (std::size_t i = 0; i < dimension; ++i) pooled[i] += rows[row + i];
      }
      break;
    case Pooling::first: std::ranges::copy(rows.first(dimension), pooled.begin()); break;
    case Pooling::last: std::ranges::copy(rows.last(dimension), pooled.begin()); break;
  }
  normalise(pooled);
  return pooled;
}

/// What runs a model. The vocabulary is llama.cpp's in any case.
struct Engine {
  std::unique_ptr<BertModel> bert;  ///< Null if llama.cpp has the weights too.
  std::unique_ptr<LoadedModel> model;
  std::optional<RankingHead> head;
  std::size_t window_tokens = 0;
  std::vector<std::unique_ptr<TokenEncoder>> encoders;  ///< One a worker.
};

class QueuedEncoder final : public Encoder {
 public:
  QueuedEncoder(Engine engine, EncodeQueue::Settings settings)
      : engine_(std::move(engine)),
        name_(engine_.model->description().file.stem().string()),
        dimension_(engine_.encoders.front()->dimension()),
        window_(engine_.window_tokens),
        pooling_(pooling_of(engine_.model->model())),
        queue_(settings) {
    for (const auto& encoder : engine_.encoders) {
      workers_.emplace_back([this, &encoder = *encoder] { work(encoder); });
    }
  }

  ~QueuedEncoder() override {
    queue_.stop();
    workers_.clear();  // Joins.
  }

  void submit(EncodeJob job, Done done) override {
    if ((job.output == EncodeJob::Output::score) != ranks()) {
      done(base::fail(base::ErrorCode::invalid_argument,
                      ranks() ? "the model " + name_ + " ranks passages and makes no vectors"
                              : "the model " + name_ + " makes vectors and ranks no passages"));
      return;
    }
    queue_.submit(std::move(job), std::move(done));
  }
  [[nodiscard]] bool ranks() const override { return engine_.head.has_value(); }

  [[nodiscard]] std::size_t dimension() const override { return dimension_; }
  [[nodiscard]] std::size_t window_tokens() const override { return window_; }
  [[nodiscard]] const std::string& model_name() const override { return name_; }
  [[nodiscard]] std::size_t queued_texts() const override { return queue_.texts(); }
  [[nodiscard]] std::size_t count_tokens(std::string_view text) const override {
    return tokenise(text).size();
  }

 private:
  using Ticket = EncodeQueue::Ticket;
  using Sequence = EncodeQueue::Sequence;

  void work(TokenEncoder& encoder) {
    while (auto taken = queue_.take()) {
      for (const EncodeQueue::Text& text : taken->texts) prepare(text);
      if (!taken->batch.empty()) encode(encoder, std::move(taken->batch));
    }
  }

  [[nodiscard]] std::vector<Token> tokenise(std::string_view text) const {
    return engine_.model->tokenise(without_long_words(text), LoadedModel::Specials::added);
  }

  /// BERT: [CLS] question [SEP] passage [SEP]. RoBERTa: <s> question </s> </s> passage </s>. A
  /// question takes at most half of the window.
  void pair(std::string_view question, std::string_view passage, Sequence& sequence) const {
    sequence.tokens = tokenise(question);
    if (sequence.tokens.size() > window_ / 2) {
      sequence.tokens[window_ / 2 - 1] = sequence.tokens.back();
      sequence.tokens.resize(window_ / 2);
    }
    std::vector<Token> second = tokenise(passage);
    if (sequence.tokens.empty() || second.empty()) return;
    sequence.second = sequence.tokens.size();
    const bool wordpiece =
        llama_vocab_type(llama_model_get_vocab(engine_.model->model())) == LLAMA_VOCAB_TYPE_WPM;
    second.front() = sequence.tokens.back();
    sequence.tokens.insert(sequence.tokens.end(), second.begin() + (wordpiece ? 1 : 0),
                           second.end());
  }

  /// Cuts to the window, keeping the last token: it is [SEP], and the model was trained to see it.
  void prepare(const EncodeQueue::Text& text) {
    if (dropped(text.ticket)) return;
    const EncodeJob& job = text.ticket->job;
    Sequence sequence{text.ticket, text.index, {}};
    if (job.output == EncodeJob::Output::score) {
      pair(job.question, job.texts[text.index], sequence);
    } else {
      sequence.tokens = tokenise(job.texts[text.index]);
    }
    Encoded& answer = text.ticket->answers[text.index];
    answer.tokens = sequence.tokens.size();
    answer.cut = answer.tokens > window_;
    if (answer.cut) {
      sequence.tokens[window_ - 1] = sequence.tokens.back();
      sequence.tokens.resize(window_);
    }
    if (sequence.tokens.empty()) {
      queue_.fail(text.ticket,
                  {base::ErrorCode::invalid_argument,
                   "text " + std::to_string(text.index) + " holds nothing that the model can read",
                   {}});
      return;
    }
    queue_.add(std::move(sequence));
  }

  /// Whether the job has ended, or ends now because its caller left.
  bool dropped(const std::shared_ptr<Ticket>& ticket) {
    if (ticket->ended) return true;
    if (!ticket->job.abandoned || !ticket->job.abandoned()) return false;
    queue_.fail(ticket, {base::ErrorCode::cancelled, "the caller left", {}});
    return true;
  }

  void encode(TokenEncoder& encoder, std::vector<Sequence> batch) {
    std::map<std::shared_ptr<Ticket>, std::size_t> answers;  // Each job is asked once a batch.
    for (const Sequence& sequence : batch) ++answers[sequence.ticket];
    std::erase_if(answers, [&](const auto& entry) { return dropped(entry.first); });
    std::erase_if(batch,
                  [&](const Sequence& sequence) { return !answers.contains(sequence.ticket); });
    if (batch.empty()) return;

    std::vector<TokenSequence> sequences;
    for (const Sequence& sequence : batch) sequences.emplace_back(sequence.tokens, sequence.second);
    const auto rows = encoder.encode(sequences);
    if (!rows) {
      for (const auto& [ticket, count] : answers) queue_.fail(ticket, rows.error());
      return;
    }
    std::size_t begin = 0;
    for (const Sequence& sequence : batch) {
      const std::size_t count = sequence.tokens.size() * dimension_;
      write(sequence, rows->subspan(begin, count));
      begin += count;
    }
    for (const auto& [ticket, count] : answers) queue_.finish(ticket, count);
  }

  void write(const Sequence& sequence, std::span<const float> rows) const {
    Encoded& answer = sequence.ticket->answers[sequence.index];
    if (engine_.head) {
      answer.values = {engine_.head->score(rows.first(dimension_))};
      return;
    }
    if (sequence.ticket->job.output == EncodeJob::Output::pooled) {
      answer.values = pool(rows, dimension_, pooling_);
      answer.rows = 1;
      return;
    }
    answer.values.assign(rows.begin(), rows.end());
    answer.rows = sequence.tokens.size();
    for (std::size_t row = 0; row < answer.rows; ++row) {
      normalise(std::span(answer.values).subspan(row * dimension_, dimension_));
    }
  }

  const Engine engine_;
  const std::string name_;
  const std::size_t dimension_;
  const std::size_t window_;
  const Pooling pooling_;
  EncodeQueue queue_;
  std::vector<std::jthread> workers_;
};

}  // namespace

base::Result<std::unique_ptr<Encoder>> Encoder::create(Backend& backend, EncoderSettings settings) {
  if (settings.threads == 0) settings.threads = std::max(1U, std::thread::hardware_concurrency());
  Engine engine;
  engine.bert = BertModel::find(settings.model, choose_bert_kernels(backend.level()));
  OPALINE_TRY(engine.model, LoadedModel::load(settings.model, ModelDescription::Kind::encoder,
                                              engine.bert ? LoadedModel::Parts::vocabulary
                                                          : LoadedModel::Parts::all));
  OPALINE_TRY(engine.head, RankingHead::find(settings.model));
  if (engine.head && !engine.bert && engine.model->description().architecture == "bert") {
    // It would be run without its segments, and rank wrongly.
    return base::fail(base::ErrorCode::invalid_argument,
                      settings.model.string() +
                          " cannot be run as a reranking model: its shape is not a plain BERT's");
  }
  engine.window_tokens =
      std::min<std::size_t>(engine.model->description().context_tokens, limits::kEmbeddingTokens);
  for (std::size_t i = 0; i < settings.threads; ++i) {
    if (engine.bert) {
      engine.encoders.push_back(
          create_bert_token_encoder(*engine.bert, std::max(kBatchTokens, engine.window_tokens)));
    } else {
      OPALINE_TRY(auto encoder,
                  create_llama_token_encoder(*engine.model, {.window_tokens = engine.window_tokens,
                                                             .batch_tokens = kBatchTokens}));
      engine.encoders.push_back(std::move(encoder));
    }
  }
  base::log(base::LogLevel::info, "encoder_ready",
            {{"model", engine.model->description().file.stem().string()},
             {"kernels", engine.bert ? engine.bert->kernels().level : "llama.cpp"}});
  const EncodeQueue::Settings queue{
      .workers = settings.threads, .texts_max = settings.queue_texts, .batch_tokens = kBatchTokens};
  return std::make_unique<QueuedEncoder>(std::move(engine), queue);
}

}  // namespace opaline::engine
