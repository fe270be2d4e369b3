import { useQuery } from "@tanstack/react-query";
import { useSyncExternalStore } from "react";
import { Conversation } from "./crm/conversation.tsx";
import { desk, mostReplyTokens, promptFor, ticketOf } from "./crm/desk.ts";
import { ReplyComposer } from "./crm/reply-composer.tsx";
import { TicketList } from "./crm/ticket-list.tsx";
import type { Ticket } from "./crm/tickets.ts";
import { showUsd } from "./money/amount.ts";
import { MarkIcon, ThemeIcon } from "./page/icons.tsx";
import { Shortcuts } from "./page/shortcuts.tsx";
import { SourceStrip } from "./page/source-strip.tsx";
import { useTheme } from "./page/theme.ts";
import { mostCharge, readModels } from "./requests/models.ts";
import { useStore } from "./store.ts";
import { walletView } from "./wallet/follow-wallet.ts";
import { WalletPane } from "./wallet/wallet-pane.tsx";

export function App() {
  const ticket = ticketOf(useSyncExternalStore(onHashChange, () => location.hash));
  const [theme, toggleTheme] = useTheme();
  const { wallet } = useStore(walletView);
  // Asked again until the gateway is there: what the page says about prices and simulation comes from it.
  const models = useQuery({
    queryKey: ["models"],
    queryFn: ({ signal }) => readModels(signal),
    refetchInterval: (query) => (query.state.data ? false : 3_000),
  });
  return (
    <div className="app">
      <a className="skip" href="#reply">
        Skip to the reply
      </a>
      <nav className="side" aria-label="Tickets">
        <header className="brand">
          <MarkIcon />
          <span>Larkspur CRM</span>
          <a className="balance-link num" href="#wallet">
            {wallet ? showUsd(wallet.balance_usd, { round: "down" }) : "Wallet"}
          </a>
          <button
            type="button"
            className="icon-button"
            aria-label={theme === "dark" ? "Use the light theme" : "Use the dark theme"}
            onClick={toggleTheme}
          >
            <ThemeIcon />
          </button>
          <Shortcuts toggleTheme={toggleTheme} />
        </header>
        <TicketList chosen={ticket} />
      </nav>
      <main>
        <SourceStrip models={models.data} />
        <header className="bar">
          <div>
            <h1>{ticket.subject}</h1>
            <p className="muted">
              {ticket.company} · {ticket.plan} · #{ticket.id}
            </p>
          </div>
          <TicketState ticket={ticket} />
        </header>
        <Conversation ticket={ticket} />
        <div id="reply">
          <ReplyComposer
            key={ticket.id}
            ticket={ticket}
            mostUsd={mostCharge(models.data, promptFor(ticket), mostReplyTokens)}
          />
        </div>
      </main>
      <WalletPane models={models.data} />
    </div>
  );
}

function TicketState({ ticket }: { ticket: Ticket }) {
  const answered = (useStore(desk).replies[ticket.id] ?? []).length > 0;
  return answered ? <span className="chip good">Answered</span> : <span className="chip">Open</span>;
}

function onHashChange(listener: () => void): () => void {
  addEventListener("hashchange", listener);
  return () => removeEventListener("hashchange", listener);
}
