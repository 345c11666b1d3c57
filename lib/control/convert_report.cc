#include "control/convert.h"
#include "control/wire_enum.h"

namespace fabric::control {

static_assert(static_cast<int>(StartMethod::kExec) + 1 == v1::START_METHOD_EXEC);
static_assert(static_cast<int>(Binding::kNuma) + 1 == v1::BINDING_NUMA);

v1::GenerationId to_wire(const GenerationId& id) {
  v1::GenerationId wire;
  wire.set_term(id.term);
  wire.set_counter(id.counter);
  return wire;
}

GenerationId from_wire(const v1::GenerationId& id) { return {id.term(), id.counter()}; }

v1::ExitReport to_wire(const ExitReport& report) {
  v1::ExitReport wire;
  wire.set_global_rank(report.global_rank);
  wire.set_local_rank(report.local_rank);
  wire.set_node_rank(report.node_rank);
  wire.set_hostname(report.hostname);
  wire.set_pid(report.pid);
  wire.set_exit_code(report.exit_code);
  wire.set_signal(report.signal);
  wire.set_core_dumped(report.core_dumped);
  wire.set_killed_by_us(report.killed_by_us);
  wire.set_time_ns(report.time_ns);
  wire.set_last_step(report.last_step);
  wire.set_exception_type(report.exception_type);
  wire.set_message(report.message);
  wire.set_backtrace(report.backtrace);
  for (const std::string& line : report.last_log_lines) wire.add_last_log_lines(line);
  wire.set_log_path(report.log_path);
  wire.set_core_file(report.core_file);
  wire.set_out_of_memory(report.out_of_memory);
  return wire;
}

ExitReport from_wire(const v1::ExitReport& wire) {
  ExitReport report;
  report.global_rank = wire.global_rank();
  report.local_rank = wire.local_rank();
  report.node_rank = wire.node_rank();
  report.hostname = wire.hostname();
  report.pid = wire.pid();
  report.exit_code = wire.exit_code();
  report.signal = wire.signal();
  report.core_dumped = wire.core_dumped();
  report.killed_by_us = wire.killed_by_us();
  report.time_ns = wire.time_ns();
  report.last_step = wire.last_step();
  report.exception_type = wire.exception_type();
  report.message = wire.message();
  report.backtrace = wire.backtrace();
  report.last_log_lines.assign(wire.last_log_lines().begin(), wire.last_log_lines().end());
  report.log_path = wire.log_path();
  report.core_file = wire.core_file();
  report.out_of_memory = wire.out_of_memory();
  return report;
}

v1::NodeReport to_wire(const NodeReport& node) {
  v1::NodeReport wire;
  wire.set_hostname(node.hostname);
  wire.set_fabric_version(node.fabric_version);
  wire.set_num_cores(node.num_cores);
  for (const int core : node.affinity) wire.add_affinity(core);
  wire.set_num_numa_nodes(node.num_numa_nodes);
  wire.set_memory_bytes(node.memory_bytes);
  for (const AcceleratorReport& accelerator : node.accelerators) {
    v1::AcceleratorReport* const to = wire.add_accelerators();
    to->set_kind(accelerator.kind);
    to->set_index(accelerator.index);
    to->set_name(accelerator.name);
    to->set_memory_bytes(accelerator.memory_bytes);
    to->set_numa_node(accelerator.numa_node);
  }
  wire.set_accelerators_note(node.accelerators_note);
  return wire;
}

NodeReport from_wire(const v1::NodeReport& wire) {
  NodeReport node;
  node.hostname = wire.hostname();
  node.fabric_version = wire.fabric_version();
  node.num_cores = wire.num_cores();
  node.affinity.assign(wire.affinity().begin(), wire.affinity().end());
  node.num_numa_nodes = wire.num_numa_nodes();
  node.memory_bytes = wire.memory_bytes();
  for (const v1::AcceleratorReport& from : wire.accelerators()) {
    node.accelerators.push_back({from.kind(), from.index(), from.name(), from.memory_bytes(), from.numa_node()});
  }
  node.accelerators_note = wire.accelerators_note();
  return node;
}

v1::GenerationPlan to_wire(const GenerationPlan& plan) {
  v1::GenerationPlan wire;
  *wire.mutable_generation() = to_wire(plan.generation);
  wire.set_run_id(plan.run_id);
  wire.set_run_directory(plan.run_directory);
  wire.set_world_size(plan.world_size);
  wire.set_num_nodes(plan.num_nodes);
  wire.set_node_rank(plan.node_rank);
  wire.set_first_global_rank(plan.first_global_rank);
  wire.set_local_world_size(plan.local_world_size);
  wire.set_restart_count(plan.restart_count);
  wire.set_furthest_step(plan.furthest_step);
  wire.set_main_address(plan.main_address);
  wire.set_interface(plan.interface);
  wire.set_program(plan.program);
  wire.set_job_json(plan.job_json);
  wire.set_job_directory(plan.job_directory);
  wire.set_workdir(plan.workdir);
  for (const auto& [name, value] : plan.env) {
    v1::EnvironmentVariable* const variable = wire.add_env();
    variable->set_name(name);
    variable->set_value(value);
  }
  wire.set_threads_per_rank(plan.threads_per_rank);
  wire.set_start_method(enum_to_wire<v1::StartMethod>(plan.start_method));
  wire.mutable_limits()->set_core_bytes(plan.limits.core_bytes);
  wire.mutable_limits()->set_open_files(plan.limits.open_files);
  wire.mutable_limits()->set_address_space_bytes(plan.limits.address_space_bytes);
  wire.mutable_limits()->set_processes(plan.limits.processes);
  wire.set_binding(enum_to_wire<v1::Binding>(plan.binding));
  for (const std::string& word : plan.wrapper) wire.add_wrapper(word);
  for (const int rank : plan.wrapped_ranks) wire.add_wrapped_ranks(rank);
  wire.set_wrapper_has_terminal(plan.wrapper_has_terminal);
  wire.set_uses_accelerators(plan.uses_accelerators);
  wire.set_log_rotate_bytes(plan.log_rotate_bytes);
  return wire;
}

Result<GenerationPlan> from_wire(const v1::GenerationPlan& wire) {
  GenerationPlan plan;
  plan.generation = from_wire(wire.generation());
  plan.run_id = wire.run_id();
  plan.run_directory = wire.run_directory();
  plan.world_size = wire.world_size();
  plan.num_nodes = wire.num_nodes();
  plan.node_rank = wire.node_rank();
  plan.first_global_rank = wire.first_global_rank();
  plan.local_world_size = wire.local_world_size();
  plan.restart_count = wire.restart_count();
  plan.furthest_step = wire.furthest_step();
  plan.main_address = wire.main_address();
  plan.interface = wire.interface();
  plan.program = wire.program();
  plan.job_json = wire.job_json();
  plan.job_directory = wire.job_directory();
  plan.workdir = wire.workdir();
  for (const v1::EnvironmentVariable& variable : wire.env()) plan.env[variable.name()] = variable.value();
  plan.threads_per_rank = wire.threads_per_rank();
  FABRIC_ASSIGN_OR_RETURN(plan.start_method,
                          enum_from_wire("GenerationPlan.start_method", wire.start_method(), StartMethod::kExec));
  plan.limits = {wire.limits().core_bytes(), wire.limits().open_files(), wire.limits().address_space_bytes(),
                 wire.limits().processes()};
  FABRIC_ASSIGN_OR_RETURN(plan.binding, enum_from_wire("GenerationPlan.binding", wire.binding(), Binding::kNuma));
  plan.wrapper.assign(wire.wrapper().begin(), wire.wrapper().end());
  plan.wrapped_ranks.assign(wire.wrapped_ranks().begin(), wire.wrapped_ranks().end());
  plan.wrapper_has_terminal = wire.wrapper_has_terminal();
  plan.uses_accelerators = wire.uses_accelerators();
  plan.log_rotate_bytes = wire.log_rotate_bytes();
  const bool fits = plan.local_world_size >= 1 && plan.first_global_rank >= 0 && plan.num_nodes >= 1 &&
                    plan.node_rank >= 0 && plan.node_rank < plan.num_nodes &&
                    int64_t{plan.first_global_rank} + plan.local_world_size <= plan.world_size;
  if (fits) return plan;
  return invalid_argument(concat("a plan's ranks must lie in its world, but ranks ", plan.first_global_rank, " to ",
                                 int64_t{plan.first_global_rank} + plan.local_world_size - 1, " of node ",
                                 plan.node_rank, " of ", plan.num_nodes, " do not lie in a world of ",
                                 plan.world_size));
}

}  // namespace fabric::control
