/*
 * Revocations of numbered sessions, accounts and roles.
 */

#ifndef AF_UNIT_REVOCATION_H
#define AF_UNIT_REVOCATION_H

#include <string.h>

#include "shm/revocations.h"


#define NEVER  ((time_t) UINT32_MAX + 1)    /* above any watermark */


enum { SESSION = 1, ACCOUNT, ROLE };


static inline af_revocation_t
revocation(uint64_t kind, uint64_t n, uint64_t epoch, time_t at, time_t until)
{
    uint64_t         id[2] = { kind, n };
    af_revocation_t  entry;

    memcpy(entry.id, id, sizeof(entry.id));
    entry.epoch = epoch;
    entry.at = at;
    entry.until = until;

    return entry;
}


static inline af_subject_t
subject(uint64_t kind, uint64_t n, uint64_t epoch)
{
    uint64_t                 id[2] = { kind, n };
    af_subject_t  subject;

    memcpy(subject.id, id, sizeof(subject.id));
    subject.epoch = epoch;

    return subject;
}


static inline int
judge(af_revocations_t *table, uint64_t session, uint64_t account,
    uint64_t epoch, time_t iat)
{
    af_subject_t  subjects[] = {
        subject(SESSION, session, epoch), subject(ACCOUNT, account, epoch)
    };

    return af_revocations_check(table, subjects, 2, iat);
}


#endif /* AF_UNIT_REVOCATION_H */
