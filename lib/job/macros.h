#pragma once

#include <string>
#include <string_view>

#include "job/diagnostics.h"
#include "job/job_environment.h"
#include "job/yaml_tree.h"

namespace fabric::job {

/// Puts into the texts of `node` and below what their macros stand for: `${env:NAME}` the variable of fabric-run. `$${` is a
/// plain `${`. What is put in is not looked at again, and has the type that it would have if it were written there.
///
/// Texts below `args` and `env.set` stay templates of expand_rank_text(): macros of ranks remain in them, which are text
/// whatever they will be, and a plain `${` is `$${`. Elsewhere a macro of ranks is an error. Notes
/// unknown macros, variables that are not set or are among `secrets`, and texts that no job may hold;
/// returns whether there were none.
bool expand_macros(YamlNode& node, const Variables& variables, const std::vector<std::string>& secrets,
                   Diagnostics& diagnostics);

/// Returns `text` so that expand_macros() gives it back.
std::string escape_macros(std::string_view text);

}  // namespace fabric::job
