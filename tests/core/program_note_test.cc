#include "core/program_note.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

namespace fabric {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kText = "abi=1;torch=2.11.0;cxx11abi=1;ndebug=1;compiler=g++ 12.2.0";
#if defined(__x86_64__)
constexpr uint16_t kMachine = EM_X86_64;
#else
constexpr uint16_t kMachine = EM_AARCH64;
#endif

template <class T>
std::string bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string padded(std::string bytes, size_t alignment = 4) {
  bytes.resize((bytes.size() + alignment - 1) / alignment * alignment);
  return bytes;
}

std::string note(const std::string& owner, uint32_t type, const std::string& value, size_t alignment = 4) {
  const Elf64_Nhdr header{static_cast<uint32_t>(owner.size() + 1), static_cast<uint32_t>(value.size()), type};
  std::string name(owner);
  name += '\0';
  return padded(padded(bytes_of(header) + name, alignment) + value, alignment);
}

std::string fabric_note(const std::string& text = kText) { return note("Fabric", 1, text + '\0'); }

/// Parts of a small ELF file: a header, two program headers (note, dynamic) and what they point at.
struct ElfParts {
  uint16_t type = ET_DYN;
  uint16_t machine = kMachine;
  std::string notes = note("GNU", NT_GNU_BUILD_ID, "\xab\xcd\x01") + fabric_note();
  uint64_t alignment = 4;
  uint64_t dynamic_flags = 0;

  std::string assemble() const {
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_type = type;
    header.e_machine = machine;
    header.e_phoff = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = 2;
    const Elf64_Dyn flags{DT_FLAGS_1, {dynamic_flags}};
    const Elf64_Dyn end{DT_NULL, {0}};
    Elf64_Phdr note_segment{};
    note_segment.p_type = PT_NOTE;
    note_segment.p_offset = sizeof header + 2 * sizeof(Elf64_Phdr);
    note_segment.p_filesz = notes.size();
    note_segment.p_align = alignment;
    Elf64_Phdr dynamic_segment{};
    dynamic_segment.p_type = PT_DYNAMIC;
    dynamic_segment.p_offset = note_segment.p_offset + notes.size();
    dynamic_segment.p_filesz = sizeof flags + sizeof end;
    return bytes_of(header) + bytes_of(note_segment) + bytes_of(dynamic_segment) + notes + bytes_of(flags) +
           bytes_of(end);
  }
};

class ProgramNoteTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::temp_directory_path() / concat("program_note_test-", ::getpid());
    std::filesystem::create_directories(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string path() const { return directory_ / "program.so"; }
  Result<ProgramNote> read(const std::string& bytes) const {
    std::ofstream(path(), std::ios::binary | std::ios::trunc) << bytes;
    return read_program_note(path());
  }
  std::string message_of(const std::string& bytes) const {
    const auto result = read(bytes);
    return result.ok() ? "ok" : result.error().message();
  }

  std::filesystem::path directory_;
};

TEST_F(ProgramNoteTest, ReadsHowTheProgramWasBuiltAndItsBuildId) {
  const auto result = read(ElfParts().assemble());

  ASSERT_TRUE(result.ok()) << result.status().to_string();
  EXPECT_EQ(result->abi, "1");
  EXPECT_EQ(result->torch, "2.11.0");
  EXPECT_EQ(result->cxx11abi, "1");
  EXPECT_EQ(result->ndebug, "1");
  EXPECT_EQ(result->compiler, "g++ 12.2.0");
  EXPECT_EQ(result->build_id, "abcd01");
}

TEST_F(ProgramNoteTest, ReadsNotesThatAreAlignedToEightBytes) {
  ElfParts parts;
  parts.alignment = 8;
  parts.notes = note("GNU", 5, std::string(16, 'x'), 8) + note("Fabric", 1, std::string(kText) + '\0', 8);

  EXPECT_TRUE(read(parts.assemble()).ok());
}

TEST_F(ProgramNoteTest, SaysThatAFileIsMissing) {
  const auto result = read_program_note(directory_ / "none.so");

  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code(), StatusCode::kNotFound);
  EXPECT_THAT(result.error().message(), HasSubstr("none.so"));
}

TEST_F(ProgramNoteTest, RefusesWhatIsNoSharedObjectOfThisMachine) {
  ElfParts other_machine;
  other_machine.machine = EM_S390;
  ElfParts object;
  object.type = ET_REL;
  ElfParts executable;
  executable.dynamic_flags = DF_1_PIE;

  EXPECT_THAT(message_of("#!/bin/sh\nexit 0\n, and then some"), HasSubstr("not an ELF file"));
  EXPECT_THAT(message_of(""), HasSubstr("not an ELF file"));
  EXPECT_THAT(message_of(other_machine.assemble()), HasSubstr("another machine"));
  EXPECT_THAT(message_of(object.assemble()), HasSubstr("not a shared object"));
  EXPECT_THAT(message_of(executable.assemble()), HasSubstr("it is an executable"));
  EXPECT_FALSE(read_program_note(directory_).ok());
}

TEST_F(ProgramNoteTest, RefusesAnObjectWithoutOurNoteAndSaysHowToMakeOne) {
  ElfParts foreign;
  foreign.notes =
      note("GNU", NT_GNU_BUILD_ID, "\xab\xcd\x01") + note("Fabric", 2, "later") + note("Fabrics", 1, "other");

  EXPECT_THAT(message_of(foreign.assemble()), AllOf(HasSubstr("no Fabric note"), HasSubstr("fabric_add_program()")));
}

TEST_F(ProgramNoteTest, RefusesEveryTruncationOfAProgram) {
  const std::string whole = ElfParts().assemble();

  for (size_t length = 0; length < whole.size(); ++length) {
    EXPECT_FALSE(read(whole.substr(0, length)).ok()) << "cut to " << length << " bytes";
  }
}

TEST_F(ProgramNoteTest, SurvivesEveryDamagedByte) {
  const std::string whole = ElfParts().assemble();

  for (size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(~damaged[at]);
    const auto result = read(damaged);
    EXPECT_TRUE(result.ok() || !result.error().message().empty());
  }
}

TEST_F(ProgramNoteTest, RefusesSizesThatPointOutsideTheFile) {
  std::string many_segments = ElfParts().assemble();
  const uint16_t count = 0xffff;
  std::memcpy(many_segments.data() + offsetof(Elf64_Ehdr, e_phnum), &count, sizeof count);
  std::string far_table = ElfParts().assemble();
  const uint64_t far = UINT64_MAX - 8;
  std::memcpy(far_table.data() + offsetof(Elf64_Ehdr, e_phoff), &far, sizeof far);
  std::string long_note = ElfParts().assemble();
  const uint32_t length = UINT32_MAX;
  std::memcpy(long_note.data() + sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr), &length, sizeof length);

  EXPECT_THAT(message_of(many_segments), HasSubstr("cut short"));
  EXPECT_THAT(message_of(far_table), HasSubstr("cut short"));
  EXPECT_THAT(message_of(long_note), HasSubstr("cut short"));
}

TEST_F(ProgramNoteTest, SkipsItemsThatALaterVersionAddsAndRefusesNonsense) {
  EXPECT_TRUE(parse_program_note("abi=1;colour=blue").ok());
  EXPECT_FALSE(parse_program_note("").ok());
  EXPECT_FALSE(parse_program_note("torch=2.11.0").ok());
  EXPECT_FALSE(parse_program_note("abi").ok());
}

TEST_F(ProgramNoteTest, NamesEachDifferenceBetweenProgramAndRuntime) {
  const ProgramNote ours = *parse_program_note(kText);
  const ProgramNote theirs = *parse_program_note("abi=1;torch=2.9.1;cxx11abi=1;ndebug=0;compiler=g++ 13.1.0");

  const Status status = check_compatible(theirs, ours);

  EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(),
              AllOf(HasSubstr("'2.11.0', but is '2.9.1'"), HasSubstr("-DNDEBUG"), Not(HasSubstr("CXX11"))));
}

TEST_F(ProgramNoteTest, AcceptsAnotherCompiler) {
  ProgramNote theirs = *parse_program_note(kText);
  theirs.compiler = "clang++ 19";

  EXPECT_TRUE(check_compatible(theirs, *parse_program_note(kText)).ok());
}

}  // namespace
}  // namespace fabric
