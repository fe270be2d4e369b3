// `npm test`: what CI runs. Plain JavaScript, because the machine's Node may be 20.
import { bootstrap } from "./bootstrap.mjs";

await bootstrap("scripts/test-all.ts");
