/* Names and numbers of operations and formats. */

#include "qsn_op.h"

#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    enum qsn_op op;
} ops[] = {
    { "add_table_data", QSN_OP_ADD_TABLE_DATA },
    { "add_csv_table_data", QSN_OP_ADD_CSV_TABLE_DATA },
    { "name_value_update", QSN_OP_NAME_VALUE_UPDATE },
    { "query", QSN_OP_QUERY },
    { "get_table_list", QSN_OP_GET_TABLE_LIST },
    { "generation_signal", QSN_OP_GENERATION_SIGNAL }
};

static const struct {
    const char *name;
    const char *content_type;
} formats[] = {
    [QSN_FORMAT_JSON] = { "json", "application/json" },
    [QSN_FORMAT_TEXT] = { "text", "text/plain; charset=utf-8" },
    [QSN_FORMAT_HTML] = { "html", "text/html; charset=utf-8" }
};

#define COUNT(array)  (sizeof(array) / sizeof((array)[0]))


enum qsn_op
qsn_op_parse(const char *name, size_t length)
{
    for (size_t i = 0; i < COUNT(ops); i++) {
        if (strlen(ops[i].name) == length
            && memcmp(ops[i].name, name, length) == 0)
        {
            return ops[i].op;
        }
    }

    return QSN_OP_UNKNOWN;
}


const char *
qsn_op_name(enum qsn_op op)
{
    for (size_t i = 0; i < COUNT(ops); i++) {
        if (ops[i].op == op) {
            return ops[i].name;
        }
    }

    return "-";
}


unsigned
qsn_op_classes(enum qsn_op op)
{
    switch (op) {

    case QSN_OP_QUERY:
    case QSN_OP_GET_TABLE_LIST:
        return QSN_CLASS_QUERY;

    case QSN_OP_ADD_TABLE_DATA:
    case QSN_OP_ADD_CSV_TABLE_DATA:
        return QSN_CLASS_PUBLISH | QSN_CLASS_UPDATE | QSN_CLASS_STATIC;

    case QSN_OP_NAME_VALUE_UPDATE:
        return QSN_CLASS_UPDATE;

    default:
        return 0;
    }
}


const char *
qsn_class_name(unsigned classes)
{
    static const char *const names[] = {
        "query", "publish", "update", "static"
    };

    for (size_t i = 0; i < COUNT(names); i++) {
        if (classes & 1u << i) {
            return names[i];
        }
    }

    return "";
}


int
qsn_format_parse(const char *name, size_t length, enum qsn_format *format)
{
    if (length == 0) {
        *format = QSN_FORMAT_JSON;
        return 0;
    }

    for (size_t i = 0; i < COUNT(formats); i++) {
        if (strlen(formats[i].name) == length
            && strncasecmp(formats[i].name, name, length) == 0)
        {
            *format = (enum qsn_format) i;
            return 0;
        }
    }

    return -1;
}


const char *
qsn_format_names(void)
{
    return "json, text, html";
}


const char *
qsn_format_content_type(enum qsn_format format)
{
    if ((size_t) format >= COUNT(formats)) {
        format = QSN_FORMAT_JSON;
    }

    return formats[format].content_type;
}
