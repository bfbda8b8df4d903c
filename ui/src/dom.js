// Elements.  Text only ever becomes a text node: nothing here, or anywhere
// in the UI, parses a string as HTML (and the page's policy forbids it).

const SVG = 'http://www.w3.org/2000/svg';

// h('a', { href, class, onclick, 'aria-label' }, child, [children], ...)
export function h(tag, props, ...children) {
    const el = document.createElement(tag);

    for (const [name, value] of Object.entries(props ?? {})) {
        if (value === undefined || value === null || value === false) {
            continue;
        }
        if (name.startsWith('on')) {
            el.addEventListener(name.slice(2), value);
        } else if (name === 'value' || name === 'checked') {
            el[name] = value;
        } else {
            el.setAttribute(name === 'class' ? 'class' : name,
                value === true ? '' : value);
        }
    }
    append(el, children);

    return el;
}

export function append(el, children) {
    for (const child of children.flat(Infinity)) {
        if (child !== undefined && child !== null && child !== false) {
            el.append(child);
        }
    }
    return el;
}

export function fill(el, ...children) {
    el.replaceChildren();
    return append(el, children);
}

export function s(tag, props, ...children) {
    const el = document.createElementNS(SVG, tag);

    for (const [name, value] of Object.entries(props ?? {})) {
        el.setAttribute(name, value);
    }
    el.append(...children);

    return el;
}

const paths = {
    search: 'M11 11l4 4M7 12.5a5.5 5.5 0 1 1 0-11 5.5 5.5 0 0 1 0 11z',
    play: 'M4 2.5v11l9-5.5z',
    live: 'M8 8h.01M5.2 10.8a4 4 0 0 1 0-5.6M10.8 5.2a4 4 0 0 1 0 5.6'
        + 'M3 13A7 7 0 0 1 3 3M13 3a7 7 0 0 1 0 10',
    expand: 'M6 2H2v4M10 2h4v4M6 14H2v-4M10 14h4v-4',
    sun: 'M8 5a3 3 0 1 1 0 6 3 3 0 0 1 0-6zM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15'
        + 'M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1',
    moon: 'M13.5 9.5A6 6 0 0 1 6.5 2.5a6 6 0 1 0 7 7z',
    auto: 'M8 2a6 6 0 1 1 0 12zM8 2a6 6 0 0 0 0 12',
    help: 'M6 6a2 2 0 1 1 2.7 1.9c-.5.2-.7.5-.7 1.1v.5M8 12h.01'
        + 'M8 1.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13z',
    close: 'M4 4l8 8M12 4l-8 8',
    down: 'M4 6l4 4 4-4',
    right: 'M6 4l4 4-4 4',
    filter: 'M2 3h12L9.5 8.5V13l-3-1.5v-3z',
    warn: 'M8 2l6.5 11.5h-13zM8 6.5v3M8 11.5h.01',
};

export function icon(name) {
    return s('svg', { viewBox: '0 0 16 16', class: 'icon',
        'aria-hidden': 'true' }, s('path', { d: paths[name] }));
}

// A button that opens a list of others.
export function menu(label, items, props) {
    const list = h('div', { class: 'menu-list' });
    const box = h('details', { class: 'menu', ...props },
        h('summary', { class: 'button' }, label, icon('down')), list);
    const close = () => { box.open = false; };

    box.addEventListener('toggle', () => {
        if (box.open) {
            fill(list, (typeof items === 'function' ? items() : items).map(
                (item) => item && (item.nodeType ? item : h('button', {
                    type: 'button',
                    onclick: () => { close(); item.run(); },
                }, item.label, item.note && h('small', null, item.note)))));
        }
    });
    box.addEventListener('keydown', (e) => {
        if (e.key === 'Escape' && box.open) {
            e.stopPropagation();
            close();
            box.firstChild.focus();
        } else if ((e.key === 'ArrowDown' || e.key === 'ArrowUp') && box.open) {
            const all = [...list.querySelectorAll('button, a')];
            const at = all.indexOf(document.activeElement);
            const step = e.key === 'ArrowDown' ? 1 : -1;
            e.preventDefault();
            all[(at + step + all.length) % all.length]?.focus();
        }
    });
    box.addEventListener('focusout', (e) => {
        if (e.relatedTarget && !box.contains(e.relatedTarget)) {
            close();
        }
    });
    document.addEventListener('pointerdown', (e) => {
        if (box.open && !box.contains(e.target)) {
            close();
        }
    });

    return box;
}

// What a screen reader says, and everyone sees for a moment.
export function toast(text) {
    const live = document.getElementById('toast');

    live.textContent = text;
    live.classList.add('on');
    clearTimeout(toast.timer);
    toast.timer = setTimeout(() => live.classList.remove('on'), 2500);
}

export async function copy(text, what) {
    try {
        await navigator.clipboard.writeText(text);
    } catch {
        // no clipboard without HTTPS: the old way
        const area = h('textarea', { value: text, class: 'off-screen' });

        document.body.append(area);
        area.select();
        document.execCommand('copy');
        area.remove();
    }
    toast(`${what} copied`);
}
