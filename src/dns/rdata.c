#include "dns/rdata.h"

#include "base/buf.h"
#include "base/limits.h"
#include "dns/type.h"

enum step_kind {
    STEP_END = 0, /* nothing may be left */
    STEP_OCTETS,  /* that many */
    STEP_NAME,    /* folded (RFC 4034 6.2), uncompressed on output; may be compressed */
    STEP_NAME_IN_FULL, /* folded; never compressed */
    STEP_NAME_AS_IS,   /* RFC 9460 2.2: neither compressed nor folded */
    STEP_STRING,       /* a character-string (RFC 1035 3.3) of any length */
    STEP_STRINGS,      /* one or more, to the end */
    STEP_REST,         /* at least that many octets, to the end */
    STEP_BITMAP,       /* a type bitmap (RFC 4034 4.1.2), to the end; may be empty */
};

struct step {
    enum step_kind kind;
    uint8_t count;
};

/* What RDATA of a type looks like; check, where there is one, judges its octets too. */
struct grammar {
    uint16_t type;
    struct step steps[4]; /* the last one is STEP_END by default */
    bool (*check)(struct reader r);
};

/* DS, CDS (RFC 4034 5.1, RFC 6605, RFC 8078 4): tag, algorithm, digest type. */
static bool has_ds_digest(struct reader r)
{
    reader_skip(&r, 3);
    switch (reader_u8(&r)) {
    case 1:
        return reader_left(&r) == 20;
    case 2:
    case 3:
        return reader_left(&r) == 32;
    case 4:
        return reader_left(&r) == 48;
    }
    return true;
}

/* RFC 4255 3.1.2, RFC 6594 4.1. */
static bool has_sshfp_digest(struct reader r)
{
    reader_skip(&r, 1);
    switch (reader_u8(&r)) {
    case 1:
        return reader_left(&r) == 20;
    case 2:
        return reader_left(&r) == 32;
    }
    return true;
}

/* RFC 8976 2.2.4: never under 12 octets; 2.2.3 the two hash algorithms. */
static bool has_zonemd_digest(struct reader r)
{
    reader_skip(&r, 5);
    switch (reader_u8(&r)) {
    case 1:
        return reader_left(&r) == 48;
    case 2:
        return reader_left(&r) == 64;
    }
    return reader_left(&r) >= 12;
}

/* RFC 4034 2.1.2: a DNSKEY's protocol is 3; RFC 7344 3.2 takes its form. */
static bool has_dnskey_protocol(struct reader r)
{
    reader_skip(&r, 2);
    return reader_u8(&r) == 3;
}

/* RFC 8659 4.1: the tag is one or more letters and digits. */
static bool has_caa_tag(struct reader r)
{
    reader_skip(&r, 1);
    size_t len = reader_u8(&r);
    const uint8_t *tag = reader_octets(&r, len);

    for (size_t i = 0; tag != NULL && i < len; i++) {
        uint8_t lower = tag[i] | 0x20;
        if ((tag[i] < '0' || tag[i] > '9') && (lower < 'a' || lower > 'z'))
            return false;
    }
    return len > 0;
}

/* RFC 9460 14.3.2. */
enum svc_key {
    SVC_MANDATORY = 0,
    SVC_ALPN = 1,
    SVC_NO_DEFAULT_ALPN = 2,
    SVC_PORT = 3,
    SVC_IPV4HINT = 4,
    SVC_ECH = 5,
    SVC_IPV6HINT = 6,
    SVC_INVALID = 65535,
};

static bool has_svc_key(struct reader params, uint16_t wanted)
{
    while (reader_left(&params) > 0) {
        uint16_t key = reader_u16(&params);
        reader_skip(&params, reader_u16(&params));
        if (key == wanted && !params.failed)
            return true;
    }
    return false;
}

/* RFC 9460 8: in order, each once, not itself, and all of them present. */
static bool is_svc_mandatory(struct reader value, struct reader params)
{
    uint16_t last = SVC_MANDATORY;

    if (reader_left(&value) == 0)
        return false;
    while (reader_left(&value) > 0) {
        uint16_t key = reader_u16(&value);
        if (value.failed || key <= last || !has_svc_key(params, key))
            return false;
        last = key;
    }
    return true;
}

/* RFC 9460 7.1.1: one or more identifiers, none of them empty. */
static bool is_svc_alpn(struct reader value)
{
    bool has_one = false;

    while (reader_left(&value) > 0) {
        uint8_t len = reader_u8(&value);
        reader_skip(&value, len);
        if (value.failed || len == 0)
            return false;
        has_one = true;
    }
    return has_one;
}

static bool is_svc_value(uint16_t key, struct reader value, struct reader params)
{
    size_t len = reader_left(&value);

    switch (key) {
    case SVC_MANDATORY:
        return is_svc_mandatory(value, params);
    case SVC_ALPN:
        return is_svc_alpn(value);
    case SVC_NO_DEFAULT_ALPN:
        return len == 0 && has_svc_key(params, SVC_ALPN);
    case SVC_PORT:
        return len == 2;
    case SVC_IPV4HINT:
        return len > 0 && len % 4 == 0;
    case SVC_ECH:
        return len > 0;
    case SVC_IPV6HINT:
        return len > 0 && len % 16 == 0;
    case SVC_INVALID:
        return false;
    }
    return true;
}

/* RFC 9460 2.2: keys in strictly increasing order. */
static bool has_svc_params(struct reader r)
{
    int last = -1;

    reader_skip(&r, 2);
    for (uint8_t len = reader_u8(&r); len != 0; len = reader_u8(&r))
        reader_skip(&r, len);
    const struct reader params = reader_sub(&r, reader_left(&r));
    struct reader rest = params;
    while (reader_left(&rest) > 0) {
        uint16_t key = reader_u16(&rest);
        struct reader value = reader_sub(&rest, reader_u16(&rest));
        if (rest.failed || key <= last || !is_svc_value(key, value, params))
            return false;
        last = key;
    }
    return !rest.failed;
}

static const struct grammar grammars[] = {
    {TYPE_A, {{STEP_OCTETS, 4}}, NULL},
    {TYPE_AAAA, {{STEP_OCTETS, 16}}, NULL},
    {TYPE_CAA, {{STEP_OCTETS, 1}, {STEP_STRING, 0}, {STEP_REST, 0}}, has_caa_tag},
    {TYPE_CDNSKEY, {{STEP_OCTETS, 4}, {STEP_REST, 1}}, has_dnskey_protocol},
    {TYPE_CDS, {{STEP_OCTETS, 4}, {STEP_REST, 1}}, has_ds_digest},
    {TYPE_CNAME, {{STEP_NAME, 0}}, NULL},
    {TYPE_CSYNC, {{STEP_OCTETS, 6}, {STEP_BITMAP, 0}}, NULL},
    /* RFC 4701 3.1: identifier type, digest type, digest. */
    {TYPE_DHCID, {{STEP_OCTETS, 3}, {STEP_REST, 1}}, NULL},
    {TYPE_DNAME, {{STEP_NAME_IN_FULL, 0}}, NULL},
    {TYPE_DNSKEY, {{STEP_OCTETS, 4}, {STEP_REST, 1}}, has_dnskey_protocol},
    {TYPE_DS, {{STEP_OCTETS, 4}, {STEP_REST, 1}}, has_ds_digest},
    {TYPE_HTTPS,
     {{STEP_OCTETS, 2}, {STEP_NAME_AS_IS, 0}, {STEP_REST, 0}},
     has_svc_params},
    /* RFC 2535 3.1.2: there may be no key. */
    {TYPE_KEY, {{STEP_OCTETS, 4}, {STEP_REST, 0}}, NULL},
    {TYPE_MX, {{STEP_OCTETS, 2}, {STEP_NAME, 0}}, NULL},
    {TYPE_NS, {{STEP_NAME, 0}}, NULL},
    {TYPE_OPENPGPKEY, {{STEP_REST, 1}}, NULL},
    {TYPE_PTR, {{STEP_NAME, 0}}, NULL},
    {TYPE_SMIMEA, {{STEP_OCTETS, 3}, {STEP_REST, 1}}, NULL},
    {TYPE_SOA, {{STEP_NAME, 0}, {STEP_NAME, 0}, {STEP_OCTETS, 20}}, NULL},
    /* RFC 2782 forbids compression, RFC 3597 4 lets receivers understand it. */
    {TYPE_SRV, {{STEP_OCTETS, 6}, {STEP_NAME, 0}}, NULL},
    {TYPE_SSHFP, {{STEP_OCTETS, 2}, {STEP_REST, 1}}, has_sshfp_digest},
    {TYPE_SVCB,
     {{STEP_OCTETS, 2}, {STEP_NAME_AS_IS, 0}, {STEP_REST, 0}},
     has_svc_params},
    {TYPE_TLSA, {{STEP_OCTETS, 3}, {STEP_REST, 1}}, NULL},
    {TYPE_TXT, {{STEP_STRINGS, 0}}, NULL},
    /* RFC 7553 4.4: the target is not empty. */
    {TYPE_URI, {{STEP_OCTETS, 4}, {STEP_REST, 1}}, NULL},
    {TYPE_ZONEMD, {{STEP_OCTETS, 6}, {STEP_REST, 1}}, has_zonemd_digest},
};

static const struct grammar *find_grammar(uint16_t type)
{
    for (size_t i = 0; i < sizeof(grammars) / sizeof(grammars[0]); i++) {
        if (grammars[i].type == type)
            return &grammars[i];
    }
    return NULL;
}

/* RDATA on its way from a message to w. r ends where the RDATA ends (W-1). */
struct decoding {
    const struct wire_msg *msg;
    struct reader r;
    struct writer *w; /* NULL: it is only judged */
};

static void put(struct decoding *d, const uint8_t *octets, size_t count)
{
    if (octets == NULL)
        d->r.failed = true;
    else if (d->w != NULL)
        writer_octets(d->w, octets, count);
}

static void copy_octets(struct decoding *d, size_t count)
{
    put(d, reader_octets(&d->r, count), count);
}

static void copy_name(struct decoding *d, enum step_kind kind)
{
    struct name_buf name;
    size_t at = d->r.at;

    if (d->r.failed ||
        wire_name(d->msg, &at, d->r.len, kind == STEP_NAME, &name) != RES_OK) {
        d->r.failed = true;
        return;
    }
    const uint8_t *as_is = reader_octets(&d->r, at - d->r.at);
    put(d, kind == STEP_NAME_AS_IS ? as_is : name.octets, name.len);
}

static void copy_string(struct decoding *d)
{
    uint8_t len = reader_u8(&d->r);

    put(d, &len, 1);
    copy_octets(d, len);
}

/* RFC 4034 4.1.2: windows in order, 1 to 32 octets each, the last one not zero. */
static void copy_bitmap(struct decoding *d)
{
    int last = -1;

    while (reader_left(&d->r) > 0) {
        uint8_t window = reader_u8(&d->r);
        uint8_t len = reader_u8(&d->r);
        const uint8_t *bits = reader_octets(&d->r, len);
        if (bits == NULL || window <= last || len < 1 || len > 32 ||
            bits[len - 1] == 0) {
            d->r.failed = true;
            return;
        }
        put(d, &window, 1);
        put(d, &len, 1);
        put(d, bits, len);
        last = window;
    }
}

static void take_step(struct decoding *d, struct step step)
{
    switch (step.kind) {
    case STEP_END:
        if (reader_left(&d->r) != 0)
            d->r.failed = true;
        break;
    case STEP_OCTETS:
        copy_octets(d, step.count);
        break;
    case STEP_NAME:
    case STEP_NAME_IN_FULL:
    case STEP_NAME_AS_IS:
        copy_name(d, step.kind);
        break;
    case STEP_STRING:
        copy_string(d);
        break;
    case STEP_STRINGS:
        do
            copy_string(d);
        while (reader_left(&d->r) > 0);
        break;
    case STEP_REST:
        if (reader_left(&d->r) < step.count)
            d->r.failed = true;
        copy_octets(d, reader_left(&d->r));
        break;
    case STEP_BITMAP:
        copy_bitmap(d);
        break;
    }
}

static enum result decode(const struct grammar *grammar, const struct wire_msg *msg,
                          const struct wire_rr *rr, struct writer *w)
{
    const size_t steps = sizeof(grammar->steps) / sizeof(grammar->steps[0]);
    struct decoding d = {msg, reader_of(msg->octets, rr->end), w};

    reader_skip(&d.r, rr->rdata_at);
    for (size_t i = 0; i < steps; i++)
        take_step(&d, grammar->steps[i]);
    if (d.r.failed)
        return RES_EFORMAT;
    if (grammar->check != NULL &&
        !grammar->check(reader_of(msg->octets + rr->rdata_at, rr->rdata_len)))
        return RES_EFORMAT;
    return RES_OK;
}

/* A name of two octets (a pointer) may stand for one of 255; SOA has two. */
static size_t room_for(const struct grammar *grammar, uint16_t rdata_len)
{
    size_t room = rdata_len;

    for (int i = 0; grammar->steps[i].kind != STEP_END; i++) {
        if (grammar->steps[i].kind == STEP_NAME)
            room += LIMIT_NAME_OCTETS;
    }
    return room;
}

enum result rdata_decode(const struct wire_msg *msg, const struct wire_rr *rr,
                         struct arena *arena, struct rdata *out)
{
    const struct grammar *grammar = find_grammar(rr->type);

    if (grammar == NULL) {
        out->octets = arena_copy(arena, msg->octets + rr->rdata_at, rr->rdata_len);
        out->len = out->octets == NULL ? 0 : rr->rdata_len;
        return out->octets == NULL ? RES_EMEM : RES_OK;
    }
    size_t room = room_for(grammar, rr->rdata_len);
    uint8_t *octets = arena_alloc(arena, room);
    if (octets == NULL)
        return RES_EMEM;
    struct writer w = writer_of(octets, room);
    enum result res = decode(grammar, msg, rr, &w);
    /* Names grow when they are written out, and RDLENGTH has 16 bits. */
    if (res == RES_OK && (w.failed || w.len > UINT16_MAX))
        res = RES_EFORMAT;
    *out = (struct rdata){.octets = octets, .len = res == RES_OK ? (uint16_t)w.len : 0};
    return res;
}

enum result rdata_check(uint16_t type, const uint8_t *octets, size_t len)
{
    const struct grammar *grammar = find_grammar(type);
    /* No label start is marked, so that a pointer is refused, as it has to be. */
    const struct wire_msg alone = {.octets = octets, .len = len};
    struct wire_rr rr = {.type = type, .rdata_len = (uint16_t)len, .end = len};

    if (len > UINT16_MAX)
        return RES_EFORMAT;
    return grammar == NULL ? RES_OK : decode(grammar, &alone, &rr, NULL);
}
