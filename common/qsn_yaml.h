#ifndef QSN_YAML_H
#define QSN_YAML_H

/* A YAML file that has to be one document: what stands behind a "---" would
   count for nothing. */

#include <stdio.h>
#include <yaml.h>

typedef struct {
    size_t line;                /* from 1 */
    char problem[128];
} qsn_yaml_error_t;

/* 0, and *document is the caller's to delete, or -1 and *error.  A file
   without anything in it is a document without a root. */
int qsn_yaml_load(FILE *file, yaml_document_t *document,
    qsn_yaml_error_t *error);

/* A scalar's text; NULL for anything else, and for what has a NUL in it. */
const char *qsn_yaml_text(const yaml_node_t *node);

#endif
