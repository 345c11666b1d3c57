#include "job/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <sstream>

#include "job/yaml_text.h"

namespace fabric::job {
namespace {

/// Builds the tree from the parser's events. Throws YAML::ParserException, as the parser does, to stop it.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(int source, Diagnostics& diagnostics) : source_(source), diagnostics_(diagnostics) {}
  YamlNode take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override { root_.mark = place(mark); }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (expects_key()) refuse_key(mark, "is null; write it in quotes");
    add({.mark = place(mark)}, anchor, mark);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (expects_key()) refuse_key(mark, "is an alias; write it out");
    const auto anchored = anchors_.find(anchor);
    if (anchored == anchors_.end()) {
      throw YAML::ParserException(mark,
                                  "an alias must refer to a value that has ended, but stands inside it; remove it");
    }
    if (open_.size() + anchored->second.depth > kMaxYamlDepth) refuse_depth(mark);
    count(anchored->second.size, mark);
    place_node(anchored->second.node);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_tag(mark, tag);
    if (value.find('\0') != std::string::npos)
      throw YAML::ParserException(mark, "text must not hold the character 0; remove it");
    if (expects_key()) {
      open_.back().pending_key = value;
      open_.back().pending_mark = place(mark);
      return;
    }
    add({.kind = YamlNode::Kind::kScalar, .mark = place(mark), .text = value, .is_quoted = tag == "!"}, anchor, mark);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    begin(YamlNode::Kind::kList, mark, tag, anchor);
  }
  void OnSequenceEnd() override { end(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    begin(YamlNode::Kind::kMap, mark, tag, anchor);
  }
  void OnMapEnd() override { end(); }

 private:
  struct Open {
    YamlNode node{};
    YAML::anchor_t anchor = 0;
    size_t count_before = 0;
    size_t depth_below = 0;
    std::optional<std::string> pending_key{};
    SourceMark pending_mark{};
  };
  struct Anchored {
    YamlNode node{};
    size_t size = 1;
    size_t depth = 1;
  };

  SourceMark place(const YAML::Mark& mark) const {
    return {.source = source_, .line = mark.line + 1, .column = mark.column + 1};
  }
  bool expects_key() const {
    return !open_.empty() && open_.back().node.kind == YamlNode::Kind::kMap && !open_.back().pending_key.has_value();
  }
  void begin(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    refuse_tag(mark, tag);
    if (expects_key())
      refuse_key(mark, kind == YamlNode::Kind::kMap ? "is a map; write a name" : "is a list; write a name");
    if (open_.size() >= kMaxYamlDepth) refuse_depth(mark);
    count(1, mark);
    open_.push_back({.node = {.kind = kind, .mark = place(mark)}, .anchor = anchor, .count_before = count_ - 1});
  }
  void end() {
    Open ended = std::move(open_.back());
    open_.pop_back();
    const size_t depth = ended.depth_below + 1;
    if (ended.anchor != 0) anchors_[ended.anchor] = {ended.node, count_ - ended.count_before, depth};
    if (!open_.empty()) open_.back().depth_below = std::max(open_.back().depth_below, depth);
    place_node(std::move(ended.node));
  }
  void add(YamlNode node, YAML::anchor_t anchor, const YAML::Mark& mark) {
    count(1, mark);
    if (anchor != 0) anchors_[anchor] = {.node = node};
    place_node(std::move(node));
  }
  void place_node(YamlNode node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.kind == YamlNode::Kind::kMap) {
      node.key = *std::exchange(parent.pending_key, std::nullopt);
      node.key_mark = parent.pending_mark;
      if (const YamlNode* first = parent.node.find(node.key)) {
        diagnostics_.error(node.key_mark,
                           concat("a key must stand once in its section, but '", node.key, "' stands at line ",
                                  first->key_mark.line, " already; remove one of them"));
        return;
      }
    }
    parent.node.children.push_back(std::move(node));
  }
  void count(size_t nodes, const YAML::Mark& mark) {
    count_ += nodes;
    if (count_ > kMaxYamlNodes) {
      throw YAML::ParserException(mark,
                                  concat("a job must have at most ", kMaxYamlNodes,
                                         " values, aliases expanded, but has more; put data into a file of its own"));
    }
  }
  [[noreturn]] static void refuse_depth(const YAML::Mark& mark) {
    throw YAML::ParserException(
        mark, concat("a job must be nested at most ", kMaxYamlDepth, " deep, but is deeper; make it flatter"));
  }
  [[noreturn]] static void refuse_key(const YAML::Mark& mark, const char* what) {
    throw YAML::ParserException(mark, concat("a key must be text, but ", what));
  }
  static void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    if (tag.empty() || tag == "!" || tag == "?") return;
    throw YAML::ParserException(
        mark, concat("values must have no tag, but this one has '", tag, "'; quote it to make it text"));
  }

  int source_;
  Diagnostics& diagnostics_;
  YamlNode root_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, Anchored> anchors_;
  size_t count_ = 0;
};

/// Takes no notice of anything.
class DeafHandler : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

/// Sees whether there is a second document; its events do not matter.
class SecondDocument final : public DeafHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override {
    throw YAML::ParserException(
        mark, "a job must be one YAML document, but a second one starts here; remove the '---' or '...'");
  }
};

/// yaml-cpp 0.7 takes a quoted text that the end of the file cuts off for a whole one if a line end comes before the file's.
void refuse_open_quote(std::string_view text) {
  std::istringstream in{std::string(text.substr(0, text.find_last_not_of(" \n\r") + 1))};
  try {
    YAML::Parser parser(in);
    DeafHandler handler;
    parser.HandleNextDocument(handler);
  } catch (const YAML::Exception& error) {
    if (error.msg != YAML::ErrorMsg::EOF_IN_SCALAR) return;  // what else is wrong shows when it is read
    throw YAML::ParserException(error.mark,
                                "text must end with the quote that it starts with, but the file ends; add it");
  }
}

std::string_view line_at(std::string_view text, const YAML::Mark& mark) {
  for (int line = 0; line < mark.line && !text.empty(); ++line) {
    text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  }
  return text.substr(0, text.find('\n'));
}

/// What to do about a message of the parser, as far as that can be told.
std::string_view advice_on(const YAML::Exception& error, std::string_view text) {
  if (!error.mark.is_null() && line_at(text, error.mark).find("${") != std::string_view::npos)
    return "within { } or [ ] put texts with macros in quotes, or write the map in lines of their own";
  if (error.msg == YAML::ErrorMsg::UNKNOWN_ANCHOR) return "define it before with &, or quote the '*' for text";
  if (error.msg == YAML::ErrorMsg::END_OF_MAP_FLOW) return "close the map with a '}'";
  if (error.msg == YAML::ErrorMsg::END_OF_SEQ_FLOW) return "close the list with a ']'";
  return "check the indentation, and quote texts that have ': ', '#' or brackets";
}

/// The parser's own messages say what it found only.
std::string message_of(const YAML::Exception& error, std::string_view text) {
  if (error.msg.find("must") != std::string::npos) return error.msg;
  return concat("a job must be well-formed YAML, but: ", error.msg, "; ", advice_on(error, text));
}

}  // namespace

const YamlNode* YamlNode::find(std::string_view name) const {
  for (const YamlNode& child : children) {
    if (kind == Kind::kMap && child.key == name) return &child;
  }
  return nullptr;
}

std::optional<YamlNode> parse_yaml(std::string_view text, int source, Diagnostics& diagnostics) {
  if (!check_yaml_text(text, source, diagnostics)) return std::nullopt;
  std::istringstream in{std::string(text)};
  try {
    refuse_open_quote(text);
    YAML::Parser parser(in);
    TreeBuilder builder(source, diagnostics);
    if (parser.HandleNextDocument(builder)) {
      SecondDocument second;
      parser.HandleNextDocument(second);
    }
    return builder.take();
  } catch (const YAML::Exception& error) {
    const bool has_place = !error.mark.is_null();
    diagnostics.error({.source = source,
                       .line = has_place ? error.mark.line + 1 : 1,
                       .column = has_place ? error.mark.column + 1 : 1},
                      message_of(error, text));
  } catch (const std::exception& error) {
    diagnostics.error(
        {.source = source},
        concat("a job must be well-formed YAML, but its reader gave up: ", error.what(), "; check its syntax"));
  }
  return std::nullopt;
}

}  // namespace fabric::job
