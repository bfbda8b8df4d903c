// Every table: what it holds, who fills it, and what has changed since the
// generation that was seen before.

import { base, objects, query } from '../api.js';
import { fill, h, icon } from '../dom.js';
import { age, compact, count, plural, time } from '../format.js';
import { compare, Grid } from '../grid.js';
import { live } from '../live.js';
import { compareTables } from '../store.js';

const SQL = `SELECT t.tablename, t.nr_rows, t.nr_updates, t.last_update_epoch,
       t.static, r.publishers, r.persist
FROM qasino_server_tables t LEFT JOIN (
  SELECT tablename, count(DISTINCT identity) AS publishers,
         max(persist) AS persist
  FROM qasino_server_reports GROUP BY tablename
) r ON r.tablename = t.tablename AND NOT t.static`;

// state of this page that outlives a visit to another
const state = { search: '', tab: 'published', sort: 0, direction: 1 };

export function tablesPage() {
    let tables = [];
    let before = null;
    let stop = new AbortController();

    const summary = h('p', { class: 'summary' });
    const search = h('input', { type: 'search', placeholder: 'Search tables',
        'aria-label': 'Search tables', value: state.search, spellcheck:
        'false', oninput: () => { state.search = search.value; show(); },
        onkeydown: (e) => {
            if (e.key === 'ArrowDown' || e.key === 'Enter') {
                e.preventDefault();
                grid.el.focus();
            }
        } });
    const tabs = h('div', { class: 'tabs', role: 'group',
        'aria-label': 'Which tables' });
    const error = h('p', { class: 'error', hidden: true, role: 'alert' });
    const grid = new Grid({
        label: 'Tables',
        empty: 'No table matches',
        rowClass: (row) => row[5] === 'vanished' ? 'gone' : '',
        onSort(c) {
            state.direction = state.sort === c ? -state.direction
                : c === 0 ? 1 : -1;
            state.sort = c;
            show();
        },
    });

    function columns() {
        const sort = (i) => state.sort === i ? state.direction : 0;

        return [
            { name: 'Table', min: 24, grow: 6, sort: sort(0),
              text: (v, row) => v + ' '.repeat(row[5] || row[6] ? 14 : 2),
              render: (v, row) => [row[5] === 'vanished' ? h('span', null, v)
                : h('a', { href: `${base}desc?tablename=${
                    encodeURIComponent(row[6].includes('static')
                        && row[8] ? `static.${v}` : v)}`, tabindex: -1 }, v),
              row[5] && h('span', { class: `mark ${row[5]}` }, row[5]),
              row[6].map((m) => h('span', { class: 'mark' }, m))] },
            { name: 'Rows', numeric: true, min: 9, grow: 1, sort: sort(1),
              render: (v) => count(v) },
            { name: 'Change', numeric: true, min: 9, grow: 1, sort: sort(2),
              note: 'Rows more or fewer than in the generation seen before',
              render: (v) => v === null || v === 0 ? '' : h('span', { class:
                  v > 0 ? 'more' : 'fewer' }, `${v > 0 ? '+' : '−'}${
                  count(Math.abs(v))}`) },
            { name: 'Publishers', numeric: true, min: 10, grow: 1,
              sort: sort(3),
              render: (v) => count(v) },
            { name: 'Last update', numeric: true, min: 12, grow: 1,
              sort: sort(4),
              text: () => '', render: (v) => v === null ? ''
                : h('time', { title: new Date(v * 1000).toLocaleString() },
                    `${age(Date.now() / 1000 - v)} ago`) },
        ];
    }

    // name, rows, change, publishers, epoch, state, marks, internal, hidden
    function toRows(list, seen) {
        const names = new Map(list.filter((t) => !t.static).map((t) =>
            [t.tablename, t]));
        const rows = list.map((t) => {
            const key = (t.static ? 'static.' : '') + t.tablename;
            const internal = t.tablename.startsWith('qasino_server_');
            const old = seen?.rows[key];
            const change = old === undefined ? null : t.nr_rows - old;

            return [t.tablename, t.nr_rows, change, t.publishers,
                t.last_update_epoch,
                !seen || internal ? '' : old === undefined ? 'new'
                    : change > 0 ? 'grown' : change < 0 ? 'shrunk' : '',
                [t.static && 'static', t.persist && 'persist'].filter(
                    Boolean),
                internal,
                Boolean(t.static && names.has(t.tablename))];
        });

        const now = new Set(list.map((t) => (t.static ? 'static.' : '')
            + t.tablename));

        for (const [key, n] of Object.entries(seen?.rows ?? {})) {
            if (!now.has(key)) {
                rows.push([key, 0, -n, null, null, 'vanished', [], false,
                    false]);
            }
        }
        return rows;
    }

    function show(keep) {
        const wanted = state.search.toLowerCase().split(/\s+/);
        const all = tables.filter((row) => row[7] === (state.tab
            === 'internal'));
        const changed = tables.filter((row) => row[5] && !row[7]);
        const rows = (state.tab === 'changed' ? changed : all)
            .filter((row) => wanted.every((w) =>
                row[0].toLowerCase().includes(w)))
            .sort((a, b) => state.direction * compare(a[state.sort],
                b[state.sort]) || compare(a[0], b[0]));
        const tab = (name, label, n) => h('button', { type: 'button',
            'aria-pressed': String(state.tab === name),
            onclick: () => { state.tab = name; show(); } }, label,
        h('span', { class: 'n' }, count(n)));

        fill(tabs, tab('published', 'Published', tables.filter((r) =>
            !r[7] && r[5] !== 'vanished').length),
        tab('changed', 'Changed', changed.length),
        tab('internal', 'Internal', tables.filter((r) => r[7]).length));
        tabs.title = before ? `Changed since ${time(before.generation)}`
            : 'Changes show from the next generation on';
        grid.options.empty = state.search ? `No table matches “${
            state.search}”` : state.tab === 'changed'
            ? before ? `Nothing has changed since ${time(before.generation)}`
                : 'Changes show from the next generation on'
            : 'No tables yet: publish one';
        grid.setColumns(columns());
        grid.setRows(rows, { keep });
    }

    async function load(keep) {
        stop.abort();
        stop = new AbortController();
        try {
            const result = await query(SQL, stop);
            const list = result.rows.map((row) => Object.fromEntries(
                result.columns.map((name, i) => [name, row[i]])));

            before = compareTables(result.generation, Object.fromEntries(
                list.filter((t) => !t.tablename.startsWith('qasino_server_'))
                    .map((t) => [(t.static ? 'static.' : '') + t.tablename,
                        t.nr_rows])));
            tables = toRows(list, before);
            error.hidden = true;

            const own = list.filter((t) =>
                !t.tablename.startsWith('qasino_server_'));
            const [{ n }] = live.counts ? [{ n: live.counts.publishers }]
                : await objects('SELECT count(*) - 1 AS n FROM'
                    + ' qasino_server_connections', stop);

            fill(summary, h('strong', null, count(own.length)), ' tables ',
                h('strong', null, compact(own.reduce((sum, t) =>
                    sum + t.nr_rows, 0))), ' rows ',
                h('strong', null, count(n)), n === 1 ? ' publisher'
                    : ' publishers');
            summary.title = `${plural(own.length, 'table')} of generation ${
                result.generation}`;
            show(keep);
        } catch (e) {
            if (e.name !== 'AbortError') {
                error.hidden = false;
                error.textContent = e.message;
            }
        }
    }

    return {
        title: 'Tables',
        el: h('div', { class: 'page' },
            h('div', { class: 'page-head' }, h('h1', null, 'Tables'), summary,
                h('div', { class: 'tools' }, tabs,
                    h('label', { class: 'search' }, icon('search'), search))),
            error, grid.el),
        enter: () => { load(); },
        leave: () => stop.abort(),
        generation: () => load(true),
        keys: { '/': () => { search.focus(); search.select(); } },
        escape() {
            if (document.activeElement === search) {
                search.value = state.search = '';
                show();
                return true;
            }
            return false;
        },
    };
}
