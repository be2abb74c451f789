import { useCallback, useEffect, useState } from "react";
import type { SingleKeysChoice } from "../app/preferences";
import { useStore } from "../app/store";
import type { Api } from "../http/api";
import { Icon } from "../icons/Icon";
import { useWords } from "../i18n/language";
import { atDesk } from "../session/me";
import { AlarmList } from "./AlarmList";
import type { Alarm } from "./alarm";
import type { Board } from "./board";
import { alarmOf, selectedAlarm } from "./board-state";
import { openAlarms } from "./book";
import { CommentDialog } from "./CommentDialog";
import { Details } from "./Details";
import { HelpDialog } from "./HelpDialog";
import { actionOf, type KeyAction } from "./keys";
import { permittedMoves, type Move } from "./moves";
import { RaiseDialog } from "./RaiseDialog";
import { ResolveDialog } from "./ResolveDialog";
import { tallyOf } from "./tally";
import "./alarms.css";

type Open = { kind: "resolve" | "comment"; alarm: Alarm } | { kind: "raise" } | { kind: "help" } | null;

/** The board: tabs, the list of alarms with their moves, the selected one's details, dialogs and keys. */
export function AlarmBoard({ board, api, singleKeys }: { board: Board; api: Api; singleKeys: SingleKeysChoice }) {
  const state = useStore(board);
  const keysOn = useStore(singleKeys);
  const [open, setOpen] = useState<Open>(null);
  const [sheet, setSheet] = useState(false);
  const selected = selectedAlarm(state);
  const canRaise = atDesk(board.me);

  const ask = useCallback(
    (alarm: Alarm, move: Move): void => {
      board.select(alarm.id);
      if (move === "resolve" || move === "comment") setOpen({ kind: move, alarm });
      else void board.move(alarm, move);
    },
    [board],
  );
  const showDetails = useCallback(() => setSheet(true), []);

  useKeys(keysOn, (action) => {
    if (action.kind === "select") return board.selectNext(action.by);
    if (action.kind === "help") return setOpen({ kind: "help" });
    if (action.kind === "unanswered") return board.selectUnanswered();
    if (action.kind === "tabs") return board.show(board.get().tab === "open" ? "closed" : "open");
    if (action.kind === "raise") return canRaise ? setOpen({ kind: "raise" }) : undefined;
    const id = selectedAlarm(board.get())?.id;
    if (id === undefined) return;
    if (action.kind === "move" && board.get().underWay.get(id) === action.move) return; // pressed twice
    board.afterMove(id, () => {
      const alarm = alarmOf(board.get(), id);
      if (!alarm) return;
      if (action.kind === "responder") return board.nextResponder(alarm);
      const permitted = permittedMoves(alarm, board.me, board.responderFor(alarm));
      if (permitted.includes(action.move)) ask(alarm, action.move);
      else board.refuse(alarm.id, action.move);
    });
  });

  const close = (): void => setOpen(null);
  return (
    <main className="board">
      <Toolbar
        board={board}
        onRaise={canRaise ? () => setOpen({ kind: "raise" }) : null}
        onHelp={() => setOpen({ kind: "help" })}
      />
      <AlarmList board={board} onMove={ask} onDetails={showDetails} />
      <Details board={board} api={api} alarm={selected} sheet={sheet} onClose={() => setSheet(false)} />
      {open?.kind === "resolve" && (
        <ResolveDialog
          alarm={open.alarm}
          onClose={close}
          onResolve={(extra) => (close(), void board.move(open.alarm, "resolve", extra))}
        />
      )}
      {open?.kind === "comment" && (
        <CommentDialog
          alarm={open.alarm}
          onClose={close}
          onComment={(note) => (close(), void board.move(open.alarm, "comment", { note }))}
        />
      )}
      {open?.kind === "raise" && (
        <RaiseDialog api={api} onClose={close} onRaised={(alarm) => (close(), board.raised(alarm))} />
      )}
      {open?.kind === "help" && <HelpDialog singleKeys={singleKeys} onClose={close} />}
    </main>
  );
}

function Toolbar({ board, onRaise, onHelp }: { board: Board; onRaise: (() => void) | null; onHelp: () => void }) {
  const words = useWords();
  const { book, tab } = useStore(board);
  const tally = tallyOf(openAlarms(book));
  return (
    <div className="toolbar">
      <div className="tabs">
        <button type="button" className="tab" aria-pressed={tab === "open"} onClick={() => board.show("open")}>
          {words.board.open} <span className="count">{tally.open}</span>
        </button>
        <button type="button" className="tab" aria-pressed={tab === "closed"} onClick={() => board.show("closed")}>
          {words.board.closed}
        </button>
      </div>
      {tally.unanswered > 0 && (
        <button type="button" className="waiting" onClick={() => board.selectUnanswered()}>
          {words.board.waiting(tally.unanswered)} <kbd>u</kbd>
        </button>
      )}
      {tally.drills > 0 && (
        <button type="button" className="drills" onClick={() => board.selectDrill()}>
          {words.drill.open(tally.drills)}
        </button>
      )}
      <span className="header-gap" />
      {onRaise && (
        <button type="button" className="button" onClick={onRaise}>
          <Icon name="phone" />
          <span className="unseen-narrow">
            {words.raise.open} <kbd>n</kbd>
          </span>
        </button>
      )}
      <button
        type="button"
        className="button quiet wide-only"
        onClick={onHelp}
        aria-label={words.help.open}
        title={words.help.open}
      >
        <kbd>?</kbd>
      </button>
    </div>
  );
}

/** Listens to the whole page; what belongs to a field or a dialog stays there. */
function useKeys(singleKeys: boolean, act: (action: KeyAction) => void): void {
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      const { key, ctrlKey, metaKey, altKey, repeat, isComposing } = event;
      const typing = isTyping(event);
      const action = actionOf({ key, ctrlKey, metaKey, altKey, repeat, isComposing, typing }, singleKeys);
      if (!action || event.defaultPrevented) return;
      event.preventDefault();
      act(action);
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  });
}

function isTyping(event: KeyboardEvent): boolean {
  const target = event.target instanceof Element ? event.target : null;
  return (
    target?.closest("input, textarea, select, [contenteditable]") != null ||
    document.querySelector("dialog[open]") !== null
  );
}
