#include "control/store_service.h"

#include <utility>

#include "control/convert.h"

namespace fabric::control {

using rendezvous::Released;
using rendezvous::WaiterId;

void StoreService::open(const GenerationId& generation) {
  const std::lock_guard lock(mutex_);
  tables_.try_emplace(generation);
}

void StoreService::close(const GenerationId& generation) {
  std::vector<Answer> answers;
  {
    const std::lock_guard lock(mutex_);
    const auto table = tables_.find(generation);
    if (table == tables_.end()) return;
    collect(table->second.close(), answers);
    tables_.erase(table);
  }
  give(std::move(answers));
}

void StoreService::close_all() {
  std::vector<Answer> answers;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [generation, table] : tables_) collect(table.close(), answers);
    tables_.clear();
  }
  give(std::move(answers));
}

void StoreService::expire() {
  std::vector<Answer> answers;
  std::optional<TimePoint> next;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [generation, table] : tables_) collect(table.expire(clock_.now()), answers);
    announced_.reset();
    next = earlier_deadline();
  }
  give(std::move(answers));
  if (next) wake_at_(*next);
}

grpc::ServerUnaryReactor* StoreService::Call(grpc::CallbackServerContext*, const v1::StoreCall* wire,
                                             v1::StoreReply* reply) {
  WaiterId waiter;
  {
    const std::lock_guard lock(mutex_);
    waiter.value = ++calls_;
  }
  auto* const call = new StoreCall(reply, [this, waiter] { cancel(waiter); });
  const Result<StoreRequest> request = from_wire(*wire);
  if (request.ok()) {
    start(call, waiter, from_wire(wire->generation()), *request);
  } else {
    call->answer({request.error().code(), request.error().message(), {}, 0});
  }
  return call;
}

void StoreService::start(StoreCall* call, WaiterId waiter, const GenerationId& generation,
                         const StoreRequest& request) {
  std::vector<Answer> answers;
  std::optional<TimePoint> wake;
  {
    const std::lock_guard lock(mutex_);
    if (std::optional<StoreResponse> response = apply(generation, request, waiter)) {
      answers.push_back({call, std::move(*response)});
    } else {
      parked_[waiter] = {generation, call};
      wake = earlier_deadline();
    }
    if (const auto table = tables_.find(generation); table != tables_.end()) {
      collect(table->second.take_released(), answers);
    }
  }
  give(std::move(answers));
  if (wake) wake_at_(*wake);
}

std::optional<StoreResponse> StoreService::apply(const GenerationId& generation, const StoreRequest& request,
                                                 WaiterId waiter) {
  if (const auto table = tables_.find(generation); table != tables_.end()) {
    return table->second.apply(request, clock_.now(), waiter);
  }
  return StoreResponse{StatusCode::kAborted,
                       concat("the store of generation ", generation,
                              " is not open; the generation is over, and its ranks are about to be stopped"),
                       {},
                       0};
}

void StoreService::collect(std::vector<Released> released, std::vector<Answer>& answers) {
  for (Released& one : released) {
    const auto parked = parked_.extract(one.waiter);
    if (!parked.empty()) answers.push_back({parked.mapped().call, std::move(one.response)});
  }
}

std::optional<TimePoint> StoreService::earlier_deadline() {
  std::optional<TimePoint> earliest = announced_;
  for (const auto& [generation, table] : tables_) {
    const std::optional<TimePoint> deadline = table.next_deadline();
    if (deadline && (!earliest || *deadline < *earliest)) earliest = deadline;
  }
  if (earliest == announced_) return std::nullopt;
  announced_ = earliest;
  return earliest;
}

void StoreService::cancel(WaiterId waiter) {
  std::vector<Answer> answers;
  {
    const std::lock_guard lock(mutex_);
    const auto parked = parked_.extract(waiter);
    if (parked.empty()) return;  // answered already
    if (const auto table = tables_.find(parked.mapped().generation); table != tables_.end())
      table->second.forget(waiter);
    answers.push_back({parked.mapped().call, {StatusCode::kCancelled, "the caller is gone", {}, 0}});
  }
  give(std::move(answers));
}

void StoreService::give(std::vector<Answer> answers) {
  for (Answer& answer : answers) answer.call->answer(std::move(answer.response));
}

}  // namespace fabric::control
