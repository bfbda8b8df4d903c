#ifndef QSN_NAME_H
#define QSN_NAME_H

/* 1 if a published table may not be called so: it would hide one of the
   server's own, or a table-valued function, from all queries. */
int qsn_name_is_reserved(const char *table);

#endif
