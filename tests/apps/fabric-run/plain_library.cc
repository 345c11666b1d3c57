// A shared object that is no Fabric program.
extern "C" __attribute__((visibility("default"))) int plain_library() { return 0; }
