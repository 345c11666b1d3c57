// A shared object that looks like a Fabric program to fabric-run, which reads its note and never loads it.
#include <cstdint>

namespace {

struct alignas(4) Note {
  uint32_t name_size = 7;
  uint32_t text_size = sizeof text;
  uint32_t type = 1;
  char name[8] = "Fabric";
  char text[52] = "abi=1;torch=2.11.0;cxx11abi=1;ndebug=1;compiler=x";
};

__attribute__((section(".note.fabric"), used)) constinit const Note note;

}  // namespace
