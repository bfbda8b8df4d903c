
/*
 * The generation page as this nginx worker sees it.  Mapped when it is first
 * asked for; a page that isn't there is looked for again, but not more than
 * once a second.
 */


#include "ngx_http_qasino_module.h"


static void ngx_http_qasino_unmap_page(void *data);


char *
ngx_http_qasino_generation_page(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_qasino_loc_conf_t *qlcf = conf;

    ngx_str_t               *value;
    ngx_pool_cleanup_t      *cln;
    ngx_http_qasino_page_t  *page;

    if (qlcf->page) {
        return "is duplicate";
    }

    value = cf->args->elts;

    page = ngx_pcalloc(cf->pool, sizeof(ngx_http_qasino_page_t));
    if (page == NULL) {
        return NGX_CONF_ERROR;
    }

    page->path = value[1];

    if (ngx_conf_full_name(cf->cycle, &page->path, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_http_qasino_unmap_page;
    cln->data = page;

    qlcf->page = page;

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_qasino_read_page(ngx_http_request_t *r, qsn_page_state_t *state)
{
    size_t                       len;
    ngx_int_t                    rc;
    ngx_http_qasino_page_t      *page;
    ngx_http_qasino_loc_conf_t  *qlcf;

    rc = NGX_DECLINED;

    qlcf = ngx_http_get_module_loc_conf(r, ngx_http_qasino_module);
    page = qlcf->page;

    if (page && page->mapped == NULL && page->tried != ngx_time()) {
        page->tried = ngx_time();
        page->mapped = qsn_page_open((char *) page->path.data);

        if (page->mapped == NULL) {
            ngx_log_error(NGX_LOG_INFO, r->connection->log, ngx_errno,
                          "generation page \"%V\" can't be mapped",
                          &page->path);
        }
    }

    if (page && page->mapped && qsn_page_read(page->mapped, state) == 0) {
        rc = NGX_OK;

    } else {
        ngx_memzero(state, sizeof(qsn_page_state_t));
    }

    if (state->identity[0] == '\0') {
        len = ngx_min(ngx_cycle->hostname.len, QSN_IDENTITY_MAX);
        ngx_memcpy(state->identity, ngx_cycle->hostname.data, len);
        state->identity[len] = '\0';
    }

    return rc;
}


static void
ngx_http_qasino_unmap_page(void *data)
{
    ngx_http_qasino_page_t *page = data;

    qsn_page_close(page->mapped);
    page->mapped = NULL;
}
