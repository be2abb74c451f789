import { Icon, type IconName } from "../icons/Icon";
import { clockTime, useWords } from "../i18n/language";
import type { Response, ResponseState } from "./alarm";

const ICON: Record<ResponseState, IconName> = {
  called: "phone",
  accepted: "check",
  declined: "cross",
  en_route: "way",
  arrived: "place",
  left: "out",
  handed_back: "back",
};

/** Who was called and how each answered, with the time of the last word. */
export function ResponseList({ responses, isOver }: { responses: readonly Response[]; isOver: boolean }) {
  const words = useWords();
  if (responses.length === 0) return null;
  return (
    <ul className="responses" aria-label={words.card.responses}>
      {responses.map((response) => {
        const at = lastWord(response);
        return (
          <li
            key={response.staff}
            className="response"
            data-response={response.state}
            data-overdue={Boolean(response.overdue_at)}
          >
            <Icon name={ICON[response.state] ?? "person"} />
            <strong>{response.name}</strong>{" "}
            {isOver && response.state === "called"
              ? words.card.didNotAnswer
              : (words.responseStates[response.state] ?? response.state)}
            {at && <span className="dim"> {clockTime(at)}</span>}
            {response.overdue_at && <strong className="late"> {words.card.overdue}</strong>}
          </li>
        );
      })}
    </ul>
  );
}

function lastWord(response: Response): string | null {
  switch (response.state) {
    case "called":
      return response.called_at;
    case "accepted":
      return response.accepted_at;
    case "en_route":
      return response.en_route_at;
    case "arrived":
      return response.arrived_at;
    case "left":
      return response.left_at;
    default:
      return null;
  }
}
