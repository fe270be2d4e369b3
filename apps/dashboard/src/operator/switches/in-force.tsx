import { plural, showDuration } from "../../format/count.ts";
import { showMinute } from "../../format/time.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Tick } from "../../ui/icons.tsx";
import type { SwitchTarget } from "./search.ts";
import type { Switched } from "./switches-query.ts";
import { rateWords, targetWords } from "./words.tsx";

/** What a switch did: on how many instances it holds, and how long that took. */
export function InForce({
  done: { item, tookMs },
  name,
  close,
}: {
  done: Switched;
  name?: string | undefined;
  close: () => void;
}) {
  const { acknowledged, total } = item.instances;
  const what = name ?? item.target_id ?? targetWords[item.target_type].word;
  const everywhere = acknowledged === total;
  return (
    <Dialog title={`${what} is ${titles[item.state]}`} close={close}>
      <p role="status" className="flex items-baseline gap-2">
        {everywhere && <Tick label="done" />}
        <span>
          {everywhere
            ? `In force on ${total === 1 ? "the one instance" : `all ${plural(total, "instance")}`} after ${showDuration(tookMs)}.`
            : `In force on ${acknowledged} of ${plural(total, "instance")} after ${showDuration(tookMs)}. The others take no new work until they know it.`}
        </span>
      </p>
      <p className="text-sm text-muted">
        {item.throttle_rpm !== undefined && `At most ${rateWords(item.throttle_rpm)}. `}
        {item.state === "off" && streamWords(item.target_type)}
        {item.until !== undefined && `It is lifted by itself on ${showMinute(item.until)}.`}
        {item.state === "on" && "New calls are served again; what was cut has to be asked anew."}
      </p>
      <div className="flex justify-end">
        <Button look="primary" data-first="" onClick={close}>
          Close
        </Button>
      </div>
    </Dialog>
  );
}

function streamWords(target: SwitchTarget): string {
  if (target === "token") return "";
  return target === "provider"
    ? "Open streams of it ended, charged to nobody. "
    : "Open streams of it were cut and settled for what was relayed. ";
}

const titles = { on: "on again", off: "off", throttled: "throttled" } as const;
