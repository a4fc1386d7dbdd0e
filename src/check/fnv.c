#include "check/fnv.h"


uint32_t
af_fnv(uint32_t hash, const char *text, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        hash = (hash ^ (unsigned char) text[i]) * 16777619;
    }

    return hash;
}
