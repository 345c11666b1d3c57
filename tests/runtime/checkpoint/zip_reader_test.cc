#include "runtime/checkpoint/zip_reader.h"

#include <caffe2/serialize/inline_container.h>
#include <gmock/gmock.h>

#include <fstream>
#include <iterator>
#include <optional>

#include "fabric/error.h"
#include "support/temporary_directory.h"

namespace fabric {
namespace {

using ::testing::HasSubstr;

class ZipReaderTest : public ::testing::Test {
 protected:
  ZipReaderTest() {
    caffe2::serialize::PyTorchStreamWriter writer(path_);
    writer.writeRecord("first", "one", 3);
    writer.writeRecord("data/0", "two", 3);
    writer.writeEndOfFile();
    std::ifstream in(path_, std::ios::binary);
    bytes_ = {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }

  /// Opens `bytes` as an archive and reads all of it; returns the error's message.
  std::optional<std::string> error_of(const std::string& bytes) {
    std::ofstream(path_, std::ios::binary) << bytes;
    try {
      ZipReader reader(path_);
      reader.verify_all();
    } catch (const Error& error) {
      return error.what();
    }
    return std::nullopt;
  }

  std::string changed(const std::string& from, const std::string& to) {
    std::string copy = bytes_;
    return copy.replace(copy.find(from), from.size(), to);
  }

  testing::TemporaryDirectory directory_;
  std::string path_ = directory_.file("archive.zip");
  std::string bytes_;
};

TEST_F(ZipReaderTest, ReadsRecordsWithoutTheTopDirectory) {
  ZipReader reader(path_);

  EXPECT_EQ(reader.verified("first"), "one");
  EXPECT_EQ(reader.verified("data/0"), "two");
  EXPECT_EQ(reader.size("data/0"), 3);
  EXPECT_FALSE(reader.has("data/1"));
  EXPECT_NO_THROW(reader.verify_all());
}

TEST_F(ZipReaderTest, NamesFileAndRecordOfAFlippedByte) {
  EXPECT_THAT(error_of(changed("two", "twp")).value(),
              ::testing::AllOf(HasSubstr(path_), HasSubstr("'data/0' do not match their checksum")));
}

TEST_F(ZipReaderTest, NamesARecordThatIsMissing) {
  ZipReader reader(path_);

  EXPECT_THROW(reader.verified("data/1"), SystemError);
}

TEST_F(ZipReaderTest, RefusesWhatWasCutShortAnywhere) {
  for (size_t size = 0; size < bytes_.size(); size += 7) {
    EXPECT_TRUE(error_of(bytes_.substr(0, size)).has_value()) << size;
  }
  EXPECT_THAT(error_of(bytes_.substr(0, bytes_.size() - 40)).value(), HasSubstr("cut short"));
}

TEST_F(ZipReaderTest, RefusesFilesThatAreNoArchive) {
  EXPECT_THAT(error_of("no archive at all").value(), HasSubstr("must be a zip archive"));
  EXPECT_THAT(error_of("").value(), HasSubstr("must be a zip archive"));
  EXPECT_THROW(ZipReader(directory_.file("missing")), UsageError);
  EXPECT_THROW(ZipReader(directory_.path().string()), UsageError);
}

TEST_F(ZipReaderTest, NeverReadsOutsideTheFileWhateverByteIsChanged) {
  for (size_t i = 0; i < bytes_.size(); ++i) {
    std::string copy = bytes_;
    copy[i] = static_cast<char>(copy[i] ^ 0x81);

    // Some bytes mean nothing (padding, times); the others must give an error, and all of them no crash.
    const auto error = error_of(copy);
    if (error) {
      EXPECT_THAT(*error, HasSubstr(path_)) << i;
    }
  }
}

}  // namespace
}  // namespace fabric
