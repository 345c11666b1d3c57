#pragma once

#include <string>

namespace fabric {

/// Returns the readable name of a mangled C++ symbol, or `symbol` itself if it is none. Allocates.
std::string demangled(const char* symbol);

/// Returns `text` with every mangled C++ name in it made readable.
std::string demangled_text(const std::string& text);

}  // namespace fabric
