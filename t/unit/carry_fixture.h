#ifndef CARRY_FIXTURE_H
#define CARRY_FIXTURE_H

/* A generation that is sealed with rows that persist, and one that carries
   them.  Included after cmocka.h. */

#include "carry.h"
#include "worker_fixture.h"

static fixture_t fixture;
static char *sealed;            /* its path */
static const carry_source_t no_source;


static inline int
open_fixture(void **state)
{
    (void) state;

    return fixture_open(&fixture);
}


static inline int
close_fixture(void **state)
{
    (void) state;
    free(sealed);
    sealed = NULL;
    fixture_close(&fixture);

    return 0;
}


/* A table "t" with the columns and the row, all as in JSON. */
static inline void
publish_columns(generation_t *generation, const char *identity,
    const char *options, const char *columns, const char *types,
    const char *row)
{
    char json[8192];

    assert_in_range(snprintf(json, sizeof(json), "{\"identity\": \"%s\", "
                             "\"persist\": 1%s, \"table\": {\"tablename\": "
                             "\"t\", \"column_names\": [%s], "
                             "\"column_types\": [%s], \"rows\": [[%s]]}}",
                             identity, options, columns, types, row),
                    1, sizeof(json) - 1);

    enum report_result result = fixture_apply(&fixture, generation, json);

    assert_true(result == REPORT_TAKEN || result == REPORT_DUPLICATE);
}


static inline enum report_result
publish(generation_t *generation, const char *identity, const char *table,
    const char *options, int x)
{
    char json[512];

    (void) snprintf(json, sizeof(json), "{\"identity\": \"%s\"%s, \"table\": "
                    "{\"tablename\": \"%s\", \"column_names\": [\"host\", "
                    "\"x\"], \"column_types\": [\"text\", \"int\"], "
                    "\"rows\": [[\"%s\", %d]]}}", identity, options, table,
                    identity, x);

    return fixture_apply(&fixture, generation, json);
}


/* One column of texts: rows of one byte, and then a large one. */
static inline enum report_result
publish_texts(generation_t *generation, const char *identity, int rows,
    int large)
{
    qsn_buf_t json = { 0 };

    qsn_buf_printf(&json, "{\"identity\": \"%s\", \"persist\": 1, "
                   "\"table\": {\"tablename\": \"texts\", "
                   "\"column_names\": [\"x\"], \"column_types\": "
                   "[\"text\"], \"rows\": [", identity);

    for (int i = 0; i < rows; i++) {
        qsn_buf_string(&json, i ? ",[\"y\"]" : "[\"y\"]");
    }

    qsn_buf_string(&json, large ? ",[\"" : "");

    for (int i = 0; i < large; i++) {
        qsn_buf_byte(&json, 'x');
    }

    qsn_buf_string(&json, large ? "\"]]}}" : "]}}");

    enum report_result result = fixture_apply(&fixture, generation,
                                              qsn_buf_text(&json));

    qsn_buf_free(&json);

    return result;
}


/* Generation 1, until it is sealed. */
static inline generation_t *
begin_sealed(void)
{
    generation_t *generation = fixture_generation(&fixture, 1);

    assert_int_equal(store_begin(&generation->store), 0);

    return generation;
}


static inline void
seal_open(generation_t *generation)
{
    assert_int_equal(generation_mark_sealed(generation), 0);
    assert_int_equal(store_commit(&generation->store), 0);
    assert_int_equal(generation_unlock(generation), 0);
    sealed = strdup(generation->store.path);
}


static inline void
seal(generation_t *generation)
{
    seal_open(generation);
    generation_close(generation);
}


static inline void
close_source(void *data, generation_t *generation)
{
    ++*(int *) data;
    generation_close(generation);
}


/* From one that is open still; *closed counts. */
static inline carry_t *
begin_from(generation_t *generation, generation_t *before, int *closed)
{
    carry_source_t source = { before, close_source, closed };
    carry_t *carry;

    if (carry_expect(generation, sealed, &before->store.catalog, &source,
                     &carry, fixture.error) != 0) {
        fail_msg("%s", fixture.error);
    }

    assert_non_null(carry);

    return carry;
}


static inline carry_t *
begin(generation_t *generation)
{
    carry_t *carry;

    if (carry_begin(generation, sealed, &carry, fixture.error) != 0) {
        fail_msg("%s", fixture.error);
    }

    return carry;
}


static inline void
rest(carry_t *carry)
{
    while (carry) {
        if (carry_next(&carry, fixture.error) != 0) {
            fail_msg("%s", fixture.error);
        }
    }
}

#endif
