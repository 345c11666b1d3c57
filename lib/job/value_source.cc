#include "job/value_source.h"

#include "core/concat.h"

namespace fabric::job {
namespace {

ValueSource source_at(const YamlNode& node, const Diagnostics& diagnostics) {
  const SourceText& source = diagnostics.source(node.mark);
  switch (source.kind) {
    case SourceKind::kFlag:
      return {ValueSource::Kind::kFlag, source.name, node.macros};
    case SourceKind::kEnvironment:
      return {ValueSource::Kind::kEnvironment, source.name, node.macros};
    case SourceKind::kFile:
      break;
  }
  return {ValueSource::Kind::kFile, diagnostics.place(node.mark), node.macros};
}

void collect(const YamlNode& node, const std::string& path, const Diagnostics& diagnostics, Provenance& provenance) {
  if (node.kind != YamlNode::Kind::kMap) {
    if (!path.empty()) provenance[path] = source_at(node, diagnostics);
    return;
  }
  for (const YamlNode& child : node.children) {
    collect(child, path.empty() ? child.key : concat(path, '.', child.key), diagnostics, provenance);
  }
}

}  // namespace

std::string_view name_of(ValueSource::Kind kind) {
  switch (kind) {
    case ValueSource::Kind::kFile:
      return "file";
    case ValueSource::Kind::kFlag:
      return "flag";
    case ValueSource::Kind::kEnvironment:
      return "environment";
    case ValueSource::Kind::kDefault:
      break;
  }
  return "default";
}

Provenance provenance_of(const YamlNode& root, const Diagnostics& diagnostics) {
  Provenance provenance;
  collect(root, "", diagnostics, provenance);
  return provenance;
}

ValueSource source_of(const Provenance& provenance, const std::string& path) {
  const auto found = provenance.find(path);
  return found != provenance.end() ? found->second : ValueSource();
}

}  // namespace fabric::job
