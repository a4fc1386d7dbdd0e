/*
 * W3C Trace Context: values that a regular expression matches are accepted, and
 * are written as version 00 with the same trace.
 */

#include <regex.h>

#include "fuzz.h"
#include "check/trace.h"


#define HEX  "[0-9a-f]"


static regex_t  compiled;


int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void) argc;
    (void) argv;

    af_must(regcomp(&compiled, "^" HEX "{2}-" HEX "{32}-" HEX "{16}-" HEX "{2}"
                               "(-.*)?$", REG_EXTENDED)
            == 0);

    return 0;
}


static int
should_be_read(const char *text, size_t len)
{
    int    read;
    char  *copy;

    /* whatever a later version adds may be of any octets */

    if (len > AF_TRACE_LEN + 1) {
        len = AF_TRACE_LEN + 1;
    }

    copy = malloc(len + 1);
    af_must(copy != NULL);

    memcpy(copy, text, len);
    copy[len] = '\0';

    read = strlen(copy) == len
           && regexec(&compiled, copy, 0, NULL, 0) == 0
           && strncmp(copy, "ff", 2) != 0
           && (strncmp(copy, "00", 2) != 0 || len == AF_TRACE_LEN)
           && strspn(copy + 3, "0") < AF_TRACE_ID_LEN
           && strspn(copy + 36, "0") < AF_SPAN_ID_LEN;

    free(copy);

    return read;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char        *text;
    af_trace_t   trace, again;
    char         written[AF_TRACE_LEN];

    text = af_exact(data, size);

    if (af_trace_parse(text, size, &trace) != 0) {
        af_must(!should_be_read(text, size));
        free(text);
        return 0;
    }

    af_must(should_be_read(text, size));
    af_must(trace.sampled == (strchr("13579bdf", text[54]) != NULL));

    af_trace_write(&trace, written);

    af_must(memcmp(written + 2, text + 2, AF_TRACE_LEN - 4) == 0);
    af_must(af_trace_parse(written, sizeof(written), &again) == 0);
    af_must(again.sampled == trace.sampled);

    free(text);

    return 0;
}
