import { Component, type ReactNode } from "react";
import { useWords } from "../i18n/language";

/** Catches a failure of what it holds: of one alarm's row without the rest, or, at the top, of the whole page. */
export class Crash extends Component<{ children: ReactNode; instead?: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children;
    return this.props.instead ?? <WholePage />;
  }
}

function WholePage() {
  const words = useWords();
  return (
    <main className="crash" role="alert">
      <h1>{words.crash.heading}</h1>
      <p>{words.crash.body}</p>
      <button type="button" className="button primary" onClick={() => location.reload()}>
        {words.crash.reload}
      </button>
    </main>
  );
}
