// A shared object whose note says that it was built against another LibTorch.

#include <cstdint>

namespace {

struct Note {
  uint32_t name_size = 7;
  uint32_t text_size = 64;
  uint32_t type = 1;
  char name[8] = "Fabric";
  char text[64] = "abi=1;torch=1.13.1;cxx11abi=1;ndebug=1;compiler=g++ 12.2.0";
};

alignas(4) __attribute__((section(".note.fabric"), used)) constinit const Note note;

}  // namespace
