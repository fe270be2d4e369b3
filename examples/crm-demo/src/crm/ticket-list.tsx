import { useEffect, useRef } from "react";
import { useStore } from "../store.ts";
import { desk, isWriting } from "./desk.ts";
import { shortAge, type Ticket, tickets } from "./tickets.ts";

/** All tickets, newest first; the chosen one is named by the address, so going back works. */
export function TicketList({ chosen }: { chosen: Ticket }) {
  const { drafts, replies } = useStore(desk);
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => {
    list.current
      ?.querySelector(`[data-ticket="${chosen.id}"]`)
      ?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [chosen.id]);
  return (
    <ul className="tickets" ref={list}>
      {tickets.map((ticket) => {
        const draft = drafts[ticket.id];
        const sent = replies[ticket.id];
        const last = sent?.at(-1) ?? ticket.messages.at(-1);
        return (
          <li key={ticket.id}>
            <a
              className="ticket"
              href={`#ticket-${ticket.id}`}
              data-ticket={ticket.id}
              aria-current={ticket.id === chosen.id ? "true" : undefined}
            >
              <b>{ticket.subject}</b>
              <span className="faint num">
                {sent ? "sent" : shortAge(ticket.messages.at(-1)?.minutesAgo ?? 0)}
              </span>
              <span className="ticket-line">
                {draft && isWriting(draft) ? (
                  <span className="writing">Writing a reply…</span>
                ) : (
                  <>
                    {ticket.company} · {last?.text}
                  </>
                )}
              </span>
            </a>
          </li>
        );
      })}
    </ul>
  );
}
