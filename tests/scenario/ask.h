/* Clients' messages, written and, as replies, read. For stage.c. */
#ifndef TESTS_SCENARIO_ASK_H
#define TESTS_SCENARIO_ASK_H

#include "stage.h"

/* n: the how manieth message of the scenario; its ID and port come from it. */
struct ask *ask_new(const struct wish *wish, unsigned n, int64_t now_s);
/* A message that the caller wrote, but for its ID. */
struct ask *ask_of_octets(const uint8_t *octets, size_t len, unsigned n);
struct ask *ask_copy(const struct ask *ask, unsigned n, bool same_client);
void ask_free(struct ask *ask);
/* Keeps and takes apart what came back; fails where it is not a reply to this message,
 * or its signature is not right. */
void ask_read_reply(struct ask *ask, const uint8_t *octets, size_t len, int64_t now_s);

#endif
