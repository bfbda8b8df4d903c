// Ask anything: the editor, the result as a grid or a chart, and a query
// that follows the generations.

import { base, query } from '../api.js';
import { dialog, showCell } from '../dialog.js';
import { copy, fill, h, icon, menu, toast } from '../dom.js';
import * as out from '../export.js';
import { bytes, count, ms, plural, time } from '../format.js';
import { columnsOf, compare, Grid } from '../grid.js';
import { live } from '../live.js';
import { router } from '../router.js';
import { errorPlace } from '../sql.js';
import { load, remember, save } from '../store.js';
import { chartPanel } from './query_chart.js';
import { differences } from './query_live.js';

const EXAMPLE = 'SELECT tablename, nr_rows, nr_updates\n'
    + 'FROM qasino_server_tables\nORDER BY nr_rows DESC\nLIMIT 20';

export function queryPage(params) {
    const given = params.get('sql');
    let editor = null;          // once its code is there
    let draft = given ?? load('draft', EXAMPLE);
    let result = null;          // the last that came
    let shown = [];             // its rows in the order shown
    let order = null;           // [column, direction]
    let following = params.get('live') === '1';
    let stop = new AbortController();
    let running = false;
    let failure = null;         // [message, statement]

    const place = h('div', { class: 'editor' });
    const plain = h('textarea', { class: 'editor-plain', 'aria-label': 'SQL',
        spellcheck: 'false', value: draft, rows: 5,
        oninput: () => keep(plain.value),
        onkeydown: (e) => {
            if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) {
                e.preventDefault();
                run();
            }
        } });
    const error = h('div', { class: 'error', role: 'alert', hidden: true });
    const runButton = h('button', { type: 'button', class: 'primary',
        title: 'Ctrl-Enter', onclick: () => run() }, icon('play'), 'Run');
    const follow = h('button', { type: 'button', class: 'follow',
        'aria-pressed': String(following), title: 'Run it again with every'
            + ' generation (l)', onclick: () => setFollowing(!following) },
    icon('live'), 'Live');
    const facts = h('span', { class: 'found', role: 'status' });
    const heading = h('h2', { class: 'wall-title' });
    const grid = new Grid({
        label: 'Result', empty: 'No rows',
        onSort(c) {
            order = order?.[0] !== c ? [c, 1]
                : order[1] === 1 ? [c, -1] : null;
            show();
        },
        onOpen: (row, c) => showCell(grid.columns[c].name, row[c]),
    });
    const chart = chartPanel(params, () => result && {
        names: result.columns, rows: shown }, address);
    const views = h('div', { class: 'tabs', role: 'group', 'aria-label':
        'Result as' }, ['grid', 'chart'].map((name) => h('button', {
        type: 'button', 'data-view': name, onclick: () => view(name) },
    name === 'grid' ? 'Grid' : 'Chart')));
    const results = h('div', { class: 'results', hidden: true }, grid.el,
        chart.el);
    const bar = h('div', { class: 'bar-row result-bar', hidden: true }, views,
        chart.controls, h('span', { class: 'spring' }), facts);
    const text = () => editor ? editor.text() : plain.value;

    function keep(value) {
        draft = value;
        save('draft', value);
    }

    // What is shown, as an address that can be sent to somebody.
    function address(replace = true) {
        const parts = [['sql', result?.sql ?? draft],
            following && ['live', '1'], ...chart.parameters(),
            wall() && ['wall', '1']].filter(Boolean);

        return router.note(`query?${parts.map(([name, value]) =>
            `${name}=${encodeURIComponent(value)}`).join('&')}`, replace);
    }

    async function run({ again = false } = {}) {
        const sql = again && result ? result.sql : text();

        if (!sql.trim()) {
            return;
        }
        stop.abort();
        stop = new AbortController();

        const mine = stop;

        running = true;
        runButton.classList.add('busy');
        failure = null;
        error.hidden = true;
        editor?.showError(null);
        if (!again) {
            facts.textContent = 'Running…';
        }

        try {
            const before = again ? result : null;
            const answer = await query(sql, stop);

            result = { ...answer, sql, at: Date.now() };
            if (!before) {
                order = null;
                remember(sql);
                address(false);
                chart.offer(result.columns, result.rows);
            }
            show(before);
        } catch (e) {
            if (e.name !== 'AbortError') {
                failure = [e.message, sql];
                facts.textContent = '';
                showFailure();
            }
        } finally {
            if (mine === stop) {
                running = false;
                runButton.classList.remove('busy');
            }
        }
    }

    // also once the editor is there, if the answer was faster
    function showFailure() {
        if (!failure) {
            return;
        }

        const [message, sql] = failure;
        const at = errorPlace(message, sql);

        error.hidden = false;
        fill(error, icon('warn'), h('span', null, message));
        if (at && editor?.text() === sql) {
            const line = editor.line(at[0]);

            editor.showError(at, message);
            error.append(h('button', { type: 'button', onclick: () => {
                editor.showError(at, message);
                editor.focus();
            } }, `line ${line.number}, column ${at[0] - line.from + 1}`));
        }
    }

    function show(before) {
        if (!result) {
            return;
        }
        results.hidden = bar.hidden = false;
        shown = result.rows;
        if (order && order[0] < result.columns.length) {
            const [c, direction] = order;

            shown = [...result.rows].sort((a, b) =>
                direction * compare(a[c], b[c]));
        }

        const { flash, fresh, gone } = before ? differences(before, result,
            shown) : { flash: new Map(), fresh: 0, gone: 0 };

        if (!before || before.columns.join('\0')
            !== result.columns.join('\0') || order !== show.order)
        {
            grid.setColumns(columnsOf(result.columns, result.rows).map(
                (column, i) => ({ ...column, grow: wall() ? 1 : 0,
                    sort: order?.[0] === i ? order[1] : 0 })));
            show.order = order;
        }
        grid.setRows(shown, { flash, keep: Boolean(before) });
        heading.textContent = result.sql.replace(/\s+/g, ' ');
        facts.textContent = [plural(result.rows.length, 'row'),
            result.truncated && 'cut off by the server',
            ms(result.ms), bytes(result.bytes),
            `generation ${time(result.generation)}`,
            before && (flash.size || fresh || gone) && `${
                count(flash.size)} changed, ${fresh} new, ${gone} gone`,
        ].filter(Boolean).join(' · ');
        chart.draw();
    }

    function setFollowing(on) {
        following = on;
        follow.setAttribute('aria-pressed', String(on));
        address();
        if (on) {
            run({ again: Boolean(result) });
        }
    }

    function view(name) {
        results.dataset.view = name;
        for (const button of views.children) {
            button.setAttribute('aria-pressed',
                String(button.dataset.view === name));
        }
        chart.visible(name === 'chart');
        address();
    }

    const wall = () => document.body.classList.contains('wall');

    function fullScreen(on) {
        document.body.classList.toggle('wall', on);
        if (on) {
            document.documentElement.requestFullscreen?.().catch(() => {});
            (results.dataset.view === 'chart' ? leaveWall : grid.el).focus();
        } else if (document.fullscreenElement) {
            document.exitFullscreen();
        }
        grid.widths = null;
        show({ ...result, columns: [] });
        address();
    }

    const onFullScreen = () => {
        if (!document.fullscreenElement && wall()) {
            fullScreen(false);
        }
    };
    const leaveWall = h('button', { type: 'button', class: 'quiet leave',
        'aria-label': 'Leave the full screen', title: 'Esc',
        onclick: () => fullScreen(false) }, icon('close'));

    const need = (action) => () => result ? action(result)
        : toast('Run the query first');
    const stamp = () => `qasino-${result.generation}`;
    const downloads = menu('Download', [
        { label: 'CSV', run: need((r) => out.download(`${stamp()}.csv`,
            'text/csv', out.csv(r.columns, shown))) },
        { label: 'JSON', run: need((r) => out.download(`${stamp()}.json`,
            'application/json', out.json(r.columns, shown))) },
    ]);
    const copies = menu('Copy', [
        { label: 'Link', run: () => { address(); copy(location.href,
            'Link'); } },
        { label: 'curl', run: () => copy(out.curl(text()), 'curl line') },
        { label: 'qasino-sql', run: () => copy(out.qasinoSql(text()),
            'qasino-sql line') },
        { label: 'Markdown', run: need((r) => copy(
            out.markdown(r.columns, shown), 'Markdown')) },
    ]);
    const put = (sql) => {
        editor ? editor.setText(sql) : plain.value = sql;
        keep(sql);
        run();
    };
    const historyMenu = menu('History', () => {
        const all = load('history', []);

        return all.length ? [...all.slice(0, 30).map((entry) => ({
            label: entry.sql.replace(/\s+/g, ' ').slice(0, 90),
            note: new Date(entry.at).toLocaleString(),
            run: () => put(entry.sql),
        })), { label: 'Clear the history',
            run: () => save('history', []) }]
            : [h('p', null, 'What you run is listed here.')];
    }, { 'data-wide': true });
    const savedMenu = menu('Saved', () => {
        const all = load('saved', []);

        return [{ label: 'Save this query…', run: saveQuery },
            ...all.map((entry) => h('div', { class: 'saved' },
                h('button', { type: 'button', onclick: () => {
                    savedMenu.open = false;
                    put(entry.sql);
                } }, entry.name),
                h('button', { type: 'button', class: 'quiet',
                    'aria-label': `Delete ${entry.name}`, onclick: () => {
                        save('saved', load('saved', []).filter((one) =>
                            one.name !== entry.name));
                        savedMenu.open = false;
                    } }, icon('close'))))];
    }, { 'data-wide': true });

    function saveQuery() {
        const field = h('input', { type: 'text', 'aria-label': 'Name',
            placeholder: 'Name', required: true, maxlength: 80 });
        const form = h('form', { class: 'save', onsubmit: (e) => {
            e.preventDefault();
            save('saved', [...load('saved', []).filter((one) =>
                one.name !== field.value), { name: field.value,
                sql: text() }].sort((a, b) => a.name < b.name ? -1 : 1));
            box.close();
            toast('Saved in this browser');
        } }, field, h('button', { type: 'submit', class: 'primary' },
            'Save'));
        const box = dialog('Save this query', form);

        field.focus();
    }

    async function loadEditor() {
        const { createEditor } = await import('../editor.js');

        editor = createEditor({ text: draft, onRun: () => run(),
            onChange: keep, nonce: document.querySelector(
                'meta[name=qasino-nonce]').content });

        const focused = document.activeElement === plain;

        fill(place, editor.el);
        if (focused || !given) {
            editor.focus();
        }
        showFailure();
        loadSchema();
    }

    async function loadSchema() {
        try {
            const { rows } = await query('SELECT t.tablename, c.name FROM'
                + ' qasino_server_tables t JOIN pragma_table_info(t.tablename)'
                + ' c ORDER BY 1, c.cid');
            // those that are not listed
            const tables = {
                qasino_server_reports: ['tablename', 'identity', 'nr_rows',
                    'nr_updates', 'last_update_epoch', 'persist', 'carried'],
                qasino_server_slow_queries: ['statement', 'seconds', 'status',
                    'finished_epoch'],
            };

            for (const [tablename, column] of rows) {
                (Object.hasOwn(tables, tablename) ? tables[tablename]
                    : tables[tablename] = []).push(column);
            }
            editor?.setSchema(tables);
        } catch {
            // completion knows no tables, then
        }
    }

    place.append(plain);

    return {
        title: 'Query',
        el: h('div', { class: 'page query' }, heading, leaveWall,
            h('h1', { class: 'off-screen' }, 'Query'),
            place,
            h('div', { class: 'bar-row' }, runButton, follow,
                h('button', { type: 'button', title: 'Full screen (f)',
                    onclick: () => fullScreen(true) }, icon('expand'),
                'Full screen'),
                h('span', { class: 'spring' }),
                historyMenu, savedMenu, copies, downloads),
            error,
            bar, results),
        enter() {
            document.addEventListener('fullscreenchange', onFullScreen);
            view(chart.configured() ? 'chart' : 'grid');
            if (params.get('wall') === '1') {
                document.body.classList.add('wall');
            }
            loadEditor();
            if (given !== null) {
                run();
            }
        },
        leave() {
            document.removeEventListener('fullscreenchange', onFullScreen);
            stop.abort();
            editor?.destroy();
            chart.leave();
        },
        generation() {
            if (place.contains(document.activeElement)) {
                loadSchema();
            }
            if (following && !running) {
                run({ again: Boolean(result) });
            }
        },
        keys: {
            '/': () => editor ? editor.focus() : plain.focus(),
            f: () => fullScreen(!wall()),
            l: () => setFollowing(!following),
        },
        escape() {
            if (wall()) {
                fullScreen(false);
                return true;
            }
            return false;
        },
    };
}
