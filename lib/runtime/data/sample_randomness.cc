#include "fabric/sample_randomness.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/library.h>

#include <algorithm>
#include <optional>
#include <string>

#include "fabric/dataset.h"
#include "fabric/error.h"

namespace fabric::detail {
namespace {

/// Of the keys for modes, the one that LibTorch itself never uses outside its own tests.
constexpr c10::DispatchKey kModeKey = c10::DispatchKey::TESTING_ONLY_GenericMode;

thread_local SampleRandomness* current = nullptr;

/// The finaliser of splitmix64: neighbouring inputs give unrelated outputs.
uint64_t mix(uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

bool is_generator(const c10::Argument& argument) {
  const c10::TypePtr& type = argument.type();
  const auto* const optional = type->castRaw<c10::OptionalType>();
  return (optional != nullptr ? optional->getElementType() : type)->kind() == c10::TypeKind::GeneratorType;
}

/// Returns whether an argument says that the operator works on another device than the CPU, which has generators of its own.
bool is_elsewhere(const c10::IValue& argument) {
  if (argument.isTensor()) return argument.toTensor().defined() && !argument.toTensor().is_cpu();
  return argument.isDevice() && !argument.toDevice().is_cpu();
}

/// Fills in the generator of an operator that was called without one, and calls on. What the operator calls comes here too.
void fill_in_generator(const c10::OperatorHandle& op, c10::DispatchKeySet keys, torch::jit::Stack* stack) {
  const std::vector<c10::Argument>& arguments = op.schema().arguments();
  const auto given = stack->end() - static_cast<std::ptrdiff_t>(arguments.size());
  if (current != nullptr && std::none_of(given, stack->end(), is_elsewhere)) {
    for (size_t i = 0; i < arguments.size(); ++i) {
      c10::IValue& value = given[static_cast<std::ptrdiff_t>(i)];
      if (value.isNone() && is_generator(arguments[i])) value = current->generator();
    }
  }
  op.redispatchBoxed(keys & c10::DispatchKeySet(c10::DispatchKeySet::FULL_AFTER, kModeKey), stack);
}

/// Registers fill_in_generator() for the operators that take a generator. The rest of them passes the key without a cost.
class GeneratorMode {
 public:
  GeneratorMode() : all_(torch::Library::IMPL, "_", kModeKey, __FILE__, __LINE__) {
    all_.fallback(torch::CppFunction::makeFallthrough());
    auto& dispatcher = c10::Dispatcher::singleton();
    for (const c10::OperatorName& name : dispatcher.getAllOpNames()) {
      const auto op = dispatcher.findSchema(name);
      if (!op || !name.getNamespace() || *name.getNamespace() != "aten") continue;
      const auto& arguments = op->schema().arguments();
      if (std::none_of(arguments.begin(), arguments.end(), is_generator)) continue;
      const std::string full = name.overload_name.empty() ? name.name : name.name + "." + name.overload_name;
      aten_.impl(full.c_str(), torch::CppFunction::makeFromBoxedFunction<&fill_in_generator>());
    }
  }

 private:
  torch::Library all_;
  torch::Library aten_{torch::Library::IMPL, "aten", kModeKey, __FILE__, __LINE__};
};

}  // namespace

void prepare_sample_randomness() {
  // One for the process, for ever: the dispatcher is one, and it must not change while threads use it.
  static const auto* const mode = new GeneratorMode;
  static_cast<void>(mode);
}

at::Generator make_generator() { return at::make_generator<at::CPUGeneratorImpl>(); }

SampleRandomness::SampleRandomness(at::Generator generator)
    : outer_(current),
      was_diverted_(c10::impl::tls_is_dispatch_key_included(kModeKey)),
      generator_(std::move(generator)) {
  prepare_sample_randomness();
  c10::impl::tls_set_dispatch_key_included(kModeKey, true);
  current = this;
}

SampleRandomness::~SampleRandomness() {
  current = outer_;
  c10::impl::tls_set_dispatch_key_included(kModeKey, was_diverted_);
}

void SampleRandomness::begin_sample(uint64_t seed, int64_t epoch, int64_t index) {
  begin(mix(mix(seed) ^ static_cast<uint64_t>(epoch)) ^ static_cast<uint64_t>(index));
}

void SampleRandomness::begin_stream_batch(uint64_t stream_seed, int64_t batch) {
  begin(mix(stream_seed) ^ static_cast<uint64_t>(batch));
}

void SampleRandomness::begin(uint64_t state) {
  state_ = state;
  is_seeded_ = false;
}

at::Generator& SampleRandomness::generator() {
  if (is_seeded_) return generator_;
  if (!generator_.defined()) generator_ = make_generator();
  generator_.set_current_seed(mix(state_));
  is_seeded_ = true;
  return generator_;
}

void throw_unsized_dataset() {
  throw UsageError(
      "a dataset must know its size, but this one's size() says nothing; give it as a stream, with stream(context)");
}

}  // namespace fabric::detail
