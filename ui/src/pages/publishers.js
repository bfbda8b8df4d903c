// Who reports.  The server knows who did in this generation; who did before
// and is late is what this browser remembers, and what is carried along.

import { query } from '../api.js';
import { fill, h, icon } from '../dom.js';
import { age, count } from '../format.js';
import { compare, Grid } from '../grid.js';
import { live } from '../live.js';
import { comparePublishers } from '../store.js';

const SQL = `SELECT c.identity, c.nr_tables, r.nr_rows, c.last_update_epoch,
       coalesce(r.carried, 0) AS carried, i.generation_number
FROM qasino_server_connections c JOIN qasino_server_info i LEFT JOIN (
  SELECT identity, sum(nr_rows) AS nr_rows, min(carried) AS carried
  FROM qasino_server_reports GROUP BY identity
) r ON r.identity = c.identity`;

const NOTED_MAX = 2000;

// Whoever looks at any page will know on this one who has gone since.
export async function notePublishers() {
    if (live.counts?.publishers <= NOTED_MAX) {
        await look(await query(SQL));
    }
}

// What there is, and who is missing by now.
function look({ rows, identity: own, generation }) {
    const here = rows.filter(([identity]) => identity !== own);
    const reported = here.filter(([, , , , carried]) => !carried);
    const missing = comparePublishers('', generation, Object.fromEntries(
        reported.map(([identity, tables, n, epoch]) =>
            [identity, [epoch, tables, n]])));

    return { here, reported, missing };
}

const state = { sort: -1, direction: 1 };

export function publishersPage() {
    let rows = [];
    let stop = new AbortController();
    let wanted = '';

    const summary = h('p', { class: 'summary' });
    const error = h('p', { class: 'error', role: 'alert', hidden: true });
    const search = h('input', { type: 'search', 'aria-label':
        'Search publishers', placeholder: 'Search publishers', spellcheck:
        'false', oninput: () => { wanted = search.value.toLowerCase();
        show(); } });
    const grid = new Grid({
        label: 'Publishers', empty: 'Nobody has published yet',
        rowClass: (row) => row[1] ? 'late' : '',
        onSort(c) {
            state.direction = state.sort === c ? -state.direction
                : c === 0 ? 1 : -1;
            state.sort = c;
            show();
        },
    });

    function show(keep) {
        const sort = (i) => state.sort === i ? state.direction : 0;

        // late ones first, the longest absent on top, unless asked otherwise
        const order = state.sort < 0
            ? (a, b) => b[1] - a[1] || (a[1] ? a[4] - b[4] : 0)
                || compare(a[0], b[0])
            : (a, b) => state.direction * compare(a[state.sort],
                b[state.sort]) || compare(a[0], b[0]);

        grid.setColumns([
            { name: 'Publisher', min: 24, grow: 5, sort: sort(0) },
            { name: 'State', min: 20, grow: 2, sort: sort(1), text: () => '',
              render: (v, row) => v ? h('span', { class: 'mark late' },
                  row[5] ? 'late, its rows carried' : 'late')
                  : h('span', { class: 'ok' }, 'reported') },
            { name: 'Tables', numeric: true, min: 8, grow: 1, sort: sort(2),
              render: count },
            { name: 'Rows', numeric: true, min: 9, grow: 1, sort: sort(3),
              render: count },
            { name: 'Last seen', numeric: true, min: 12, grow: 1,
              sort: sort(4),
              text: () => '', render: (v) => h('time', { title: new Date(
                  v * 1000).toLocaleString() },
              `${age(Date.now() / 1000 - v)} ago`) },
        ]);
        grid.options.empty = wanted ? 'No publisher matches'
            : 'Nobody has published yet';
        grid.setRows(rows.filter((row) => row[0].toLowerCase().includes(
            wanted)).sort(order), { keep });
    }

    async function load(keep) {
        stop.abort();
        stop = new AbortController();
        try {
            const result = await query(SQL, stop);
            const { here, reported, missing } = look(result);
            const known = new Set(here.map((row) => row[0]));

            rows = [
                ...here.map(([identity, tables, n, epoch, carried]) =>
                    [identity, carried, tables, n, epoch, carried]),
                ...Object.entries(missing).filter(([identity]) =>
                    !known.has(identity)).map(([identity, [epoch, tables,
                    n]]) => [identity, 1, tables, n, epoch, 0]),
            ];

            const late = rows.filter((row) => row[1]).length;

            error.hidden = true;
            fill(summary, h('strong', null, count(reported.length)),
                ' reported in this generation ',
                h('strong', { class: late ? 'late' : '' }, count(late)),
                ' late');
            show(keep);
        } catch (e) {
            if (e.name !== 'AbortError') {
                error.hidden = false;
                error.textContent = e.message;
            }
        }
    }

    return {
        title: 'Publishers',
        el: h('div', { class: 'page' },
            h('div', { class: 'page-head' }, h('h1', null, 'Publishers'),
                summary, h('div', { class: 'tools' },
                    h('label', { class: 'search' }, icon('search'),
                        search))),
            error, grid.el,
            h('p', { class: 'hint' }, 'Late: reported before, as far as this'
                + ' browser has seen within a day, and not in this'
                + ' generation.')),
        enter: () => { load(); },
        leave: () => stop.abort(),
        generation: () => load(true),
        keys: { '/': () => search.focus() },
    };
}
