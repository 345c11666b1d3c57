#pragma once

/// What exit(), _exit() and _Exit() call before they end the process.
using FabricExitHook = void (*)(const char* function, int code, const void* caller);

/// Sets it, null for none. The runtime finds this function by name.
extern "C" __attribute__((visibility("default"))) void fabric_set_exit_hook(FabricExitHook hook);
