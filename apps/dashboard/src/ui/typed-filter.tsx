import { type ComponentProps, useState } from "react";
import { TextField } from "./field.tsx";

/** A filter that is typed: it takes effect by Enter or by leaving the field, and only in a form that can be one. */
export function TypedFilter({
  label,
  value,
  accepts,
  apply,
  className,
  ...rest
}: {
  label: string;
  value: string;
  accepts: (text: string) => boolean;
  apply: (text: string) => void;
  className: string;
} & Omit<ComponentProps<typeof TextField>, "value" | "onChange" | "onBlur" | "fault">) {
  const [typed, setTyped] = useState<string | null>(null);
  const text = typed ?? value;
  const fits = accepts(text.trim());
  const take = () => {
    if (typed === null || !fits) return;
    setTyped(null);
    if (text.trim() !== value) apply(text.trim());
  };
  return (
    <form
      className={className}
      onSubmit={(event) => {
        event.preventDefault();
        take();
      }}
    >
      <TextField
        {...rest}
        label={label}
        value={text}
        spellCheck={false}
        autoComplete="off"
        fault={fits ? undefined : "not of that form"}
        onChange={(event) => setTyped(event.target.value)}
        onBlur={take}
      />
    </form>
  );
}
