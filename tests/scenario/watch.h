/* What must always hold while a scenario plays. For stage.c. */
#ifndef TESTS_SCENARIO_WATCH_H
#define TESTS_SCENARIO_WATCH_H

#include "stage.h"

#define START_MONO   (1000 * SECOND)
#define PAPER_OCTETS (4 * 1024 * 1024)

/* With TSIGATE_TRACE set, what happens is told as it does. */
void trace(const struct stage *stage, const char *format, ...) PRINTF(2, 3);
/* I1, I2, I4, I8; arg is the stage. Notes what was applied, and how many requests the
 * message carried. */
void watch_update(void *arg, const struct update *update, bool is_applied);
/* I3, I7, I8; len: of the reply. */
void watch_reply(struct stage *stage, const struct ask *ask, size_t len);
/* L-4: appends whole lines, chained, or says that it cannot. */
enum result watch_paper_write(struct paper *paper, const uint8_t *lines, size_t len);
/* The last line that holds all of the words, in the paper's first len octets; NULL:
 * none. */
const char *watch_find_line(const struct paper *paper, size_t len,
                            const char *const *words, size_t count);
void watch_hex(const struct tsig_mac *mac, char *text);

bool watch_is_same_client(const struct txn_client *a, const struct txn_client *b);
/* At the end: who was told that an answer comes got one, or was told that there is
 * none. That word has no ID, so it is counted by client. */
void watch_answers(const struct stage *stage);

#endif
