#include "job/macros.h"

#include <algorithm>

#include "job/yaml_text.h"

namespace fabric::job {
namespace {

constexpr std::string_view kEscape = "$${";
constexpr std::string_view kStart = "${";
constexpr std::string_view kVariable = "env:";

class Expander {
 public:
  Expander(const Variables& variables, const std::vector<std::string>& secrets, Diagnostics& diagnostics)
      : variables_(variables), secrets_(secrets), diagnostics_(diagnostics) {}

  void expand(YamlNode& node, const std::string& path) {
    if (node.kind == YamlNode::Kind::kScalar) expand_text(node, path);
    for (YamlNode& child : node.children) {
      const bool is_item = node.kind != YamlNode::Kind::kMap;
      expand(child, is_item ? path : path.empty() ? child.key : concat(path, '.', child.key));
    }
  }

  bool is_ok() const { return is_ok_; }

 private:
  void expand_text(YamlNode& node, const std::string& path);
  Result<std::string> value_of(std::string_view macro) const;

  const Variables& variables_;
  const std::vector<std::string>& secrets_;
  Diagnostics& diagnostics_;
  bool is_ok_ = true;
};

bool is_job_text(const std::string& text) {
  Diagnostics diagnostics;
  const int source = diagnostics.add_source({.name = "text"});
  return check_yaml_text("x" + text, source, diagnostics);  // not at the start of a line, where a tab would be refused
}

void Expander::expand_text(YamlNode& node, const std::string& path) {
  std::string expanded;
  std::string_view rest = node.text;
  while (!rest.empty()) {
    if (rest.starts_with(kEscape)) {
      expanded += kStart;
      rest.remove_prefix(kEscape.size());
      continue;
    }
    if (!rest.starts_with(kStart)) {
      expanded += rest.front();
      rest.remove_prefix(1);
      continue;
    }
    const size_t end = rest.find('}');
    const std::string_view macro = rest.substr(0, end == std::string_view::npos ? end : end + 1);
    const Result<std::string> value = value_of(macro);
    if (!value.ok()) {
      diagnostics_.error(node.mark, concat('\'', path, "' ", value.error().message()));
      is_ok_ = false;
      return;
    }
    expanded += *value;
    node.macros += concat(node.macros.empty() ? "" : ", ", macro);
    rest.remove_prefix(macro.size());
  }
  node.text = std::move(expanded);
}

Result<std::string> Expander::value_of(std::string_view macro) const {
  constexpr std::string_view kAdvice = "; write $${ for a plain ${";
  if (macro.back() != '}')
    return invalid_argument(concat("must end the macro '", macro.substr(0, 40), "' with a '}', but does not", kAdvice));
  const std::string_view inner = macro.substr(kStart.size(), macro.size() - kStart.size() - 1);
  if (!inner.starts_with(kVariable)) {
    return invalid_argument(
        concat("must have no other macros than ${env:NAME}, but has '", macro, "', which is unknown", kAdvice));
  }
  const std::string name(inner.substr(kVariable.size()));
  if (std::find(secrets_.begin(), secrets_.end(), name) != secrets_.end()) {
    return invalid_argument(concat("must not have the value of a secret, but has '", macro, "' and '", name,
                                   "' stands in 'env.secret'; let the program read the variable"));
  }
  const auto found = variables_.find(name);
  if (found == variables_.end()) {
    return invalid_argument(concat("needs the variable '", name,
                                   "', which must be set where fabric-run is started, but is not; set it", kAdvice));
  }
  if (!is_job_text(found->second)) {
    return invalid_argument(concat("needs of the variable '", name,
                                   "' that it is printable UTF-8 text, but it is not; set it to such text"));
  }
  return found->second;
}

}  // namespace

bool expand_macros(YamlNode& node, const Variables& variables, const std::vector<std::string>& secrets,
                   Diagnostics& diagnostics) {
  Expander expander(variables, secrets, diagnostics);
  expander.expand(node, node.key);
  return expander.is_ok();
}

std::string escape_macros(std::string_view text) {
  std::string escaped;
  while (!text.empty()) {
    const size_t length = text.starts_with(kStart) ? kStart.size() : 1;
    escaped += length == 1 ? text.substr(0, 1) : kEscape;
    text.remove_prefix(length);
  }
  return escaped;
}

}  // namespace fabric::job
