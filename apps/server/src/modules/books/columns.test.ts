import { describe, expect, it } from "vitest";
import { columnsOf } from "./columns.ts";

describe("columnsOf", () => {
  it("writes each column as an array that PostgreSQL reads back as it was", () => {
    const column = columnsOf([
      { id: "0199f0c1-0000-7000-8000-000000000001", text: 'say "hi" \\ {a,b}', flag: true, tokens: 12 },
      { id: "0199f0c1-0000-7000-8000-000000000002", text: "NULL", flag: false, tokens: null },
      { id: "0199f0c1-0000-7000-8000-000000000003", text: "", lines: [{ unit: "input" }] },
    ]);
    expect(column("id")).toBe(
      "{0199f0c1-0000-7000-8000-000000000001,0199f0c1-0000-7000-8000-000000000002,0199f0c1-0000-7000-8000-000000000003}",
    );
    expect(column("text")).toBe('{"say \\"hi\\" \\\\ {a,b}","NULL",""}');
    expect(column("flag")).toBe("{true,false,NULL}");
    expect(column("tokens")).toBe("{12,NULL,NULL}");
    expect(column("lines")).toBe('{NULL,NULL,"[{\\"unit\\":\\"input\\"}]"}');
  });

  it("quotes what another reader could take for syntax", () => {
    for (const text of ["null", "Null", " a", "a b", "a,b", "{}", "{1,2}", "ü", "\n", "'"]) {
      const literal = columnsOf([{ text }])("text");
      expect(literal.startsWith('{"') && literal.endsWith('"}')).toBe(true);
    }
  });

  it("gives an empty array for no rows", () => {
    expect(columnsOf([])("id")).toBe("{}");
  });
});
