// A shared object without Fabric's note.

extern "C" int train() { return 0; }
