// The stub upstream in a process of its own, so that its work is not the gateway's. It ends with the benchmark.
import { startStubUpstream } from "@modelfaucet/testkit/stub-upstream/stub-upstream.ts";

await startStubUpstream({ port: Number(process.argv[2]) });
process.once("disconnect", () => process.exit(0));
