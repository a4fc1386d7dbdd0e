/*
 * Prints a node's metrics from a copy of its shared memory on the standard
 * input: a line for each metric and label, with the count, and for histograms
 * the sum and the cumulative buckets.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "shm/counters.c"


/* of the memory: more than in any test */
#define SIZE  (64 * 1024 * 1024)


static void print(void *data, const af_sample_t *sample);


int
main(void)
{
    char              *memory;
    size_t             i, size;
    const af_block_t  *block;

    memory = aligned_alloc(AF_BLOCK_ALIGN, SIZE);
    if (memory == NULL) {
        return 1;
    }

    size = fread(memory, 1, SIZE, stdin);
    af_counters_layout();

    for (i = 0; i + af_counters_size_min() <= size; i += AF_BLOCK_ALIGN) {
        block = (af_block_t *) (memory + i);

        if (block->size <= size - i
            && af_block_is_valid(block, block->size, AF_COUNTERS_MAGIC,
                                 af_counters_version()))
        {
            af_counters_each((af_counters_t *) block, print, NULL);
            return 0;
        }
    }

    return 1;
}


static void
print(void *data, const af_sample_t *sample)
{
    unsigned  i;

    (void) data;

    printf("%s %s %" PRIu64, sample->metric->name,
           sample->value ? sample->value : "-", sample->count);

    if (sample->metric->bounds) {
        printf(" %" PRIu64, sample->sum);

        for (i = 0; i < af_metric_bounds(sample->metric); i++) {
            printf(" %" PRIu64, sample->buckets[i]);
        }
    }

    printf("\n");
}
