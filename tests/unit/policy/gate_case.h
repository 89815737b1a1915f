/* The one site of all cases of a test. */
#ifndef TESTS_POLICY_GATE_CASE_H
#define TESTS_POLICY_GATE_CASE_H

#include "gate_site.h"
#include "unit.h"

static struct site site;

static inline int open_site(void **state)
{
    (void)state;
    site_open(&site);
    return 0;
}

static inline int close_site(void **state)
{
    (void)state;
    site_close(&site);
    return 0;
}

#endif
