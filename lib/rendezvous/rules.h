#pragma once

#include "core/clock.h"

namespace fabric::rendezvous {

/// What a coordinator must hold to so that a job is safe. Everything is true outside of tests: RulesTest lifts one rule at a
/// time and shows that the simulation notices.
struct Rules {
  Nanoseconds lease_cut{0};               ///< how much sooner than lease + margin a silent agent's ranks count as gone
  bool waits_for_leases = true;           ///< ranks of an agent that has left may be alive until its lease ends
  bool waits_for_confirmations = true;    ///< ranks that were told to stop are alive until their agent says otherwise
  bool heeds_departures = true;           ///< a member that leaves ends its generation at once
  bool refuses_older_generations = true;  ///< a message counts only for the generation that it names
  bool has_one_budget = true;             ///< restarts are counted for the job, not for each of its nodes
  bool gives_a_rank_once = true;          ///< a newcomer gets a rank that nobody has
  bool keeps_spares_waiting = true;       ///< agents beyond max_nodes get no ranks
  bool keeps_ranks = true;                ///< a member that stays keeps its rank
  bool waits_for_all_answers = true;      ///< ranks are let go up to a step only when each has said where it is
  bool stops_at_the_highest_step = true;  ///< of those that were named
  bool closes_stores = true;              ///< nobody writes to a generation that is over
  bool dismisses_spares = true;           ///< also agents without ranks are told that the job is over
  bool begins_a_term = true;              ///< a coordinator that returns numbers its generations anew
  bool recovers_leases = true;            ///< a coordinator that returns waits for the ranks that it does not know of
  bool journals_first = true;             ///< what must not be forgotten is written before anybody hears of it
  bool journals_budgets = true;           ///< a coordinator that returns remembers what was spent
  bool journals_stops = true;             ///< a coordinator that returns remembers that the job shall end
  bool recovers_ranks = true;             ///< a coordinator that returns gives the nodes the ranks that they had
  bool watches_each_lease = true;         ///< also that of an agent that comes again as its last one ends
  bool loses_patience = true;          ///< an agent that has not confirmed in time puts the next generation off no more
  bool tells_losses_from_ends = true;  ///< who leaves after its ranks have ended has not taken them with it
  bool dismisses_latecomers = true;    ///< also agents that were away at the end are told of it
  bool heeds_stops = true;             ///< nothing follows a generation once the end of the job was asked for
  bool grows_after_steps = true;       ///< ranks give way to a larger generation only once each has ended a step
  bool grows_before_ends = true;       ///< and only while none has ended
  bool goes_on_after_growing = true;   ///< a generation that gave way to a larger one is followed by that
  bool awaits_expected_nodes = true;   ///< the first generation waits for the nodes that are known to come
  bool benches_nodes = true;       ///< a node whose ranks fail first again and again gets none where there are others
  bool limits_node_losses = true;  ///< nodes may be lost only so often
  bool limits_preemptions = true;  ///< nodes may leave only so often
  bool tells_requeue_from_success = true;  ///< ranks that stopped at a step have not done their work
};

}  // namespace fabric::rendezvous
