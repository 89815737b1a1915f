/*
 * What a fallible function says of itself, and the attributes of prototypes.
 * Floor 1a. Knows no DNS: an RCODE or a TSIG error is never a result; those are
 * chosen in base/outcome alone.
 */
#ifndef TSIGATE_BASE_RESULT_H
#define TSIGATE_BASE_RESULT_H

#define MUST_CHECK      __attribute__((warn_unused_result))
#define NONNULL         __attribute__((nonnull))
#define NONNULL_AT(...) __attribute__((nonnull(__VA_ARGS__)))
#define PRINTF(f, a)    __attribute__((format(printf, f, a)))

/*
 * RES_EBUG is what a switch over an enum returns when it falls through: an
 * invariant of ours is broken and the caller refuses (I10).
 */
enum result {
    RES_OK = 0,
    RES_EBUG,      /* should not happen; refuse */
    RES_EMEM,      /* no memory, or a fixed capacity is used up */
    RES_EFORMAT,   /* the octets or the text are not well formed */
    RES_ERANGE,    /* well formed, but beyond a limit */
    RES_ENOTFOUND, /* nothing of that name */
    RES_EEXISTS,   /* that name is taken */
    RES_EIO,       /* the system said no; errno tells */
    RES_ECRYPTO,   /* OpenSSL said no */
    RES_EMISMATCH, /* two things that should be equal are not */
};

#endif
