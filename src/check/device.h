/*
 * What a person calls a device, by its User-Agent.  Pure C: no nginx types.
 */

#ifndef AF_CHECK_DEVICE_H
#define AF_CHECK_DEVICE_H


typedef struct {
    const char  *browser;      /* or a program; NULL: unknown */
    const char  *system;       /* NULL: unknown */
    const char  *kind;         /* "computer", "phone" or "program" */
} af_device_t;


/* Literals only: nothing of the text itself. */
void af_device(const char *user_agent, af_device_t *device);


#endif /* AF_CHECK_DEVICE_H */
