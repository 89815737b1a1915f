#include "base/pages.h"

#include <stdint.h>
#include <sys/mman.h>

#define SMALL_OCTETS 4096
#define LARGE_OCTETS (2 * 1024 * 1024)

/* madvise(2) takes whole small pages; the kernel finds the large ones among them. */
void pages_want_large(void *octets, size_t len)
{
    size_t skipped = (SMALL_OCTETS - (uintptr_t)octets % SMALL_OCTETS) % SMALL_OCTETS;

    if (len < LARGE_OCTETS + skipped)
        return;
    (void)madvise((uint8_t *)octets + skipped,
                  (len - skipped) / SMALL_OCTETS * SMALL_OCTETS, MADV_HUGEPAGE);
}
