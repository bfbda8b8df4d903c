// The SQL editor: CodeMirror with SQLite's dialect.  A chunk of its own,
// loaded with the first page that has an editor.
//
// Tab is left to the browser, so that the keyboard gets out of it again.

import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap,
    acceptCompletion } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { SQLite, sql } from '@codemirror/lang-sql';
import { bracketMatching, HighlightStyle, syntaxHighlighting }
    from '@codemirror/language';
import { Compartment, EditorState, Prec, StateEffect, StateField }
    from '@codemirror/state';
import { Decoration, drawSelection, EditorView, highlightSpecialChars, keymap,
    lineNumbers, placeholder } from '@codemirror/view';
import { tags as t } from '@lezer/highlight';

import { functions } from './functions.js';

const colors = HighlightStyle.define([
    { tag: [t.keyword, t.operatorKeyword], color: 'var(--code-keyword)' },
    { tag: [t.string, t.special(t.string)], color: 'var(--code-string)' },
    { tag: [t.number, t.bool, t.null], color: 'var(--code-number)' },
    { tag: [t.lineComment, t.blockComment], color: 'var(--text-3)',
      fontStyle: 'italic' },
    { tag: [t.standard(t.name), t.function(t.name), t.typeName],
      color: 'var(--code-function)' },
    { tag: [t.operator, t.punctuation], color: 'var(--text-2)' },
]);

const setError = StateEffect.define();

// the place of the last error, until the text there changes
const errorField = StateField.define({
    create: () => Decoration.none,
    update(marks, transaction) {
        marks = transaction.docChanged ? Decoration.none : marks;
        for (const effect of transaction.effects) {
            if (effect.is(setError)) {
                marks = effect.value ? Decoration.set([Decoration.mark({
                    class: 'cm-error',
                    attributes: { title: effect.value.message },
                }).range(effect.value.from, effect.value.to)])
                    : Decoration.none;
            }
        }
        return marks;
    },
    provide: (field) => EditorView.decorations.from(field),
});

const dialect = SQLite;

function language(schema) {
    return [
        sql({ dialect, schema, upperCaseKeywords: true }),
        dialect.language.data.of({ autocomplete: completeFunction }),
    ];
}

function completeFunction(context) {
    const word = context.matchBefore(/\w+/);

    if (!word || (word.from === word.to && !context.explicit)
        || /\.\s*$/.test(context.state.sliceDoc(
            Math.max(0, word.from - 2), word.from)))
    {
        return null;
    }
    return { from: word.from, validFor: /^\w*$/, options: functions.map(
        (label) => ({ label, apply: `${label}(`, type: 'function',
            detail: '()', boost: -1 })) };
}

// Typing over a selection: the browser would keep the style of what was
// there, inline, which the policy forbids.
function typeOver(event, view) {
    if (event.inputType !== 'insertText' || !event.data || view.composing
        || view.state.selection.main.empty)
    {
        return false;
    }

    const { from, to } = view.state.selection.main;
    const insert = () => view.state.update(
        view.state.replaceSelection(event.data),
        { userEvent: 'input.type', scrollIntoView: true });

    event.preventDefault();
    if (!view.state.facet(EditorView.inputHandler).some((handler) =>
        handler(view, from, to, event.data, insert)))
    {
        view.dispatch(insert());
    }
    return true;
}

export function createEditor({ text, nonce, onRun, onChange }) {
    const schema = new Compartment();
    const view = new EditorView({
        state: EditorState.create({
            doc: text,
            extensions: [
                EditorView.cspNonce.of(nonce),
                lineNumbers(), highlightSpecialChars(), history(),
                drawSelection(), bracketMatching(), closeBrackets(),
                autocompletion({ activateOnTyping: true, icons: false }),
                EditorView.lineWrapping,
                syntaxHighlighting(colors), errorField,
                placeholder('SELECT … FROM …'),
                EditorView.contentAttributes.of({ 'aria-label': 'SQL' }),
                EditorView.domEventHandlers({ beforeinput: typeOver }),
                schema.of(language({})),
                Prec.highest(keymap.of([
                    { key: 'Mod-Enter', run: () => { onRun(); return true; } },
                    { key: 'Tab', run: acceptCompletion },
                ])),
                keymap.of([...closeBracketsKeymap, ...completionKeymap,
                    ...historyKeymap, ...defaultKeymap]),
                EditorView.updateListener.of((update) => {
                    if (update.docChanged) {
                        onChange?.(view.state.doc.toString());
                    }
                }),
            ],
        }),
    });

    return {
        el: view.dom,
        text: () => view.state.doc.toString(),
        focus: () => view.focus(),
        setText(value) {
            view.dispatch({
                changes: { from: 0, to: view.state.doc.length, insert: value },
                selection: { anchor: value.length },
            });
        },
        setSchema(tables) {
            view.dispatch({ effects: schema.reconfigure(language(tables)) });
        },
        // place: [from, to], or null for none
        showError(place, message) {
            const last = view.state.doc.length;
            const from = place && Math.min(place[0], last);
            const to = place && Math.min(Math.max(place[1], from + 1), last);

            view.dispatch({
                effects: setError.of(place && from < to
                    ? { from, to, message } : null),
                ...(place && from < to
                    ? { selection: { anchor: from }, scrollIntoView: true }
                    : {}),
            });
        },
        line: (at) => view.state.doc.lineAt(
            Math.min(at, view.state.doc.length)),
        destroy: () => view.destroy(),
    };
}
