/* nginx's configuration from its template: the language of markers, and the
   template that we ship.  Runs in the project's top directory. */

#include "nginx_conf.h"
#include "nginx_setup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TEMPLATE  "conf/nginx.conf"

static char error[QSN_SETTINGS_ERROR_SIZE];

static const nginx_conf_value_t values[] = {
    { "port", "80", "8080" },
    { "dir", "/run/x", "/tmp/y" },
    { "odd", "/odd", "/a \"b\" \\c;" },
    { "dollar", "/dollar", "/a$b" },
    { NULL, NULL, NULL }
};

static const nginx_conf_block_t blocks[] = {
    { "yes", 1 }, { "no", 0 }, { NULL, 0 }
};

static int
render(const char *text, qsn_buf_t *out)
{
    error[0] = '\0';

    return nginx_conf_render(out, text, "file", values, blocks, error,
                             sizeof(error));
}


static void
becomes(const char *text, const char *expected)
{
    qsn_buf_t out = { 0 };

    if (render(text, &out) != 0) {
        fail_msg("%s", error);
    }
    assert_string_equal(qsn_buf_text(&out), expected);
    qsn_buf_free(&out);
}


static void
refuses(const char *text, const char *expected)
{
    qsn_buf_t out = { 0 };

    assert_int_equal(render(text, &out), -1);
    assert_string_equal(error, expected);
    qsn_buf_free(&out);
}


static void
test_values(void **state)
{
    (void) state;

    becomes("", "");
    becomes("a 80;\nb", "a 80;\nb\n");
    becomes("listen 80;  #= port\n", "listen 8080;\n");
    becomes("s unix:/run/x/a 80; #= dir port\n",
            "s unix:/tmp/y/a 8080;\n");
    becomes("# about \"#= port\" 80\n", "# about \"#= port\" 80\n");
    refuses("a;\nlisten 81; #= port\n",
            "file:2: the line has no \"80\" to replace");
    refuses("listen 80; #= nothing\n",
            "file:1: unknown name \"nothing\" after \"#=\"");
}


static void
test_quotes(void **state)
{
    (void) state;

    becomes("root /odd; #= odd\n", "root \"/a \\\"b\\\" \\\\c;\";\n");
    becomes("s unix:/odd/x.sock backup; #= odd\n",
            "s \"unix:/a \\\"b\\\" \\\\c;/x.sock\" backup;\n");
    refuses("root /dollar; #= dollar\n",
            "file:1: \"/a$b\" cannot stand in nginx's configuration");
}


static void
test_blocks(void **state)
{
    (void) state;

    becomes("a\n  #[ yes\nb\n  #] yes\nc\n", "a\nb\nc\n");
    becomes("a\n#[ no\nb 80; #= bogus\n#] no\nc\n", "a\nc\n");
    becomes("#[ no\n#[ yes\nb\n#] yes\nc\n#] no\nd\n", "d\n");
    becomes("#[ yes\n#[ no\nb\n#] no\nc\n#] yes\nd\n", "c\nd\n");
    refuses("#[ maybe\n", "file:1: unknown block \"maybe\"");
    refuses("#[ no\na\n", "file:2: block \"no\" does not end");
    refuses("#] no\n",
            "file:1: block \"no\" ends where it is not the innermost");
    refuses("#[ yes\n#[ no\n#] yes\n#] no\n",
            "file:3: block \"yes\" ends where it is not the innermost");
}


/* Every marker of the template we ship finds its sample, whatever is on,
   and none of the samples is left. */
static void
test_template(void **state)
{
    char *argv[] = {
        (char *) "test", (char *) "--keys-dir=/K", (char *)
        "--htpasswd-file=/H", (char *) "--client-ca-file=/C", (char *)
        "--http-port=11", (char *) "--https-port=12", (char *) "--line-port=13", (char *)
        "--run-dir=/R", (char *) "--nginx-workers=3",
        (char *) "--query-deadline=25.1", NULL
    };
    layout_t layout = {
        .template = (char *) TEMPLATE, .module = (char *) "/M.so",
        .locations = (char *) "/L.conf", .www = (char *) "/W",
        .nginx_modules = (char *) "/N", .root_dir = (char *) "/R.root"
    };
    qsn_settings_t settings;
    qsn_buf_t text = { 0 };

    (void) state;

    assert_int_equal(qsn_settings_load(&settings, 10, argv, error), 0);

    if (layout_read(TEMPLATE, &text, error) != 0) {
        fail_msg("%s", error);
    }

    for (int all = 0; all < 2; all++) {
        nginx_setup_host_t host = { .root = all, .ipv6 = all,
                                    .descriptors = 99 };
        qsn_buf_t out = { 0 };
        const char *conf;

        layout.stream_built_in = !all;
        layout.module_built_in = !all;

        if (nginx_setup_render(&out, qsn_buf_text(&text), &settings,
                               &layout, &host, error) != 0)
        {
            fail_msg("%s", error);
        }

        conf = qsn_buf_text(&out);
        assert_null(strstr(conf, "15597"));
        assert_null(strstr(conf, "15000"));
        assert_null(strstr(conf, "/run/qasino"));
        assert_null(strstr(conf, "/etc/qasino/keys"));
        assert_null(strstr(conf, "listen 80"));
        assert_non_null(strstr(conf, "listen 11 "));
        assert_non_null(strstr(conf, "listen 12 ssl"));
        assert_non_null(strstr(conf, "listen 13 "));
        assert_non_null(strstr(conf, "server unix:/R/worker.sock;"));
        assert_non_null(strstr(conf, "pid /R.root/nginx.pid;"));
        assert_non_null(strstr(conf, "listen unix:/R.root/line-away.sock;"));
        assert_non_null(strstr(conf, "_path /R.root/body;"));
        assert_non_null(strstr(conf, "ssl_certificate /K/server.crt;"));
        assert_non_null(strstr(conf, "auth_basic_user_file /H;"));
        assert_non_null(strstr(conf, "worker_processes 3;"));
        assert_non_null(strstr(conf, "worker_shutdown_timeout 61s;"));
        assert_non_null(strstr(conf, "worker_connections 99;"));
        assert_non_null(strstr(conf, "client_max_body_size 67108864;"));
        assert_non_null(strstr(conf, "include /L.conf;"));
        assert_non_null(strstr(conf, "root /W;"));
        assert_null(strstr(conf, "/usr/share/qasino"));
        assert_int_equal(strstr(conf, "load_module /M.so;") != NULL, all);
        assert_int_equal(strstr(conf, "/N/ngx_stream_module.so") != NULL,
                         all);
        assert_int_equal(strstr(conf, "user root;") != NULL, all);
        assert_int_equal(strstr(conf, "[::]:11") != NULL, all);
        qsn_buf_free(&out);
    }

    qsn_buf_free(&text);
    qsn_settings_free(&settings);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_template)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
