#include "tlsa/rollover_plan.h"

#include <string.h>

static const char *const step_names[] = {
    [ROLLOVER_PUBLISH] = "publish", [ROLLOVER_WAIT] = "wait",
    [ROLLOVER_DEPLOY] = "deploy",   [ROLLOVER_RETIRE] = "retire",
    [ROLLOVER_DONE] = "done",
};

const char *rollover_step_name(enum rollover_step step)
{
    return step_names[step];
}

enum result rollover_step_parse(const char *name, enum rollover_step *out)
{
    for (size_t i = ROLLOVER_PUBLISH; i <= ROLLOVER_DONE; i++) {
        if (strcmp(name, step_names[i]) == 0) {
            *out = (enum rollover_step)i;
            return RES_OK;
        }
    }
    return RES_ENOTFOUND;
}

/* ---- a goal ---- */

static bool same_names(const struct rollover_goal *a, const struct rollover_goal *b)
{
    if (a->name_count != b->name_count)
        return false;
    for (size_t i = 0; i < a->name_count; i++) {
        if (strcmp(a->names[i], b->names[i]) != 0)
            return false;
    }
    return true;
}

/* All values that were ever wanted, less those of the goal: a key may come back. */
static enum result retire(struct rollover_state *state,
                          const struct tlsa_records *wanted)
{
    struct tlsa_records left = {.count = 0};
    const struct tlsa_records *const sources[] = {&state->retired,
                                                  &state->goal.records};
    for (size_t s = 0; s < 2; s++) {
        for (size_t i = 0; i < sources[s]->count; i++) {
            const struct rdata *rdata = &sources[s]->array[i];
            if (tlsa_records_have(wanted, rdata))
                continue;
            if (tlsa_records_add(&left, rdata) != RES_OK)
                return RES_EMEM;
        }
    }
    state->retired = left;
    return RES_OK;
}

bool rollover_has_name(const struct rollover_goal *goal, const char *name)
{
    for (size_t i = 0; i < goal->name_count; i++) {
        if (strcmp(goal->names[i], name) == 0)
            return true;
    }
    return false;
}

enum result rollover_leave(struct rollover_state *state, const char *name,
                           const struct rdata *rdata)
{
    for (size_t i = 0; i < state->left_count; i++) {
        const struct rollover_left *left = &state->left[i];
        if (strcmp(left->name, name) == 0 && tlsa_record_equal(&left->rdata, rdata))
            return RES_OK;
    }
    if (state->left_count == ROLLOVER_LEFT)
        return RES_EMEM;
    state->left[state->left_count++] = (struct rollover_left){name, *rdata};
    return RES_OK;
}

static enum result leave_all(struct rollover_state *state, const char *name,
                             const struct tlsa_records *records)
{
    enum result result = RES_OK;
    for (size_t i = 0; result == RES_OK && i < records->count; i++)
        result = rollover_leave(state, name, &records->array[i]);
    return result;
}

static enum result give_up_names(struct rollover_state *state,
                                 const struct rollover_goal *goal)
{
    enum result result = RES_OK;
    for (size_t i = 0; result == RES_OK && i < state->goal.name_count; i++) {
        const char *name = state->goal.names[i];
        if (rollover_has_name(goal, name))
            continue;
        result = leave_all(state, name, &state->goal.records);
        if (result == RES_OK)
            result = leave_all(state, name, &state->retired);
    }
    return result;
}

/* What was left at a name that comes back goes with all that is to be deleted. */
static enum result take_back_names(struct rollover_state *state,
                                   const struct rollover_goal *goal)
{
    size_t kept = 0;
    for (size_t i = 0; i < state->left_count; i++) {
        const struct rollover_left left = state->left[i];
        if (!rollover_has_name(goal, left.name))
            state->left[kept++] = left;
        else if (!tlsa_records_have(&goal->records, &left.rdata) &&
                 tlsa_records_add(&state->retired, &left.rdata) != RES_OK)
            return RES_EMEM;
    }
    state->left_count = kept;
    return RES_OK;
}

enum result rollover_begin(struct rollover_state *state,
                           const struct rollover_goal *goal, bool *out_is_new)
{
    bool is_published = same_names(&state->goal, goal) &&
                        tlsa_records_equal(&state->goal.records, &goal->records);
    *out_is_new = !is_published || strcmp(state->goal.id, goal->id) != 0;
    if (!*out_is_new)
        return RES_OK;
    enum result result = give_up_names(state, goal);
    if (result == RES_OK)
        result = retire(state, &goal->records);
    if (result == RES_OK)
        result = take_back_names(state, goal);
    if (result != RES_OK)
        return result;
    /* What the caches of the last roll-over held is gone; those of one that is under
     * way still count. */
    if (state->step == ROLLOVER_DONE)
        state->ttl_s = 0;
    if (!is_published)
        state->step = ROLLOVER_PUBLISH;
    else if (state->step > ROLLOVER_DEPLOY)
        state->step = ROLLOVER_DEPLOY;
    state->goal = *goal;
    return RES_OK;
}

/* ---- what is next ---- */

/* A second more, because the clocks are cut to seconds. */
static int64_t wait_s(const struct rollover_state *state)
{
    return state->ttl_s == 0 ? 0 : ROLLOVER_TTLS * (int64_t)state->ttl_s + 1;
}

int64_t rollover_until(const struct rollover_state *state)
{
    return state->since.wall_s + wait_s(state);
}

/* How much of the wait is left, by the clock that has moved less: the wall may have
 * leapt ahead. */
static int64_t left_s(const struct rollover_state *state,
                      const struct rollover_time *now)
{
    const struct rollover_time *since = &state->since;
    int64_t passed_s = now->wall_s - since->wall_s;
    bool is_same_boot = now->boot[0] != '\0' && strcmp(now->boot, since->boot) == 0;
    if (is_same_boot && now->boot_s - since->boot_s < passed_s)
        passed_s = now->boot_s - since->boot_s;
    return wait_s(state) - passed_s;
}

static enum rollover_action next_of_publish(struct rollover_state *state,
                                            const struct rollover_seen *seen,
                                            const struct rollover_time *now)
{
    if (seen->view == ROLLOVER_SERVES) {
        state->step = ROLLOVER_WAIT;
        state->since = *now;
        return ROLLOVER_DO_SLEEP;
    }
    /* Before it is published it has to be known what the caches keep. */
    return seen->has_ttl && !seen->is_published ? ROLLOVER_DO_PUBLISH
                                                : ROLLOVER_DO_ASK_AGAIN;
}

static enum rollover_action next_of_step(struct rollover_state *state,
                                         const struct rollover_seen *seen,
                                         const struct rollover_time *now)
{
    bool all_serve = seen->view == ROLLOVER_SERVES;
    if (state->step == ROLLOVER_PUBLISH) {
        enum rollover_action action = next_of_publish(state, seen, now);
        if (action != ROLLOVER_DO_SLEEP)
            return action;
    }
    if (state->step == ROLLOVER_WAIT) {
        if (left_s(state, now) > 0)
            return ROLLOVER_DO_SLEEP;
        if (all_serve)
            state->step = ROLLOVER_DEPLOY;
    }
    if (state->step == ROLLOVER_DONE)
        return ROLLOVER_DO_NOTHING;
    if (!all_serve)
        return ROLLOVER_DO_ASK_AGAIN;
    return state->step == ROLLOVER_DEPLOY ? ROLLOVER_DO_DEPLOY : ROLLOVER_DO_RETIRE;
}

enum rollover_action rollover_next(struct rollover_state *state,
                                   const struct rollover_seen *seen,
                                   const struct rollover_time *now,
                                   int64_t *out_until_s)
{
    if (seen->ttl_s > state->ttl_s)
        state->ttl_s = seen->ttl_s;
    /* Somebody has deleted what was published: all of it once more, with its wait. */
    if (seen->view == ROLLOVER_LACKS)
        state->step = ROLLOVER_PUBLISH;
    /* The clock went back: nobody knows how much of the wait has passed. */
    if (state->step == ROLLOVER_WAIT && now->wall_s < state->since.wall_s)
        state->since = *now;
    enum rollover_action action = next_of_step(state, seen, now);
    *out_until_s = action == ROLLOVER_DO_SLEEP ? now->wall_s + left_s(state, now) : 0;
    return action;
}

void rollover_succeed(struct rollover_state *state)
{
    if (state->step == ROLLOVER_DEPLOY) {
        memcpy(state->deployed, state->goal.id, sizeof state->deployed);
        state->step = ROLLOVER_RETIRE;
    } else if (state->step == ROLLOVER_RETIRE) {
        state->retired.count = 0;
        state->step = ROLLOVER_DONE;
    }
}
