#include "engine/llama_sequences.hpp"

#include <ggml-backend.h>
#include <ggml-cpu.h>
#include <llama.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "base/log.hpp"
#include "engine/sequence_table.hpp"

namespace opaline::engine {
namespace {

constexpr std::size_t kSequencesMax = 256;  // LLAMA_MAX_SEQ.
constexpr std::size_t kIdleMax =
    24;  // Ended sequences whose prefix is kept; each costs a row of logits.

bool ask_aborted(void* settings) {
  const auto& aborted = static_cast<const LlamaSequencesSettings*>(settings)->aborted;
  return aborted && aborted();
}

class SharedContext final : public LlamaSequences {
 public:
  SharedContext(const LoadedModel& model, LlamaSequencesSettings settings)
      : settings_(std::move(settings)),
        table_(std::min(kSequencesMax, settings_.busy + kIdleMax)),
        vocabulary_(
            static_cast<std::size_t>(llama_vocab_n_tokens(llama_model_get_vocab(model.model())))),
        // A recurrent state is of the whole sequence: a part of it cannot be taken over.
        shares_prefixes_(!llama_model_is_recurrent(model.model()) &&
                         !llama_model_is_hybrid(model.model())),
        batch_(llama_batch_init(static_cast<std::int32_t>(settings_.batch_tokens), 0, 1)) {
    llama_context_params wanted = llama_context_default_params();
    wanted.n_ctx = static_cast<std::uint32_t>(settings_.cells);
    wanted.n_batch = static_cast<std::uint32_t>(settings_.batch_tokens);
    wanted.n_ubatch = wanted.n_batch;
    wanted.n_seq_max =
        static_cast<std::uint32_t>(std::min(kSequencesMax, settings_.busy + kIdleMax));
    wanted.n_outputs_max =
        static_cast<std::uint32_t>(std::max(settings_.busy, std::size_t{wanted.n_seq_max}));
    wanted.n_threads = static_cast<std::int32_t>(settings_.threads);
    wanted.n_threads_batch = wanted.n_threads;
    wanted.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_AUTO;
    wanted.kv_unified = true;
    wanted.swa_full =
        true;  // Else tokens outside the window are dropped, and no prefix could be taken over.
    wanted.no_perf = true;
    wanted.abort_callback = ask_aborted;
    wanted.abort_callback_data = const_cast<LlamaSequencesSettings*>(&settings_);
    context_ = llama_init_from_model(model.model(), wanted);
  }

  ~SharedContext() override {
    if (context_ != nullptr) llama_free(context_);
    llama_batch_free(batch_);
  }

  [[nodiscard]] bool ready() const { return context_ != nullptr; }

  std::optional<Opened> open(std::span<const Token> prompt) override {
    if (busy_ == settings_.busy) return std::nullopt;
    const auto claim = table_.claim(prompt);
    OPALINE_ASSERT(claim.has_value());  // There are more sequences than `busy`.
    ++busy_;
    std::size_t cached = shares_prefixes_ ? claim->common : 0;
    const auto sequence = static_cast<llama_seq_id>(claim->sequence);
    const auto common = static_cast<llama_pos>(cached);
    llama_memory_t memory = llama_get_memory(context_);
    if (claim->source || cached == 0) {
      llama_memory_seq_rm(memory, sequence, -1, -1);
      if (cached > 0)
        llama_memory_seq_cp(memory, static_cast<llama_seq_id>(*claim->source), sequence, 0, common);
    } else if (!llama_memory_seq_rm(memory, sequence, common, -1)) {
      llama_memory_seq_rm(memory, sequence, -1, -1);
      cached = 0;
    }
    if (cached == 0) table_.forget(claim->sequence);
    return Opened{claim->sequence, cached};
  }

  void close(std::size_t sequence) override {
    table_.release(sequence);
    --busy_;
  }

  Outcome decode(std::span<const Slice> slices) override {
    fill_batch(slices);
    while (true) {
      const int status = llama_decode(context_, batch_);
      if (status == 0) break;
      if (status == 1) {
        const auto idle = table_.oldest_idle();
        if (!idle) return Outcome::full;
        empty(*idle);
        continue;
      }
      // What of the batch was computed before the fault is cut off again, so that the table stays
      // true.
      for (const Slice& slice : slices) cut_back(slice.sequence);
      if (status == 2) return Outcome::aborted;
      base::log(base::LogLevel::error, "llama_decode_failed", {{"status", status}});
      for (const Slice& slice : slices) empty(slice.sequence);
      return Outcome::failed;
    }
    for (const Slice& slice : slices) table_.append(slice.sequence, slice.tokens);
    return Outcome::done;
  }

  std::span<float> logits(std::size_t slice) override {
    float* row = llama_get_logits_ith(context_, result_rows_[slice]);
    OPALINE_ASSERT(row != nullptr);
    return {row, vocabulary_};
  }

  void use_threads(std::size_t threads) override {
    const auto count = static_cast<std::int32_t>(threads);
    llama_set_n_threads(context_, count, count);
  }

 private:
  void fill_batch(std::span<const Slice> slices) {
    batch_.n_tokens = 0;
    result_rows_.clear();
    for (const Slice& slice : slices) {
      OPALINE_ASSERT(!slice.tokens.empty());
      // llama.cpp aborts the process when more than a batch comes at once.
      OPALINE_ASSERT(static_cast<std::size_t>(batch_.n_tokens) + slice.tokens.size() <=
                     settings_.batch_tokens);
      auto position = static_cast<llama_pos>(table_.tokens(slice.sequence).size());
      for (const Token token : slice.tokens) {
        const std::int32_t at = batch_.n_tokens++;
        batch_.token[at] = token;
        batch_.pos[at] = position++;
        batch_.n_seq_id[at] = 1;
        batch_.seq_id[at][0] = static_cast<llama_seq_id>(slice.sequence);
        batch_.logits[at] = 0;
      }
      if (slice.result) batch_.logits[batch_.n_tokens - 1] = 1;
      result_rows_.push_back(batch_.n_tokens - 1);
    }
  }

  void cut_back(std::size_t sequence) {
    const auto held = static_cast<llama_pos>(table_.tokens(sequence).size());
    if (!llama_memory_seq_rm(llama_get_memory(context_), static_cast<llama_seq_id>(sequence), held,
                             -1))
      empty(sequence);
  }

  void empty(std::size_t sequence) {
    llama_memory_seq_rm(llama_get_memory(context_), static_cast<llama_seq_id>(sequence), -1, -1);
    table_.forget(sequence);
  }

  const LlamaSequencesSettings settings_;
  SequenceTable table_;
  const std::size_t vocabulary_;
  const bool shares_prefixes_;
  llama_batch batch_;
  llama_context* context_ = nullptr;
  std::vector<std::int32_t> result_rows_;
  std::size_t busy_ = 0;
};

}  // namespace

base::Result<std::unique_ptr<LlamaSequences>> LlamaSequences::create(
    const LoadedModel& model, LlamaSequencesSettings settings) {
  auto sequences = std::make_unique<SharedContext>(model, std::move(settings));
  if (!sequences->ready()) {
    return base::fail(base::ErrorCode::invalid_argument,
                      "llama.cpp cannot run the model " + model.description().file.string() +
                          " (not enough memory for its context?)");
  }
  return sequences;
}

}  // namespace opaline::engine
