import { useId, useLayoutEffect, useRef, type FormEvent, type KeyboardEvent, type ReactNode } from "react";
import { Icon } from "../icons/Icon";
import { useWords } from "../i18n/language";
import "./dialog.css";

interface DialogProps {
  heading: string;
  onClose: () => void;
  children: ReactNode;
  /** With it the dialog is a form, and Enter submits it. The element marked `data-first` gets the focus. */
  submit?: { label: string; busy?: boolean; onSubmit: () => void };
}

/** A modal dialog on the browser's own element: it keeps the focus inside, closes by Escape, and gives the focus back. */
export function Dialog({ heading, onClose, children, submit }: DialogProps) {
  const words = useWords();
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();

  useLayoutEffect(() => {
    const dialog = ref.current!;
    dialog.showModal();
    dialog.querySelector<HTMLElement>("[data-first]")?.focus();
    return () => dialog.close();
  }, []);

  const send = (event: FormEvent): void => {
    event.preventDefault();
    if (!submit?.busy) submit?.onSubmit();
  };

  // In a note Enter is a new line; with Ctrl it submits.
  const keys = (event: KeyboardEvent<HTMLFormElement>): void => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.currentTarget.requestSubmit();
  };

  return (
    <dialog ref={ref} className="dialog" aria-labelledby={id} onCancel={(event) => (event.preventDefault(), onClose())}>
      <form onSubmit={send} onKeyDown={keys} noValidate>
        <header>
          <h2 id={id}>{heading}</h2>
          <button type="button" className="button quiet square" onClick={onClose} aria-label={words.dialog.close}>
            <Icon name="cross" />
          </button>
        </header>
        {children}
        <footer>
          <button type="button" className="button" onClick={onClose}>
            {submit ? words.dialog.cancel : words.dialog.close}
          </button>
          {submit && (
            <button className="button primary" aria-disabled={submit.busy ?? false}>
              {submit.label}
            </button>
          )}
        </footer>
      </form>
    </dialog>
  );
}
