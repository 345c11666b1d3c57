// Shared objects for program_loader_test, made from this file with different definitions: no LibTorch is linked, so that
// loading one takes no time.

#include <torch/headeronly/version.h>

#include <cstdint>

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#ifndef LOADABLE_TORCH
#define LOADABLE_TORCH TORCH_VERSION
#endif
#ifndef LOADABLE_ABI
#define LOADABLE_ABI 1
#endif

namespace {

struct Note {
  uint32_t name_size = 7;
  uint32_t text_size = 96;
  uint32_t type = 1;
  char name[8] = "Fabric";
  char text[96] = "abi=1;torch=" LOADABLE_TORCH ";cxx11abi=1;ndebug=1;compiler=g++ 12.2.0";
};
alignas(4) __attribute__((section(".note.fabric"), used)) constinit const Note note;

struct Table {
  uint32_t abi_version;
  int (*train)(void*, void*);
  void (*configure)(void*, void*);
};

}  // namespace

namespace forgotten {
int train_the_model(int epochs);
}

#ifdef LOADABLE_LACKS_A_FUNCTION
extern "C" __attribute__((visibility("default"))) int (*wanted)(int) = forgotten::train_the_model;
#endif

#ifndef LOADABLE_HAS_NO_TABLE
extern "C" __attribute__((visibility("default"))) const Table* fabric_program_table() {
  static constexpr Table table{LOADABLE_ABI, [](void*, void*) { return 17; }, nullptr};
  return &table;
}
#endif
