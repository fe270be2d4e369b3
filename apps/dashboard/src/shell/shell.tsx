import { useQueryClient, useSuspenseQuery } from "@tanstack/react-query";
import { Link, Outlet, useRouter, useRouterState } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { hasSwitched, type Session, sessionQuery, signOut, switchSession } from "../api/session.ts";
import { useProofAsked } from "../api/step-up.ts";
import { Button } from "../ui/button.tsx";
import { classNames } from "../ui/class-names.ts";
import { Lens, Lines, Mark, SunOrMoon } from "../ui/icons.tsx";
import { onKey } from "./keyboard.ts";
import { KeysDialog } from "./keys-dialog.tsx";
import type { Act } from "./palette.tsx";
import { placesOf } from "./places.ts";
import { toggleTheme, useTheme } from "./theme.ts";

const Palette = lazy(() =>
  import("./palette.tsx").then(({ Palette: component }) => ({ default: component })),
);

const StepUpDialog = lazy(() =>
  import("./step-up-dialog.tsx").then(({ StepUpDialog: component }) => ({ default: component })),
);

type Opened = "palette" | "keys" | null;

/** Menu, keys and palette around every screen of somebody who is signed in. */
export function Shell() {
  const { data: session } = useSuspenseQuery(sessionQuery);
  // For the moment between signing out and the sign-in screen.
  if (!session) return null;
  return <Frame session={session} />;
}

function Frame({ session }: { session: Session }) {
  const [opened, setOpened] = useState<Opened>(null);
  const [menu, setMenu] = useState(false);
  const main = useFocusOnNavigation(() => setMenu(false));
  const acts = useActs(session, () => setOpened("keys"));
  const answerProof = useProofAsked();
  useEffect(() => {
    const opens = { openPalette: () => setOpened("palette"), openKeys: () => setOpened("keys") };
    const listener = (event: KeyboardEvent) => onKey(event, opens);
    addEventListener("keydown", listener);
    return () => removeEventListener("keydown", listener);
  }, []);
  return (
    <div className="grid min-h-dvh grid-cols-[208px_minmax(0,1fr)] max-lg:grid-cols-[minmax(0,1fr)] max-lg:grid-rows-[auto_1fr]">
      <Button
        className="absolute top-2 left-2 z-10 -translate-y-16 focus:translate-y-0"
        onClick={() => main.current?.focus()}
      >
        Skip to the content
      </Button>
      <header
        className={classNames(
          "flex min-h-0 flex-col border-line bg-sunken p-2 lg:sticky lg:top-0 lg:h-dvh lg:border-r lg:pt-4",
          "max-lg:border-b max-lg:px-4",
        )}
      >
        <div className="flex items-center gap-2 lg:px-2 lg:pb-3">
          <Mark />
          <b className="tracking-tight">ModelFaucet</b>
          <span className="ml-auto flex gap-1 lg:hidden">
            <Button
              look="quiet"
              className="w-8 px-0"
              aria-label="Go anywhere"
              onClick={() => setOpened("palette")}
            >
              <Lens />
            </Button>
            <Button
              look="quiet"
              className="w-8 px-0"
              aria-label="Menu"
              aria-expanded={menu}
              onClick={() => setMenu(!menu)}
            >
              <Lines />
            </Button>
          </span>
        </div>
        <div className={classNames("flex min-h-0 flex-1 flex-col max-lg:pb-2", !menu && "max-lg:hidden")}>
          <Button
            look="plain"
            className="mb-3 w-full justify-start px-2.5 font-normal text-muted max-lg:hidden"
            onClick={() => setOpened("palette")}
          >
            <Lens /> Go anywhere <span className="num ml-auto text-xs text-faint">Ctrl K</span>
          </Button>
          <Menu session={session} />
          <Account session={session} acts={acts} />
        </div>
      </header>
      <main id="main" ref={main} tabIndex={-1} className="min-w-0 outline-none focus-visible:shadow-none">
        <OfflineStrip />
        <div className="w-full max-w-[1200px] px-8 py-5 pb-12 max-lg:px-4">
          <Outlet />
        </div>
      </main>
      {opened === "keys" && <KeysDialog close={() => setOpened(null)} />}
      {opened === "palette" && (
        <Suspense>
          <Palette session={session} close={() => setOpened(null)} acts={acts} />
        </Suspense>
      )}
      {answerProof && (
        <Suspense>
          <StepUpDialog answer={answerProof} />
        </Suspense>
      )}
    </div>
  );
}

function Menu({ session }: { session: Session }) {
  const places = placesOf(session);
  return (
    <nav aria-label="Screens" className="grid gap-px overflow-auto p-0.5">
      {places.map(({ to, label }) => (
        <Link
          key={to}
          to={to}
          activeOptions={{ exact: to === "/" || to === "/operator", includeSearch: false }}
          className="rounded-sm px-2.5 py-1.5 text-sm text-muted no-underline hover:text-text aria-[current]:bg-surface aria-[current]:text-text aria-[current]:not-focus-visible:shadow-[inset_0_0_0_1px_var(--border)]"
        >
          {label}
        </Link>
      ))}
    </nav>
  );
}

function Account({ session, acts }: { session: Session; acts: readonly Act[] }) {
  const [theme, keysAct, out, back] = acts;
  return (
    <div className="mt-auto grid gap-1 px-2.5 pt-3 text-sm">
      <p className="truncate" title={session.person.email ?? session.person.name}>
        {session.person.name}
      </p>
      <p className="truncate text-xs text-faint">{session.kind === "operator" ? "Operator" : "Developer"}</p>
      {back && (
        <Button small className="my-1" onClick={back.act}>
          {back.label}
        </Button>
      )}
      <div className="-ml-2 flex items-center">
        <Button look="quiet" small onClick={out?.act}>
          Sign out
        </Button>
        <Button
          look="quiet"
          small
          className="ml-auto w-7 px-0"
          aria-label={theme?.label}
          onClick={theme?.act}
        >
          <SunOrMoon />
        </Button>
        <Button look="quiet" small className="w-7 px-0" aria-label={keysAct?.label} onClick={keysAct?.act}>
          ?
        </Button>
      </div>
    </div>
  );
}

function useActs(session: Session, openKeys: () => void): readonly Act[] {
  const theme = useTheme();
  const queryClient = useQueryClient();
  const router = useRouter();
  const back = {
    label: "Be the operator again",
    // Who may not is told so by its absence from then on.
    act: () =>
      void switchSession(queryClient, { operator: true })
        .then(() => router.navigate({ to: "/operator" }))
        .catch(() => router.invalidate()),
  };
  return [
    { label: theme === "dark" ? "Use the light theme" : "Use the dark theme", act: toggleTheme },
    { label: "Keyboard shortcuts", act: openKeys },
    {
      label: "Sign out",
      act: () => void signOut(queryClient).finally(() => router.navigate({ to: "/sign-in" })),
    },
    ...(hasSwitched(session) ? [back] : []),
  ];
}

/** A new screen is read from its top, also by who cannot see it; a changed filter leaves the focus where it is. */
function useFocusOnNavigation(then: () => void) {
  const main = useRef<HTMLElement>(null);
  const path = useRouterState({ select: ({ location }) => location.pathname });
  const first = useRef(path);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the path alone is what a new screen is told by.
  useEffect(() => {
    if (first.current === path) return;
    first.current = path;
    then();
    main.current?.focus({ preventScroll: true });
  }, [path]);
  return main;
}

function OfflineStrip() {
  const online = useSyncExternalStore(
    (listener) => {
      addEventListener("online", listener);
      addEventListener("offline", listener);
      return () => {
        removeEventListener("online", listener);
        removeEventListener("offline", listener);
      };
    },
    () => navigator.onLine,
  );
  if (online) return null;
  return (
    <p role="status" className="bg-warn-weak px-8 py-1.5 text-xs text-warn max-lg:px-4">
      Offline. What you see was true when it was read; it is read again when the connection is back.
    </p>
  );
}
