#ifndef QSN_OP_H
#define QSN_OP_H

/* The operations and the formats, by number (frames) and by name (users). */

#include <stddef.h>

enum qsn_op {
    QSN_OP_NONE = 0,            /* not said: the JSON body has to */
    QSN_OP_ADD_TABLE_DATA = 1,
    QSN_OP_ADD_CSV_TABLE_DATA = 2,
    QSN_OP_NAME_VALUE_UPDATE = 3,
    QSN_OP_QUERY = 4,
    QSN_OP_GET_TABLE_LIST = 5,
    QSN_OP_GENERATION_SIGNAL = 6,       /* "what generation is it?" */
    QSN_OP_SUBSCRIBE = 16,      /* frames only: EVENT at each rotation */
    QSN_OP_SNAPSHOT = 17,       /* worker to query process: serve this file */
    QSN_OP_CLAIM = 18,          /* frames only: the answer that was too long */
    QSN_OP_PEER = 19,           /* worker to query process: a connection */
    QSN_OP_PREPARE = 20,        /* worker to query process: read this file's
                                   schema, it will be served */
    QSN_OP_UNKNOWN = 255
};

/* What may be allowed or not, or-ed; numbers of the wire. */
enum qsn_class {
    QSN_CLASS_QUERY = 1,        /* query, get_table_list */
    QSN_CLASS_PUBLISH = 2,      /* a report, persisted or not */
    QSN_CLASS_UPDATE = 4,       /* merges into rows that others reported */
    QSN_CLASS_STATIC = 8,       /* replaces a table on disk */
    QSN_CLASS_ALL = 15
};

enum qsn_format {
    QSN_FORMAT_JSON = 0,
    QSN_FORMAT_TEXT = 1,
    QSN_FORMAT_HTML = 2
};

/* Public ops only; QSN_OP_UNKNOWN for any other name.  Case matters. */
enum qsn_op qsn_op_parse(const char *name, size_t length);

/* The public name, "-" for what has none.  Never NULL. */
const char *qsn_op_name(enum qsn_op op);

/*
 * The classes that an op may turn out to be of: at least one of them has to
 * be allowed.  0: none has to; as for an op that is not known.
 */
unsigned qsn_op_classes(enum qsn_op op);

/* The name of the lowest class in a set, "" for none. */
const char *qsn_class_name(unsigned classes);

/* 0 and *format, or -1.  The empty name is JSON.  Case does not matter. */
int qsn_format_parse(const char *name, size_t length,
    enum qsn_format *format);

/* The names of all formats, for error messages. */
const char *qsn_format_names(void);

const char *qsn_format_content_type(enum qsn_format format);

#endif
