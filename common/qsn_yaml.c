/* One document of YAML, whole. */

#include "qsn_yaml.h"

#include <string.h>

static int load(yaml_parser_t *parser, yaml_document_t *document,
    qsn_yaml_error_t *error);
static int expect_end(yaml_parser_t *parser, qsn_yaml_error_t *error);
static int fail(qsn_yaml_error_t *error, size_t line, const char *problem);


int
qsn_yaml_load(FILE *file, yaml_document_t *document, qsn_yaml_error_t *error)
{
    yaml_parser_t parser;

    if (!yaml_parser_initialize(&parser)) {
        return fail(error, 1, "out of memory");
    }

    yaml_parser_set_input_file(&parser, file);

    int rc = load(&parser, document, error);

    if (rc == 0 && expect_end(&parser, error) != 0) {
        yaml_document_delete(document);
        rc = -1;
    }

    yaml_parser_delete(&parser);

    return rc;
}


const char *
qsn_yaml_text(const yaml_node_t *node)
{
    if (node->type != YAML_SCALAR_NODE
        || memchr(node->data.scalar.value, '\0', node->data.scalar.length))
    {
        return NULL;
    }

    return (const char *) node->data.scalar.value;
}


static int
load(yaml_parser_t *parser, yaml_document_t *document,
    qsn_yaml_error_t *error)
{
    if (yaml_parser_load(parser, document)) {
        return 0;
    }

    return fail(error, parser->problem_mark.line + 1,
                parser->problem ? parser->problem : "cannot be read");
}


static int
expect_end(yaml_parser_t *parser, qsn_yaml_error_t *error)
{
    yaml_document_t document;

    if (load(parser, &document, error) != 0) {
        return -1;
    }

    const yaml_node_t *root = yaml_document_get_root_node(&document);
    int rc = root ? fail(error, root->start_mark.line + 1, "all belongs into "
                         "one document, without \"---\" in it") : 0;

    yaml_document_delete(&document);

    return rc;
}


static int
fail(qsn_yaml_error_t *error, size_t line, const char *problem)
{
    error->line = line;
    (void) snprintf(error->problem, sizeof(error->problem), "%s", problem);

    return -1;
}
