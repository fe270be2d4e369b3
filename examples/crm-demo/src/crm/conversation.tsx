import { useEffect, useRef } from "react";
import { MarkIcon } from "../page/icons.tsx";
import { useStore } from "../store.ts";
import { desk } from "./desk.ts";
import { longAge, type Message, type Ticket } from "./tickets.ts";

/** What customer and desk have written; scrolls to the newest when something was sent. */
export function Conversation({ ticket }: { ticket: Ticket }) {
  const sent = useStore(desk).replies[ticket.id] ?? [];
  const end = useRef<HTMLDivElement>(null);
  const count = ticket.messages.length + sent.length;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new message or another ticket is the reason to scroll
  useEffect(() => {
    end.current?.scrollIntoView({ block: "nearest" });
  }, [count, ticket.id]);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: without it a keyboard could not scroll a long conversation
    <section className="thread" aria-label="Conversation" tabIndex={0}>
      <div className="thread-inner">
        {[...ticket.messages, ...sent].map((message) => (
          <MessageView key={`${message.minutesAgo} ${message.text}`} message={message} ticket={ticket} />
        ))}
        <div ref={end} />
      </div>
    </section>
  );
}

function MessageView({ message, ticket }: { message: Message; ticket: Ticket }) {
  const fromCustomer = message.from === "customer";
  return (
    <article className="message">
      <span className={fromCustomer ? "avatar" : "avatar desk"} aria-hidden="true">
        {fromCustomer ? ticket.initials : <MarkIcon />}
      </span>
      <div>
        <header>
          <b>{fromCustomer ? ticket.company : "Larkspur desk"}</b>{" "}
          <span className="faint">{message.minutesAgo === 0 ? "just now" : longAge(message.minutesAgo)}</span>
        </header>
        <p>{message.text}</p>
      </div>
    </article>
  );
}
