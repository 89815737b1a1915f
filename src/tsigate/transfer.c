#include "tsigate/transfer.h"

#include "base/outcome.h"
#include "dns/type.h"
#include "tsigate/live.h"

struct transfer {
    struct live *live;
    struct name zone;
    unsigned soas; /* the zone begins and ends with its SOA */
    transfer_on_cname *on_cname;
    void *arg;
};

static const char *read_cname(const struct transfer *t, const struct wire_msg *msg,
                              const struct wire_rr *rr, struct name owner)
{
    struct name_buf target;
    size_t at = rr->rdata_at;
    if (wire_name(msg, &at, rr->end, true, &target) != RES_OK || at != rr->end)
        return "a CNAME that is not well formed";
    return t->on_cname(t->arg, owner, name_of(&target)) == RES_OK ? NULL
                                                                  : "out of memory";
}

/* The records of one message. NULL, or what is wrong. */
static const char *read_records(struct transfer *t, const struct wire_msg *msg)
{
    size_t at = msg->section_at[SECTION_PREREQUISITE];
    for (unsigned i = 0; i < msg->header.counts[SECTION_PREREQUISITE]; i++) {
        struct wire_rr rr;
        struct name_buf owner;
        const char *wrong = NULL;
        if (t->soas == 2)
            return "records behind its end";
        wire_next(msg, SECTION_PREREQUISITE, &at, &rr);
        wire_owner(msg, &rr, &owner);
        if (rr.type == TYPE_SOA && name_equal(name_of(&owner), t->zone))
            t->soas++;
        else if (t->soas == 0)
            return "it does not begin with its SOA";
        else if (rr.type == TYPE_CNAME && rr.class == CLASS_IN)
            wrong = read_cname(t, msg, &rr, name_of(&owner));
        if (wrong != NULL)
            return wrong;
    }
    return NULL;
}

/* What an answer without a zone means. */
static const char *explain_rcode(const struct transfer *t, enum rcode rcode)
{
    struct tool *tool = t->live->tool;
    if (rcode == RCODE_REFUSED)
        return arena_printf(
            &tool->arena,
            "the primary refuses a transfer (REFUSED); it needs allow-transfer "
            "{ key \"%s\"; }, or the like",
            tool_name_text(tool, t->live->key->name));
    return arena_printf(&tool->arena, "the primary gives no transfer (%s)",
                        rcode_name(rcode));
}

static const char *run(struct transfer *t)
{
    struct wire_msg msg;
    const char *wrong = live_ask(t->live, t->zone, TYPE_AXFR, &msg);
    while (wrong == NULL) {
        if (msg.header.rcode != RCODE_NOERROR)
            return explain_rcode(t, msg.header.rcode);
        if (msg.header.counts[SECTION_PREREQUISITE] == 0)
            return "the transfer has a message without a record";
        wrong = read_records(t, &msg);
        if (wrong != NULL || t->soas == 2)
            return wrong;
        wrong = live_more(t->live, &msg);
    }
    return wrong;
}

int transfer_cnames(struct tool *tool, struct name zone, transfer_on_cname *on_cname,
                    void *arg, const char **out_why)
{
    struct transfer t = {.zone = zone, .on_cname = on_cname, .arg = arg};
    int code = live_open(tool, &t.live);
    if (code != TOOL_DONE)
        return code;
    *out_why = run(&t);
    live_close(t.live);
    return TOOL_DONE;
}
