import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Command } from "cmdk";
import { useState } from "react";
import type { Session } from "../api/session.ts";
import { appsQuery } from "../developer/apps/apps-query.ts";
import { Dialog } from "../ui/dialog.tsx";
import { placesOf } from "./places.ts";

const itemClass =
  "flex h-9 cursor-pointer items-center justify-between gap-4 rounded-sm px-3 data-[selected=true]:bg-accent-weak data-[selected=true]:text-accent";

/** Anywhere by a few letters: screens, apps, a request by its id. */
export function Palette({
  session,
  close,
  acts,
}: {
  session: Session;
  close: () => void;
  acts: readonly Act[];
}) {
  const [text, setText] = useState("");
  const navigate = useNavigate();
  const apps = useQuery({ ...appsQuery(), enabled: session.kind === "developer" });
  const requestId = requestIdIn(text);
  const go = (arrive: () => unknown) => {
    close();
    arrive();
  };
  return (
    <Dialog title="Go anywhere" close={close} bare>
      <Command label="Go anywhere" shouldFilter={requestId === null}>
        <Command.Input
          data-first=""
          value={text}
          onValueChange={setText}
          placeholder="Screen, app or request id"
          className="h-12 w-full rounded-t border-b border-line bg-transparent px-4 text-lg outline-none focus-visible:shadow-none"
        />
        <Command.List className="max-h-[50vh] overflow-auto p-2 [&_[cmdk-group-heading]]:px-3 [&_[cmdk-group-heading]]:py-1.5 [&_[cmdk-group-heading]]:text-xs [&_[cmdk-group-heading]]:text-faint">
          <Command.Empty className="px-3 py-6 text-muted">Nothing is called that.</Command.Empty>
          {requestId !== null && (
            <Command.Item
              className={itemClass}
              onSelect={() => go(() => navigate({ to: "/requests/$requestId", params: { requestId } }))}
            >
              <span className="truncate">Open request {requestId}</span>
            </Command.Item>
          )}
          {requestId === null && (
            <>
              <Command.Group heading="Screens">
                {placesOf(session).map(({ to, label, group }) => (
                  <Command.Item
                    key={to}
                    value={`${label} ${group}`}
                    className={itemClass}
                    onSelect={() => go(() => navigate({ to }))}
                  >
                    {label}
                    <span className="text-xs text-faint">{group}</span>
                  </Command.Item>
                ))}
              </Command.Group>
              {apps.data && apps.data.items.length > 0 && (
                <Command.Group heading="Apps">
                  {apps.data.items.map(({ public_app_id: appId, name }) => (
                    <Command.Item
                      key={appId}
                      value={`${name} ${appId}`}
                      className={itemClass}
                      onSelect={() => go(() => navigate({ to: "/apps/$appId", params: { appId } }))}
                    >
                      <span className="truncate">{name}</span>
                      <span className="truncate text-xs text-faint">{appId}</span>
                    </Command.Item>
                  ))}
                </Command.Group>
              )}
              <Command.Group heading="Acts">
                {acts.map(({ label, act }) => (
                  <Command.Item
                    key={label}
                    value={label}
                    className={itemClass}
                    onSelect={() => {
                      close();
                      act();
                    }}
                  >
                    {label}
                  </Command.Item>
                ))}
              </Command.Group>
            </>
          )}
        </Command.List>
      </Command>
    </Dialog>
  );
}

export type Act = { label: string; act: () => void };

/** `req_<uuid>` where somebody pasted a request or receipt id, with or without its prefix. */
function requestIdIn(text: string): string | null {
  const match = /(?:^|_)([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/.exec(text.trim());
  return match ? `req_${match[1]}` : null;
}
