// The chart beside the grid: what to draw, and drawing it when it shows.

import { h, fill } from '../dom.js';
import { columnsOf } from '../grid.js';

const TYPES = ['bar', 'line', 'scatter', 'histogram'];
const ROWS_MAX = { bar: 2000, line: 100000, scatter: 100000,
    histogram: Infinity };

// data(): { names, rows } or null; changed(): the address is to say it
export function chartPanel(params, data, changed) {
    const config = {
        type: TYPES.includes(params.get('chart')) ? params.get('chart') : null,
        x: params.get('x'), y: params.getAll('y'),
    };
    let showing = false;
    let chart = null;
    let turn = 0;

    const el = h('div', { class: 'chart-box' });
    const controls = h('div', { class: 'chart-controls', hidden: true });

    const select = (label, options, value, onchange) => h('label', null,
        h('span', null, label), h('select', { onchange },
            options.map((name) => h('option', { value: name,
                selected: name === value }, name))));

    function draw() {
        const now = data();

        if (!showing || !now) {
            return;
        }
        complete(now);
        drawControls(now);
        render(now);
    }

    // What was not chosen, or is not there any more, is chosen here.
    function complete({ names, rows }) {
        const columns = columnsOf(names, rows);
        const numeric = columns.filter((c) => c.numeric).map((c) => c.name);
        const others = columns.filter((c) => !c.numeric).map((c) => c.name);

        config.type ??= 'bar';
        config.y = config.y.filter((name) => names.includes(name));
        if (!names.includes(config.x)) {
            config.x = others[0] ?? names[0];
        }
        if (!config.y.length) {
            config.y = [numeric.find((name) => name !== config.x)
                ?? names.at(-1)].filter((name) => name !== undefined);
        }
    }

    function drawControls({ names }) {
        const set = (change) => {
            change();
            changed();
            draw();
        };
        const many = config.type !== 'histogram';

        fill(controls,
            select('Chart', TYPES, config.type, (e) => set(() => {
                config.type = e.target.value;
            })),
            many && select('x', names, config.x, (e) => set(() => {
                config.x = e.target.value;
            })),
            config.y.slice(0, many ? undefined : 1).map((name, i) =>
                select(many ? 'y' : 'of', i ? ['(none)', ...names] : names,
                    name, (e) => set(() => {
                        e.target.value === '(none)' ? config.y.splice(i, 1)
                            : config.y[i] = e.target.value;
                    }))),
            many && config.y.length < Math.min(6, names.length) && h('button',
                { type: 'button', class: 'quiet', title:
                    'Another column', onclick: () => set(() => {
                    config.y.push(names.find((name) => name !== config.x
                        && !config.y.includes(name)) ?? names[0]);
                }) }, 'Add y'));
    }

    async function render({ names, rows }) {
        const mine = ++turn;
        const { createChart } = await import('../chart.js');

        if (mine !== turn || !showing) {
            return;
        }
        chart?.destroy();
        chart = null;
        if (!rows.length || !config.y.length) {
            fill(el, h('p', { class: 'grid-empty' }, 'Nothing to draw'));
            return;
        }
        chart = createChart(config, names, rows.slice(0,
            ROWS_MAX[config.type]), () => ({
            width: Math.max(200, el.clientWidth - 24),
            height: Math.max(160, el.clientHeight - 24
                - (config.y.length > 1 || config.type === 'line'
                    || config.type === 'scatter' ? 32 : 0)),
        }));
        fill(el, chart.el);
    }

    addEventListener('themechange', draw);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change',
        draw);

    return {
        el, controls, draw,
        configured: () => Boolean(params.get('chart')),
        parameters: () => showing && config.type ? [['chart', config.type],
            ['x', config.x ?? ''], ...config.y.map((name) => ['y', name])]
            : [],
        // another statement: its columns are chosen anew if they differ
        offer(names) {
            if (!names.includes(config.x)) {
                config.x = null;
            }
            config.y = config.y.filter((name) => names.includes(name));
        },
        visible(on) {
            showing = on;
            controls.hidden = !on;
            draw();
        },
        leave() {
            showing = false;
            removeEventListener('themechange', draw);
            chart?.destroy();
        },
    };
}
