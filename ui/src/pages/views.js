// The operator's views: what each is, and why one could not be made.

import { base, objects } from '../api.js';
import { fill, h, icon } from '../dom.js';
import { plural } from '../format.js';
import * as sql from '../sql.js';

export function viewsPage() {
    let stop = new AbortController();
    const summary = h('p', { class: 'summary' });
    const error = h('p', { class: 'error', role: 'alert', hidden: true });
    const list = h('div', { class: 'cards' });

    async function load() {
        stop.abort();
        stop = new AbortController();
        try {
            const views = await objects('SELECT viewname, loaded, errormsg,'
                + ' view FROM qasino_server_views ORDER BY loaded, viewname',
            stop);
            const broken = views.filter((v) => !Number(v.loaded)).length;

            error.hidden = true;
            fill(summary, plural(views.length, 'view'), broken > 0
                && h('strong', { class: 'late' }, `${broken} not loaded`));
            fill(list, views.length ? views.map(card) : h('p', { class:
                'hint' }, 'No views. The server makes those of its'
                + ' views_file in every generation.'));
        } catch (e) {
            if (e.name !== 'AbortError') {
                error.hidden = false;
                error.textContent = e.message;
            }
        }
    }

    function card(view) {
        const loaded = Boolean(Number(view.loaded));

        return h('article', { class: `card${loaded ? '' : ' broken'}` },
            h('h2', null, loaded ? h('a', { href: `${base}desc?tablename=${
                encodeURIComponent(view.viewname)}` }, view.viewname)
                : view.viewname,
            h('span', { class: `mark ${loaded ? 'new' : 'late'}` },
                loaded ? 'loaded' : 'not loaded')),
            !loaded && h('p', { class: 'error' }, icon('warn'),
                h('span', null, view.errormsg)),
            h('pre', { tabindex: 0 }, view.view),
            loaded && h('p', null, h('a', { href: `${base}query?sql=${
                encodeURIComponent(`SELECT * FROM ${
                    sql.name(view.viewname)}`)}` }, 'Query it')));
    }

    return {
        title: 'Views',
        el: h('div', { class: 'page scroll', role: 'region', tabindex: 0,
            'aria-label': 'Views' },
            h('div', { class: 'page-head' }, h('h1', null, 'Views'), summary),
            error, list),
        enter: () => { load(); },
        leave: () => stop.abort(),
        generation: load,
    };
}
