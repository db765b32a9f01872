#include "engine/model_description.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>

#include "engine/gguf_check.hpp"
#include "engine/mapped_file.hpp"

namespace opaline::engine {
namespace {

std::string quantisation_of(const GgufHead& head) {
  std::map<std::string_view, std::uint64_t> elements;
  for (const GgufHead::Tensor& tensor : head.tensors) elements[tensor.type] += tensor.elements;
  const auto most =
      std::ranges::max_element(elements, {}, [](const auto& entry) { return entry.second; });
  return most == elements.end() ? std::string() : std::string(most->first);
}

/// Encoders say so by a pooling type or attention that is not causal.
ModelDescription::Kind kind_of(const GgufHead& head, const std::string& architecture) {
  const auto causal = head.values.find(architecture + ".attention.causal");
  const bool sees_all = causal != head.values.end() &&
                        std::holds_alternative<bool>(causal->second) &&
                        !std::get<bool>(causal->second);
  if (sees_all || head.find_number(architecture + ".pooling_type").value_or(0) != 0) {
    return ModelDescription::Kind::encoder;
  }
  constexpr std::array<std::string_view, 5> kOthers = {"t5", "t5encoder", "clip",
                                                       "wavtokenizer-dec", "whisper"};
  if (std::ranges::find(kOthers, architecture) != kOthers.end() || architecture.contains("bert")) {
    return ModelDescription::Kind::other;
  }
  return ModelDescription::Kind::generator;
}

}  // namespace

base::Result<ModelDescription> inspect_model(const std::filesystem::path& file) {
  OPALINE_TRY(const MappedFile mapped, MappedFile::open(file));
  const auto named = [&](base::Error error) {
    error.message = file.string() + " is " + error.message;
    return base::fail(std::move(error));
  };
  auto head = check_gguf(mapped.bytes());
  if (!head) return named(std::move(head).error());
  if (auto checked = check_gguf_model(*head); !checked) return named(std::move(checked).error());

  ModelDescription found;
  found.file = file;
  found.architecture = *head->find_text("general.architecture");
  found.name = head->find_text("general.name").value_or(file.stem().native());
  found.kind = kind_of(*head, found.architecture);
  found.quantisation = quantisation_of(*head);
  found.licence = head->find_text("general.license").value_or("");
  for (const GgufHead::Tensor& tensor : head->tensors) found.parameters += tensor.elements;
  found.context_tokens = head->find_number(found.architecture + ".context_length").value_or(0);
  found.dimension = head->find_number(found.architecture + ".embedding_length").value_or(0);
  found.layers = head->find_number(found.architecture + ".block_count").value_or(0);
  found.vocabulary = head->find_array("tokenizer.ggml.tokens")->count;
  found.bytes = mapped.bytes().size();
  found.chat_template = !head->find_text("tokenizer.chat_template").value_or("").empty();
  return found;
}

}  // namespace opaline::engine
