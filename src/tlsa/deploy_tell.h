/*
 * A consumer is told that its files are new, and looked at afterwards. Floor 5; runs
 * programs and connects, prints nothing.
 */
#ifndef TSIGATE_TLSA_DEPLOY_TELL_H
#define TSIGATE_TLSA_DEPLOY_TELL_H

#include "tlsa/deployment.h"
#include "tlsa/material.h"

#define DEPLOY_WHY_OCTETS 384

enum deploy_told {
    DEPLOY_TOLD_FAILED = 0, /* why says what failed */
    DEPLOY_TOLD,
    DEPLOY_TOLD_NOBODY, /* it is not running, and will find the new files when it is:
                           why says so */
};

/*
 * is_lenient: who is not running need not be told. A program that does not end in time
 * is ended, and has failed.
 */
enum deploy_told deploy_tell(const struct deployment_tell *tell, bool is_lenient,
                             char why[static DEPLOY_WHY_OCTETS]) MUST_CHECK NONNULL;
/* Waits until every address of every probe presents the certificate, with a chain that
 * one of the records matches (NULL: there are none); not for long. */
bool deploy_probe(const struct deployment_consumer *consumer,
                  const struct material *material, const struct tlsa_records *records,
                  struct arena *arena, char why[static DEPLOY_WHY_OCTETS]) MUST_CHECK
    NONNULL_AT(1, 2, 4, 5);
/* "reload postfix.service", for people; the arena's. NULL: no memory. */
const char *deploy_tell_text(const struct deployment_tell *tell,
                             struct arena *arena) NONNULL;

#endif
