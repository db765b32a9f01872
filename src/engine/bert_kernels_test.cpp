#include "engine/bert_kernels.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "engine/aligned_bytes.hpp"

namespace opaline::engine {
namespace {

using Rows = BertKernels::Rows;

/// A table of floats, and the plain way to compute with it.
struct Table {
  std::size_t rows;
  std::size_t columns;
  std::vector<float> values;

  Table(std::size_t r, std::size_t c) : rows(r), columns(c), values(r * c) {}
  static Table random(std::size_t rows, std::size_t columns, unsigned seed, float scale = 1) {
    Table table(rows, columns);
    std::mt19937 dice(seed);
    std::normal_distribution<float> normal(0, scale);
    for (float& value : table.values) value = normal(dice);
    return table;
  }
  float& at(std::size_t row, std::size_t column) { return values[row * columns + column]; }
  [[nodiscard]] float at(std::size_t row, std::size_t column) const {
    return values[row * columns + column];
  }
};

Table projected(const Table& input, const Table& weight, const std::vector<float>& bias) {
  Table output(input.rows, weight.rows);
  for (std::size_t row = 0; row < input.rows; ++row) {
    for (std::size_t out = 0; out < weight.rows; ++out) {
      double sum = bias[out];
      for (std::size_t in = 0; in < input.columns; ++in)
        sum += static_cast<double>(input.at(row, in)) * weight.at(out, in);
      output.at(row, out) = static_cast<float>(sum);
    }
  }
  return output;
}

float exact_gelu(float x) { return 0.5F * x * (1 + std::erf(x / std::sqrt(2.0F))); }

Table attended(const Table& input, std::size_t heads, std::size_t head_width) {
  Table output(input.rows, heads * head_width);
  for (std::size_t head = 0; head < heads; ++head) {
    const std::size_t query = head * head_width;
    const std::size_t key = output.columns + query;
    const std::size_t value = 2 * output.columns + query;
    for (std::size_t row = 0; row < input.rows; ++row) {
      std::vector<double> shares(input.rows);
      double total = 0;
      for (std::size_t other = 0; other < input.rows; ++other) {
        double score = 0;
        for (std::size_t i = 0; i < head_width; ++i)
          score += static_cast<double>(input.at(row, query + i)) * input.at(other, key + i);
        shares[other] = std::exp(score / std::sqrt(static_cast<double>(head_width)));
        total += shares[other];
      }
      for (std::size_t other = 0; other < input.rows; ++other) {
        for (std::size_t i = 0; i < head_width; ++i) {
          output.at(row, query + i) +=
              static_cast<float>(shares[other] / total * input.at(other, value + i));
        }
      }
    }
  }
  return output;
}

/// Every level that this machine has.
class BertKernelsTest : public testing::TestWithParam<const BertKernels*> {
 protected:
  void SetUp() override {
    if (!kernels().supported()) GTEST_SKIP() << "this machine has no " << kernels().level;
  }
  [[nodiscard]] static const BertKernels& kernels() { return *GetParam(); }
  [[nodiscard]] static bool rounds() { return kernels().element_bytes == 2; }

  /// A table as elements in memory, with slack rows of noise around it.
  class Elements {
   public:
    Elements(std::size_t rows, std::size_t columns)
        : columns_(columns),
          stride_(columns + 32),
          rows_(rows),
          memory_((rows + BertKernels::kSlackRows) * stride_ * kernels().element_bytes) {
      std::fill_n(reinterpret_cast<std::uint8_t*>(memory_.data()),
                  (rows + BertKernels::kSlackRows) * stride_ * kernels().element_bytes,
                  std::uint8_t{0x7F});  // NaN in both types.
    }
    /// `table`'s values are rounded to what the elements hold.
    explicit Elements(Table& table) : Elements(table.rows, table.columns) {
      for (std::size_t row = 0; row < table.rows; ++row) {
        for (std::size_t column = 0; column < table.columns; ++column) {
          float& value = table.at(row, column);
          if (rounds())
            value = std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) >> 16 << 16);
          const auto bits = std::bit_cast<std::uint32_t>(value);
          const auto half = static_cast<std::uint16_t>(bits >> 16);
          std::memcpy(at(row, column), rounds() ? static_cast<const void*>(&half) : &bits,
                      kernels().element_bytes);
        }
      }
    }
    [[nodiscard]] Rows rows() const { return {memory_.data(), rows_, stride_}; }
    [[nodiscard]] Table table() const {
      Table table(rows_, columns_);
      for (std::size_t row = 0; row < rows_; ++row) {
        for (std::size_t column = 0; column < columns_; ++column) {
          std::uint32_t bits = 0;
          std::memcpy(reinterpret_cast<std::byte*>(&bits) + (rounds() ? 2 : 0), at(row, column),
                      kernels().element_bytes);
          table.at(row, column) = std::bit_cast<float>(bits);
        }
      }
      return table;
    }

   private:
    [[nodiscard]] std::byte* at(std::size_t row, std::size_t column) const {
      return memory_.data() + (row * stride_ + column) * kernels().element_bytes;
    }
    std::size_t columns_;
    std::size_t stride_;
    std::size_t rows_;
    AlignedBytes memory_;
  };

  /// `weight`'s values are rounded to what the elements hold.
  static AlignedBytes packed(Table& weight) {
    if (rounds()) {
      for (float& value : weight.values)
        value = std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) >> 16 << 16);
    }
    AlignedBytes memory(weight.values.size() * kernels().element_bytes);
    kernels().pack(weight.values.data(), {.in = weight.columns, .out = weight.rows}, memory.data());
    return memory;
  }

  static void expect_near(const Table& found, const Table& wanted, float tolerance) {
    for (std::size_t row = 0; row < wanted.rows; ++row) {
      for (std::size_t column = 0; column < wanted.columns; ++column) {
        const float value = wanted.at(row, column);
        ASSERT_NEAR(found.at(row, column), value, tolerance * (1 + std::abs(value)))
            << "row " << row << " of " << wanted.rows << ", column " << column;
      }
    }
  }
  /// Of a result that is stored as elements.
  static float tolerance() { return rounds() ? 6e-3F : 1e-4F; }
};

TEST_P(BertKernelsTest, ProjectsAnyNumberOfRows) {
  for (const std::size_t rows : {1, 2, 5, 6, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 49, 64, 97}) {
    Table input = Table::random(rows, 96, 1);
    Table weight = Table::random(160, 96, 2, 0.2F);
    const Table bias = Table::random(1, 160, 3);
    const Elements elements(input);
    const AlignedBytes memory = packed(weight);
    const BertKernels::Layer layer{memory.data(), bias.values.data(), 96, 160};
    const Table wanted = projected(input, weight, bias.values);

    const Elements output(rows, 160);
    kernels().project(elements.rows(), layer, output.rows());
    expect_near(output.table(), wanted, tolerance());

    Table curved = wanted;
    for (float& value : curved.values) value = exact_gelu(value);
    kernels().project_gelu(elements.rows(), layer, output.rows());
    expect_near(output.table(), curved, tolerance());

    Table sums = Table::random(rows, 160, 4);
    Table added = sums;
    for (std::size_t i = 0; i < added.values.size(); ++i) added.values[i] += wanted.values[i];
    kernels().project_add(elements.rows(), layer, sums.values.data());
    expect_near(sums, added, 1e-4F);
  }
}

TEST_P(BertKernelsTest, ComputesTheExactGelu) {
  Table input(1, 32);
  input.at(0, 0) = 1;
  const Elements elements(input);
  for (float x = -12; x < 12; x += 0.03125F) {
    Table weight(32, 32);
    std::vector<float> bias(32);
    for (std::size_t out = 0; out < 32; ++out) bias[out] = x + static_cast<float>(out) / 1024;
    const AlignedBytes memory = packed(weight);
    const Elements output(1, 32);
    kernels().project_gelu(elements.rows(), {memory.data(), bias.data(), 32, 32}, output.rows());
    const Table found = output.table();
    for (std::size_t out = 0; out < 32; ++out) {
      const float wanted = exact_gelu(bias[out]);
      ASSERT_NEAR(found.at(0, out), wanted, 1e-4F + (rounds() ? std::abs(wanted) / 256 : 0))
          << bias[out];
    }
  }
}

TEST_P(BertKernelsTest, AttendsWithinASequenceOfAnyLength) {
  constexpr std::size_t kHeads = 3;
  for (const std::size_t head_width : {32, 64}) {
    for (const std::size_t tokens : {1, 2, 3, 7, 15, 16, 17, 31, 32, 33, 63, 65, 128, 200}) {
      // The noise around the sequence, and the sequences beside it, are not to be seen.
      Table input = Table::random(tokens, 3 * kHeads * head_width, 5, 1.5F);
      const Elements elements(input);
      const Elements output(tokens, kHeads * head_width);
      const AlignedBytes scratch(kernels().scratch_bytes(tokens, head_width));
      kernels().attend({.projected = elements.rows(),
                        .mixed = output.rows().first,
                        .mixed_stride = output.rows().stride,
                        .heads = kHeads,
                        .head_width = head_width,
                        .scratch = scratch.data()});
      expect_near(output.table(), attended(input, kHeads, head_width), 2 * tolerance());
    }
  }
}

TEST_P(BertKernelsTest, SoftmaxStandsExtremeScores) {
  Table input(40, 96);
  for (std::size_t token = 0; token < 40; ++token) {
    for (std::size_t i = 0; i < 32; ++i) {
      input.at(token, i) = token % 2 == 0 ? 1000 : -1000;
      input.at(token, 32 + i) = token == 7 ? 1000 : -1000;
      input.at(token, 64 + i) = static_cast<float>(token);
    }
  }
  const Elements elements(input);
  const Elements output(40, 32);
  const AlignedBytes scratch(kernels().scratch_bytes(40, 32));
  kernels().attend({.projected = elements.rows(),
                    .mixed = output.rows().first,
                    .mixed_stride = output.rows().stride,
                    .heads = 1,
                    .head_width = 32,
                    .scratch = scratch.data()});
  const Table found = output.table();
  EXPECT_NEAR(found.at(0, 0), 7, 0.01);                // All attention goes to token 7 …
  EXPECT_NEAR(found.at(1, 0), (780.0 - 7) / 39, 0.1);  // … or to all others alike.
}

TEST_P(BertKernelsTest, NormalisesRows) {
  const Table weight = Table::random(1, 96, 6);
  const Table bias = Table::random(1, 96, 7);
  Table rows = Table::random(5, 96, 8, 3);
  for (float& value : rows.values) value += 10;
  Table wanted = rows;
  for (std::size_t row = 0; row < 5; ++row) {
    double mean = 0;
    double squares = 0;
    for (std::size_t i = 0; i < 96; ++i) mean += rows.at(row, i) / 96;
    for (std::size_t i = 0; i < 96; ++i) squares += std::pow(rows.at(row, i) - mean, 2) / 96;
    for (std::size_t i = 0; i < 96; ++i) {
      wanted.at(row, i) = static_cast<float>((rows.at(row, i) - mean) / std::sqrt(squares + 1e-12) *
                                             weight.at(0, i)) +
                          bias.at(0, i);
    }
  }
  const Elements output(5, 96);
  kernels().normalise(rows.values.data(), 96, {weight.values.data(), bias.values.data(), 1e-12F},
                      output.rows());
  expect_near(rows, wanted, 1e-5F);
  expect_near(output.table(), wanted, tolerance());
}

INSTANTIATE_TEST_SUITE_P(Levels, BertKernelsTest, testing::ValuesIn(kBertLevels),
                         [](const auto& instance) { return std::string(instance.param->level); });

TEST(BertKernels, AreNoBetterThanWhatTheBackendShowed) {
  EXPECT_EQ(choose_bert_kernels("x64").level, "sse2");
  EXPECT_EQ(choose_bert_kernels("unheard-of").level, "sse2");
  if (kBertAvx2.supported()) {
    EXPECT_EQ(choose_bert_kernels("haswell").level, "avx2");
  }
  if (kBertAvx512.supported()) {
    EXPECT_EQ(choose_bert_kernels("icelake").level, "avx512");
  }
  if (kBertAmx.supported()) {
    EXPECT_EQ(choose_bert_kernels("sapphirerapids").level, "amx");
  }
  // A machine without what its backend has (none here): the next level that it has.
  EXPECT_TRUE(choose_bert_kernels("sapphirerapids").supported());
}

}  // namespace
}  // namespace opaline::engine
