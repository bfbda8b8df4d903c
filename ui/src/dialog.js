// Dialogs.

import { copy, h } from './dom.js';

export function dialog(title, content, ...buttons) {
    const box = h('dialog', { 'aria-label': title, onclose: () =>
        box.remove(), onclick: (e) => e.target === box && box.close() },
    h('div', { class: 'dialog' },
        h('h2', null, title), content,
        h('div', { class: 'dialog-buttons' }, buttons,
            h('button', { type: 'button', onclick: () => box.close() },
                'Close'))));

    document.body.append(box);
    box.showModal();
    return box;
}

// A cell in full.
export function showCell(name, value) {
    const text = value === null ? 'NULL' : String(value);

    dialog(name, h('pre', { tabindex: 0, class: 'cell-text' }, text),
        h('button', { type: 'button', onclick: () => copy(text, 'Cell') },
            'Copy'));
}
