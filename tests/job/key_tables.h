#pragma once

#include <string>

namespace fabric::job {

/// Returns a Markdown text with the tables of keys written anew: what stands between "<!-- keys of fabric -->" (or "<!-- keys at
/// the top -->") and "<!-- end of keys -->". Throws std::runtime_error if a section is unknown or has no end.
std::string with_key_tables(const std::string& text);

}  // namespace fabric::job
