#include "job/value_source.h"

#include "core/concat.h"

namespace fabric::job {
namespace {

ValueSource source_at(const YamlNode& node, const Diagnostics& diagnostics) {
  const SourceText& source = diagnostics.source(node.mark);
  const std::string place = diagnostics.place(node.mark);
  switch (source.kind) {
    case SourceKind::kFlag:
      return {ValueSource::Kind::kFlag, source.name, node.macros, place};
    case SourceKind::kEnvironment:
      return {ValueSource::Kind::kEnvironment, source.name, node.macros, place};
    case SourceKind::kFile:
      break;
  }
  return {ValueSource::Kind::kFile, place, node.macros, place};
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
  provenance[""].place = diagnostics.place(root.mark);
  collect(root, "", diagnostics, provenance);
  return provenance;
}

ValueSource source_of(const Provenance& provenance, const std::string& path) {
  auto found = provenance.find(path);
  if (found == provenance.end()) found = provenance.find("");
  return found != provenance.end() ? found->second : ValueSource();
}

}  // namespace fabric::job
