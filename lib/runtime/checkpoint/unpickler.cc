#include "runtime/checkpoint/unpickler.h"

#include <cstring>
#include <deque>
#include <limits>
#include <unordered_map>

#include "core/concat.h"
#include "runtime/checkpoint/pickle_node.h"
#include "runtime/checkpoint/pickle_rebuild.h"
#include "runtime/checkpoint/pickle_tree.h"

namespace fabric {
namespace {

using Kind = PickleNode::Kind;

/// The stack machine of the pickle format, less everything that could run code.
class Unpickler {
 public:
  Unpickler(std::string_view bytes, const LoadStorage& load_storage, const std::string& where)
      : bytes_(bytes), load_storage_(load_storage), where_(where) {}

  PickleNode& run() {
    while (true) {
      opcode_at_ = at_;
      const auto opcode = take_number<uint8_t>();
      if (opcode == '.') return top();
      if (!load_number(opcode) && !load_text(opcode) && !load_container(opcode) && !fill_container(opcode) &&
          !use_memo(opcode) && !call(opcode)) {
        throw UsageError(concat(where_, ": opcode ", int{opcode}, " at byte ", opcode_at_,
                                " cannot be read; checkpoints hold numbers, strings, tensors, lists and dicts only"));
      }
    }
  }

 private:
  bool load_number(uint8_t opcode) {
    switch (opcode) {
      case 'N':
        push(Kind::kNone);
        return true;
      case 0x88:
        push(Kind::kBool).integer = 1;
        return true;
      case 0x89:
        push(Kind::kBool).integer = 0;
        return true;
      case 'K':
        push(Kind::kInt).integer = take_number<uint8_t>();
        return true;
      case 'M':
        push(Kind::kInt).integer = take_number<uint16_t>();
        return true;
      case 'J':
        push(Kind::kInt).integer = take_number<int32_t>();
        return true;
      case 0x8a:
        push(Kind::kInt).integer = take_long();
        return true;
      case 'G':
        push(Kind::kDouble).real = take_big_endian_double();
        return true;
      default:
        return false;
    }
  }

  bool load_text(uint8_t opcode) {
    switch (opcode) {
      case 'X':
        push_text(take_number<uint32_t>());
        return true;
      case 0x8c:
        push_text(take_number<uint8_t>());
        return true;
      case 0x8d:
        push_text(take_number<uint64_t>());
        return true;
      case 'c': {
        const std::string module = take_line();
        push_global(concat(module, ".", take_line()));
        return true;
      }
      case 0x93: {
        const std::string name = pop().text;
        push_global(concat(pop().text, ".", name));
        return true;
      }
      case 0x80:
        take_number<uint8_t>();
        return true;  // protocol
      case 0x95:
        take_number<uint64_t>();
        return true;  // frame
      default:
        return false;
    }
  }

  bool load_container(uint8_t opcode) {
    switch (opcode) {
      case '(':
        push(Kind::kMark);
        return true;
      case '}':
        push(Kind::kDict);
        return true;
      case ']':
        push(Kind::kList);
        return true;
      case ')':
        push(Kind::kTuple);
        return true;
      case 't':
        push_tuple(pop_to_mark());
        return true;
      case 0x85:
      case 0x86:
      case 0x87: {
        const size_t count = opcode - 0x84u;
        if (stack_.size() < count) malformed("the stack is empty");
        std::vector<PickleNode*> items(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
        stack_.resize(stack_.size() - count);
        push_tuple(std::move(items));
        return true;
      }
      default:
        return false;
    }
  }

  bool fill_container(uint8_t opcode) {
    switch (opcode) {
      case 'a': {
        PickleNode& item = pop();
        expect(Kind::kList, "append to").items.push_back(&item);
        return true;
      }
      case 'e':
        append(Kind::kList, "append to", pop_to_mark());
        return true;
      case 's': {
        PickleNode& value = pop();
        PickleNode& key = pop();
        append(Kind::kDict, "set an item of", {&key, &value});
        return true;
      }
      case 'u':
        append(Kind::kDict, "set items of", pop_to_mark());
        return true;
      case 'b':  // What an OrderedDict carries beside its items is a state dict's _metadata.
        pop();
        expect(Kind::kDict, "set the state of");
        return true;
      default:
        return false;
    }
  }

  bool use_memo(uint8_t opcode) {
    switch (opcode) {
      case 'q':
        memo_[take_number<uint8_t>()] = &top();
        return true;
      case 'r':
        memo_[take_number<uint32_t>()] = &top();
        return true;
      case 0x94: {
        const auto next = static_cast<uint32_t>(memo_.size());
        memo_[next] = &top();
        return true;
      }
      case 'h':
        stack_.push_back(recall(take_number<uint8_t>()));
        return true;
      case 'j':
        stack_.push_back(recall(take_number<uint32_t>()));
        return true;
      case '0':
        pop();
        return true;
      case '1':
        pop_to_mark();
        return true;
      case '2':
        stack_.push_back(&top());
        return true;
      default:
        return false;
    }
  }

  bool call(uint8_t opcode) {
    if (opcode != 'Q' && opcode != 'R') return false;
    const PickleNode& argument = pop();
    PickleNode& result = nodes_.emplace_back();
    const auto problem =
        opcode == 'Q' ? rebuild_storage(argument, result) : rebuild_call(pop(), argument, load_storage_, result);
    if (problem) malformed(*problem);
    stack_.push_back(&result);
    return true;
  }

  PickleNode& push(Kind kind) {
    PickleNode& node = nodes_.emplace_back();
    node.kind = kind;
    stack_.push_back(&node);
    return node;
  }

  void push_text(uint64_t size) { push(Kind::kString).text = take(size); }

  void push_tuple(std::vector<PickleNode*> items) { push(Kind::kTuple).items = std::move(items); }

  void push_global(const std::string& name) {
    PickleNode& node = push(Kind::kGlobal);
    if (find_pickle_global(name, node)) return;
    throw UsageError(
        concat(where_, ": '", name, "' at byte ", opcode_at_,
               " is refused; checkpoints hold numbers, strings, tensors, lists and dicts only, nothing that "
               "would have to be executed"));
  }

  void append(Kind kind, const char* action, const std::vector<PickleNode*>& items) {
    PickleNode& container = expect(kind, action);
    if (kind == Kind::kDict && items.size() % 2 != 0) malformed("a key has no value");
    container.items.insert(container.items.end(), items.begin(), items.end());
  }

  PickleNode& expect(Kind kind, const char* action) {
    PickleNode& node = top();
    if (node.kind != kind) malformed(concat("the object to ", action, " is of another kind"));
    return node;
  }

  PickleNode& top() {
    if (stack_.empty()) malformed("the stack is empty");
    return *stack_.back();
  }

  PickleNode& pop() {
    PickleNode& node = top();
    stack_.pop_back();
    return node;
  }

  std::vector<PickleNode*> pop_to_mark() {
    size_t mark = stack_.size();
    while (mark > 0 && stack_[mark - 1]->kind != Kind::kMark) --mark;
    if (mark == 0) malformed("the stack has no mark");
    std::vector<PickleNode*> items(stack_.begin() + static_cast<std::ptrdiff_t>(mark), stack_.end());
    stack_.resize(mark - 1);
    return items;
  }

  PickleNode* recall(uint32_t id) {
    const auto found = memo_.find(id);
    if (found == memo_.end()) malformed(concat("object ", id, " was not stored before"));
    return found->second;
  }

  std::string_view take(uint64_t size) {
    if (size > bytes_.size() - at_) malformed("it is cut short");
    const std::string_view taken = bytes_.substr(at_, size);
    at_ += size;
    return taken;
  }

  template <class T>
  T take_number() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }

  int64_t take_long() {
    const std::string_view digits = take(take_number<uint8_t>());
    if (digits.size() > 8) malformed("an integer must fit into 64 bits");
    if (digits.empty()) return 0;
    uint64_t value = (digits.back() & 0x80) != 0 ? ~uint64_t{0} : 0;
    std::memcpy(&value, digits.data(), digits.size());
    return static_cast<int64_t>(value);
  }

  double take_big_endian_double() {
    const uint64_t bits = __builtin_bswap64(take_number<uint64_t>());
    double value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }

  std::string take_line() {
    const size_t end = bytes_.find('\n', at_);
    if (end == std::string_view::npos) malformed("it is cut short");
    const std::string line(bytes_.substr(at_, end - at_));
    at_ = end + 1;
    return line;
  }

  [[noreturn]] void malformed(const std::string& what) const {
    throw SystemError(concat(where_, " is damaged at byte ", opcode_at_, ": ", what));
  }

  std::string_view bytes_;
  const LoadStorage& load_storage_;
  const std::string& where_;
  size_t at_ = 0;
  size_t opcode_at_ = 0;
  std::deque<PickleNode> nodes_;  ///< owns all nodes: they may refer to each other in circles
  std::vector<PickleNode*> stack_;
  std::unordered_map<uint32_t, PickleNode*> memo_;
};

}  // namespace

Value unpickle(std::string_view bytes, const LoadStorage& load_storage, const std::string& where) {
  Unpickler unpickler(bytes, load_storage, where);
  const PickleNode& root = unpickler.run();
  // A few bytes can refer to the same container again and again: the tree may be larger than the pickle, but not without end.
  return PickleTree(where, bytes.size() * 16 + 1'000'000).convert(root);
}

}  // namespace fabric
