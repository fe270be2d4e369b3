import { FaucetProvider, useWallet } from "@modelfaucet/react";
import { useQuery } from "@tanstack/react-query";
import { useMemo, useSyncExternalStore } from "react";
import { Conversation } from "./crm/conversation.tsx";
import { desk, mostReplyTokens, promptFor, ticketOf } from "./crm/desk.ts";
import { ReplyComposer } from "./crm/reply-composer.tsx";
import { TicketList } from "./crm/ticket-list.tsx";
import type { Ticket } from "./crm/tickets.ts";
import { apiBaseUrl, faucet, gatewayBaseUrl, publicAppId } from "./faucet.ts";
import { showUsd } from "./money/amount.ts";
import { MarkIcon, ThemeIcon } from "./page/icons.tsx";
import { Shortcuts } from "./page/shortcuts.tsx";
import { SourceStrip } from "./page/source-strip.tsx";
import { type Theme, useTheme } from "./page/theme.ts";
import { priceReply, readModels } from "./requests/models.ts";
import { useStore } from "./store.ts";
import { WalletPane } from "./wallet/wallet-pane.tsx";

/** The look of the package's components is that of this page: its variables are the page's own. */
const variables = {
  "--mf-color-primary": "var(--accent)",
  "--mf-color-on-primary": "var(--on-accent)",
  "--mf-color-text": "var(--text)",
  "--mf-color-muted": "var(--muted)",
  "--mf-color-background": "var(--surface)",
  "--mf-color-border": "var(--border)",
  "--mf-color-error": "var(--bad)",
  "--mf-radius": "var(--radius)",
} as const;

export function App() {
  const [theme, toggleTheme] = useTheme();
  const appearance = useMemo(() => ({ theme, variables }), [theme]);
  return (
    <FaucetProvider
      publicAppId={publicAppId}
      client={faucet}
      baseUrl={apiBaseUrl}
      gatewayBaseUrl={gatewayBaseUrl}
      locale="en"
      appearance={appearance}
    >
      <Desk theme={theme} toggleTheme={toggleTheme} />
    </FaucetProvider>
  );
}

function Desk({ theme, toggleTheme }: { theme: Theme; toggleTheme: () => void }) {
  const ticket = ticketOf(useSyncExternalStore(onHashChange, () => location.hash));
  const { wallet } = useWallet();
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
            price={priceReply(models.data, promptFor(ticket), mostReplyTokens)}
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
