/*
 * The statements of sql/queries/, embedded by sql/embed at build time.
 */

#ifndef AF_DB_STATEMENT_H
#define AF_DB_STATEMENT_H


typedef struct {
    const char         *name;      /* "auth_me", also when prepared */
    const char         *text;      /* with $1 … $n */
    const char *const  *params;    /* their names, in that order; NULL-ended */
    int                 nparams;
    unsigned            read:1;    /* changes nothing: may be sent twice */
    unsigned            custom_plan:1;  /* for the values of each call */
    unsigned            wide:1;    /* its cost grows with the data */
    unsigned            mails:1;   /* it may insert into the outbox */
    unsigned            by_key:1;  /* it reads a row by its primary key */
    unsigned            stale:1;   /* a replica may answer, some seconds late */
} af_statement_t;


/* the point statements, the wide ones, and of these the stale; NULL-ended */
extern const af_statement_t *const  af_point_statements[];
extern const af_statement_t *const  af_wide_statements[];
extern const af_statement_t *const  af_stale_statements[];


#endif /* AF_DB_STATEMENT_H */
