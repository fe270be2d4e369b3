import { type DragEvent, useRef, useState } from "react";
import { Button } from "../../ui/button.tsx";
import { classNames } from "../../ui/class-names.ts";
import { LinedText, type LineFault } from "../../ui/lined-text.tsx";

/** As the server's own importer takes; a longer one is no price list. */
const mostCharacters = 16 * 1024 * 1024;
/** What can be edited in place; a longer one is shown by its name alone. */
const mostShown = 200_000;
const mostFaults = 50;

/** A price list, pasted, dropped or chosen as a file. */
export function ListInput({
  text,
  faults,
  change,
}: {
  text: string;
  faults: readonly LineFault[];
  change: (text: string) => void;
}) {
  const [name, setName] = useState("");
  const [over, setOver] = useState(false);
  const [trouble, setTrouble] = useState<string>();
  const chooser = useRef<HTMLInputElement>(null);
  const take = async (file: File | undefined) => {
    if (!file) return;
    setTrouble(undefined);
    if (file.size > mostCharacters) return setTrouble(`${file.name} is larger than 16 MiB.`);
    setName(file.name);
    change(await file.text());
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    void take(event.dataTransfer.files[0]);
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: dropping is one more way; the button and the field are the others.
    <div
      className="grid gap-3"
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <div className={classNames("rounded-sm", over && "shadow-(--focus)")}>
        {text.length > mostShown ? (
          <Long name={name} text={text} faults={faults} clear={() => change("")} />
        ) : (
          <LinedText
            label="Price list"
            faultsId="price-list-faults"
            text={text}
            faults={faults.slice(0, mostFaults)}
            change={change}
            placeholder="provider,model,input_usd,output_usd"
            className="h-64 resize-y"
          />
        )}
      </div>
      {faults.length > mostFaults && (
        <p className="text-sm text-bad">and {faults.length - mostFaults} more faults</p>
      )}
      {trouble !== undefined && (
        <p role="alert" className="text-sm text-bad">
          {trouble}
        </p>
      )}
      <div className="flex flex-wrap items-center gap-3">
        <Button onClick={() => chooser.current?.click()}>Choose file</Button>
        <input
          ref={chooser}
          type="file"
          accept=".csv,.json,text/csv,application/json"
          aria-label="File with a price list"
          tabIndex={-1}
          className="sr-only"
          onChange={(event) => {
            void take(event.target.files?.[0]);
            event.target.value = "";
          }}
        />
        <span className="text-sm text-muted">
          or drop or paste it: CSV with a header, LiteLLM&apos;s JSON, or entries as the API takes them.
        </span>
      </div>
    </div>
  );
}

function Long({
  name,
  text,
  faults,
  clear,
}: {
  name: string;
  text: string;
  faults: readonly LineFault[];
  clear: () => void;
}) {
  return (
    <div className="grid gap-3 rounded-sm border border-line bg-sunken p-4">
      <p className="flex flex-wrap items-center gap-3">
        <b>{name || "Pasted list"}</b>
        <span className="num text-sm text-muted">
          {Math.ceil(text.length / 1024).toLocaleString("en")} KiB
        </span>
        <Button small onClick={clear}>
          Take it out
        </Button>
      </p>
      <ul aria-live="polite" className="grid max-h-64 gap-1 overflow-auto text-sm text-bad">
        {faults.slice(0, mostFaults).map(({ path, message, line }) => (
          <li key={`${line} ${path} ${message}`}>
            <span className="num text-xs">line {line}</span>{" "}
            {path !== "" && <b className="font-mono text-xs">{path}</b>} {message}
          </li>
        ))}
      </ul>
    </div>
  );
}
