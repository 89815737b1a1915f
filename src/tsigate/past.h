/*
 * A request of the audit log, put to the gate once more: under another ACL, at its own
 * time, from its own address. It goes through gate_judge as a message, as it did when
 * it came: what belongs to the message as a whole (prerequisites, max-records, one
 * target zone) counts as well. Floor 5; prints nothing.
 */
#ifndef TSIGATE_TSIGATE_PAST_H
#define TSIGATE_TSIGATE_PAST_H

#include "base/addr.h"
#include "base/arena.h"
#include "policy/gate.h"
#include "policy/snapshot.h"
#include "txn/log_read.h"

enum past_fate {
    PAST_SAME,      /* permitted as before, or refused as before */
    PAST_GAINED,    /* refused then, permitted now */
    PAST_LOST,      /* permitted then, refused now */
    PAST_NO_MATTER, /* not a request, or none that an ACL decides about */
    PAST_UNKNOWN,   /* the line does not hold what it takes to tell */
};

struct past {
    enum past_fate fate;
    enum reason then;
    enum reason now;
    size_t decisive; /* the change that it is about; of record.changes */
};

/* arena is reset: nothing in out lies there. */
void past_judge(const struct snapshot *snapshot, const struct log_record *record,
                struct arena *arena, struct past *out) NONNULL;

#endif
