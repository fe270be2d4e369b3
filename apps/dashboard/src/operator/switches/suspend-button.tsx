import { useRouteContext } from "@tanstack/react-router";
import { useState } from "react";
import { may } from "../../api/session.ts";
import { Button } from "../../ui/button.tsx";
import type { SwitchTarget } from "./search.ts";
import { SetSwitchDialog } from "./set-switch-dialog.tsx";

/** Suspends what a screen shows, from that screen; the dialog stays to say what it did when the button has gone. */
export function SuspendButton({ type, id, name, label, offered }: Suspendable) {
  const { session } = useRouteContext({ from: "/console" });
  const [opened, setOpened] = useState(false);
  if (!may(session, "operator:switches")) return null;
  return (
    <>
      {offered && (
        <Button look="danger" onClick={() => setOpened(true)}>
          {label}
        </Button>
      )}
      {opened && <SetSwitchDialog target={{ type, id, name }} close={() => setOpened(false)} />}
    </>
  );
}

type Suspendable = { type: SwitchTarget; id: string; name: string; label: string; offered: boolean };
