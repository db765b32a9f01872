#include "store/blob_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "store/store_fixture.hpp"

namespace opaline::store {

using base::ErrorCode;
using ::testing::IsEmpty;

namespace {

class BlobFolderTest : public ::testing::Test {
 protected:
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path() / "blobs"))
      names.push_back(entry.path().filename());
    return names;
  }
  TemporaryFolder folder_;
  std::unique_ptr<BlobFolder> blobs_ = *BlobFolder::open(folder_.path() / "blobs");
};

}  // namespace

TEST_F(BlobFolderTest, ReturnsTheBytesUnderTheirDigest) {
  const std::string bytes("zero\0inside", 11);
  const auto key = blobs_->put(bytes).value();
  EXPECT_EQ(key.size(), 64U);
  EXPECT_EQ(blobs_->get(key).value(), bytes);
  EXPECT_TRUE(std::filesystem::exists(blobs_->path(key)));
  EXPECT_EQ(blobs_->put(bytes).value(), key);
  EXPECT_EQ(files().size(), 1U);
  EXPECT_EQ(blobs_->get(blobs_->put("").value()).value(), "");
}

TEST_F(BlobFolderTest, KnowsNoOtherKeys) {
  for (const std::string& key : {std::string(64, 'a'), std::string("../lock"), std::string(),
                                 std::string(64, '/'), std::string(64, 'A')}) {
    EXPECT_EQ(blobs_->get(key).error().code, ErrorCode::not_found) << key;
  }
}

TEST_F(BlobFolderTest, NoticesDamage) {
  const auto key = blobs_->put("original").value();
  std::ofstream(blobs_->path(key)) << "changed!";
  const auto read = blobs_->get(key);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::internal);
  EXPECT_THAT(read.error().detail, ::testing::HasSubstr(key));
}

TEST_F(BlobFolderTest, WritesAgainWhatHasTheWrongSize) {
  const auto key = blobs_->put("original").value();
  std::ofstream(blobs_->path(key)) << "x";
  EXPECT_EQ(blobs_->put("original").value(), key);
  EXPECT_EQ(blobs_->get(key).value(), "original");
}

TEST_F(BlobFolderTest, RemovesWhatACrashLeft) {
  std::ofstream(folder_.path() / "blobs" / ".unfinished-1234") << "half";
  std::ofstream(folder_.path() / "blobs" / "foreign.txt") << "not ours";
  blobs_ = *BlobFolder::open(folder_.path() / "blobs");
  EXPECT_THAT(files(), ::testing::ElementsAre("foreign.txt"));
  ASSERT_TRUE(blobs_->retain(
      []() -> base::Result<std::set<std::string>> { return std::set<std::string>{}; }));
  EXPECT_THAT(files(), ::testing::ElementsAre("foreign.txt"));
}

TEST_F(BlobFolderTest, KeepsWhatIsUsedOrStillToBeNamed) {
  const auto retain_none = [&] {
    EXPECT_TRUE(blobs_->retain(
        []() -> base::Result<std::set<std::string>> { return std::set<std::string>{}; }));
  };
  const auto key = blobs_->put("twice").value();
  (void)blobs_->put("twice").value();
  blobs_->release(key);
  retain_none();
  EXPECT_TRUE(blobs_->get(key));
  blobs_->release(key);
  blobs_->release(key);  // Once too often does no harm.
  EXPECT_TRUE(
      blobs_->retain([&]() -> base::Result<std::set<std::string>> { return std::set{key}; }));
  EXPECT_TRUE(blobs_->get(key));
  retain_none();
  EXPECT_THAT(files(), IsEmpty());
}

TEST_F(BlobFolderTest, RemovesNothingWhenItCannotBeToldWhatIsUsed) {
  const auto key = blobs_->put("bytes").value();
  blobs_->release(key);
  const auto result = blobs_->retain([]() -> base::Result<std::set<std::string>> {
    return base::fail(ErrorCode::unavailable, "no list");
  });
  EXPECT_EQ(result.error().code, ErrorCode::unavailable);
  EXPECT_TRUE(blobs_->get(key));
}

}  // namespace opaline::store
