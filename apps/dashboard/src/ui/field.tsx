import type { ComponentProps, ReactNode } from "react";
import { useId } from "react";
import { classNames } from "./class-names.ts";

const box =
  "w-full min-w-0 rounded-sm border border-field bg-surface px-2.5 text-base text-text disabled:bg-sunken disabled:text-muted aria-invalid:border-bad";

type Around = { label: string; hint?: ReactNode; fault?: string | undefined; className?: string };

/** A labelled line of text with its hint, or its fault in place of it. */
export function TextField({ label, hint, fault, className, ...rest }: Around & ComponentProps<"input">) {
  return (
    <Labelled {...{ label, hint, fault, className }}>
      {(id, described) => (
        <input
          {...rest}
          id={id}
          aria-invalid={fault ? true : undefined}
          aria-describedby={described}
          className={classNames(box, "h-8")}
        />
      )}
    </Labelled>
  );
}

export function TextArea({ label, hint, fault, className, ...rest }: Around & ComponentProps<"textarea">) {
  return (
    <Labelled {...{ label, hint, fault, className }}>
      {(id, described) => (
        <textarea
          rows={3}
          {...rest}
          id={id}
          aria-invalid={fault ? true : undefined}
          aria-describedby={described}
          className={classNames(box, "py-1.5")}
        />
      )}
    </Labelled>
  );
}

export function SelectField({
  label,
  hint,
  fault,
  className,
  children,
  ...rest
}: Around & ComponentProps<"select">) {
  return (
    <Labelled {...{ label, hint, fault, className }}>
      {(id, described) => (
        <select {...rest} id={id} aria-describedby={described} className={classNames(box, "h-8 pr-1")}>
          {children}
        </select>
      )}
    </Labelled>
  );
}

function Labelled({
  label,
  hint,
  fault,
  className,
  children,
}: {
  label: string;
  hint?: ReactNode;
  fault?: string | undefined;
  className?: string | undefined;
  children: (id: string, described: string | undefined) => ReactNode;
}) {
  const id = useId();
  const below = fault ?? hint;
  return (
    <div className={classNames("grid content-start gap-1", className)}>
      <label htmlFor={id} className="text-xs font-medium text-muted">
        {label}
      </label>
      {children(id, below === undefined ? undefined : `${id}-below`)}
      {below !== undefined && (
        <p id={`${id}-below`} className={classNames("text-xs", fault ? "text-bad" : "text-faint")}>
          {below}
        </p>
      )}
    </div>
  );
}
