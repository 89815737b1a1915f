/*
 * What a fuzz target has: one input, a claim about it, and the folder of its seeds
 * below tests/fuzz/corpus. Without --enable-fuzzing a target is linked with replay.c
 * and runs its seeds in `make check`.
 */
#ifndef TSIGATE_TESTS_FUZZ_H
#define TSIGATE_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len);
extern const char fuzz_corpus[] __attribute__((weak));

/* Unlike assert it cannot be compiled away. */
#define FUZZ_CLAIM(claim)                                                              \
    do {                                                                               \
        if (!(claim)) {                                                                \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #claim);        \
            abort();                                                                   \
        }                                                                              \
    } while (0)

#endif
