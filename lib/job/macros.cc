#include "job/macros.h"

#include <algorithm>

#include "core/rank_text.h"
#include "job/yaml_text.h"

namespace fabric::job {
namespace {

constexpr std::string_view kEscape = "$${";
constexpr std::string_view kStart = "${";
constexpr std::string_view kVariable = "env:";

class ExpandedText;

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
  Status expand_macro(std::string_view macro, YamlNode& node, ExpandedText& expanded) const;
  Result<std::string> value_of(std::string_view macro, bool is_template) const;

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

/// A text in which macros are put, piece by piece. In a template those of ranks stay, and plain text is escaped against them.
class ExpandedText {
 public:
  explicit ExpandedText(bool is_template) : is_template_(is_template) {}

  void add(std::string_view plain) { plain_ += plain; }
  Status add_rank_macro(std::string_view macro) {
    if (!plain_.empty() && plain_.back() == '$') {
      return invalid_argument(concat("must have no '$' right before '", macro,
                                     "', but a variable's value ends with one; put a text between them"));
    }
    flush();
    text_ += macro;
    has_rank_macros_ = true;
    return ok_status();
  }
  bool is_template() const { return is_template_; }
  bool has_rank_macros() const { return has_rank_macros_; }
  std::string take() {
    flush();
    return std::move(text_);
  }

 private:
  void flush() {
    text_ += is_template_ ? escape_macros(plain_) : plain_;
    plain_.clear();
  }

  bool is_template_;
  bool has_rank_macros_ = false;
  std::string text_;
  std::string plain_;  ///< not yet in text_: pieces may become a "${" together
};

/// What YAML takes for null without quotes.
bool is_null_word(std::string_view text) {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

Status Expander::expand_macro(std::string_view macro, YamlNode& node, ExpandedText& expanded) const {
  if (macro.back() == '}' && is_rank_macro(macro_name(macro))) {
    if (expanded.is_template()) return expanded.add_rank_macro(macro);
    return invalid_argument(concat("must be the same for all ranks, but has '", macro,
                                   "'; macros of ranks may stand in texts of 'args' and values of 'env.set'"));
  }
  FABRIC_ASSIGN_OR_RETURN(const std::string value, value_of(macro, expanded.is_template()));
  expanded.add(value);
  node.macros += concat(node.macros.empty() ? "" : ", ", macro);
  return ok_status();
}

void Expander::expand_text(YamlNode& node, const std::string& path) {
  ExpandedText expanded(path.starts_with("args.") || path.starts_with("env.set."));
  const Status status = split_macros(
      node.text, [&](std::string_view plain) { expanded.add(plain); },
      [&](std::string_view macro) { return expand_macro(macro, node, expanded); });
  if (!status.ok()) {
    diagnostics_.error(node.mark, concat('\'', path, "' ", status.message()));
    is_ok_ = false;
    return;
  }
  node.text = expanded.take();
  node.is_quoted = node.is_quoted || expanded.has_rank_macros();
  if (!node.is_quoted && !node.macros.empty() && is_null_word(node.text)) {
    node.kind = YamlNode::Kind::kNull;
    node.text.clear();
  }
}

Result<std::string> Expander::value_of(std::string_view macro, bool is_template) const {
  constexpr std::string_view kAdvice = "; write $${ for a plain ${";
  if (macro.back() != '}')
    return invalid_argument(concat("must end the macro '", macro.substr(0, 40), "' with a '}', but does not", kAdvice));
  const std::string_view inner = macro_name(macro);
  if (!inner.starts_with(kVariable)) {
    return invalid_argument(
        concat("must have no other macros than ${env:NAME}",
               is_template ? ", ${rank}, ${local_rank}, ${node_rank}, ${world_size}, ${run_id} and ${run_dir}" : "",
               ", but has '", macro, "', which is unknown", kAdvice));
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
