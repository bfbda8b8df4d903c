#ifndef QSN_NAME_H
#define QSN_NAME_H

/* Why a published table may not be called so, or NULL: it would hide one of
   the server's own, or a function that queries may read from. */
const char *qsn_name_reserved(const char *table);

#endif
