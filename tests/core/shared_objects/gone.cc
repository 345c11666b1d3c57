// A library that is not found when the program that needs it is looked at.

extern "C" __attribute__((visibility("default"))) void nobody_defines_this(int) {}
