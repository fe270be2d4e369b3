// From nothing to a deployment that is ready.
import type { Rehearsal } from "./rehearsal.ts";
import { promise, type Step } from "./steps.ts";

export function deploySteps(rehearsal: Rehearsal): Step[] {
  const command = (args: readonly string[]) => rehearsal.operator.command(args, rehearsal.environment);
  return [
    { name: "parts", needs: [], run: () => rehearsal.openStage() },
    { name: "verify-env", needs: ["parts"], run: () => verifyEnvironment(rehearsal) },
    {
      name: "migrate",
      needs: ["verify-env"],
      run: async () => lastLineOf(await command(["migrate"])),
    },
    { name: "seed", needs: ["migrate"], run: async () => lastLineOf(await command(["seed"])) },
    {
      name: "check-isolation",
      needs: ["seed"],
      run: async () => {
        const said = lastLineOf(await command(["hosted", "check-isolation"]));
        promise(said.includes("cannot write"), `it was not read with a login that cannot write: ${said}`);
        return said;
      },
    },
    {
      name: "servers",
      needs: ["seed"],
      run: async () => {
        await Promise.all(
          (["api", "worker", "gateway-1", "gateway-2"] as const).map((role) => rehearsal.startServer(role)),
        );
        return "api, worker and two gateways are ready, without the owner's login";
      },
    },
    {
      name: "doctor",
      needs: ["servers"],
      run: async () => lastLineOf(await command(["doctor"])),
    },
    { name: "smoke-readiness", needs: ["servers"], run: () => smoke(rehearsal) },
    {
      name: "attack",
      needs: ["servers"],
      run: async () => {
        await command(["seed", "--demo"]);
        return attack(rehearsal);
      },
    },
  ];
}

/** Of an output in which warnings may come last. */
export function lastLineOf(output: string): string {
  return output.trim().split("\n").at(-1) ?? "";
}

/** The generated environment is taken, and the same one without a secret is not. */
async function verifyEnvironment(rehearsal: Rehearsal): Promise<string> {
  const { operator, environment } = rehearsal;
  const verify = (file: string) => operator.run(["hosted", "verify-env", "--file", file], {});
  const good = await verify(rehearsal.writeEnvironment("production.env"));
  promise(good.code === 0, `the generated environment is refused:\n${good.output}`);
  const { SECRET_ENCRYPTION_KEY: _, ...half } = environment;
  const bad = await verify(rehearsal.writeEnvironment("half.env", half));
  promise(
    bad.code === 1 && bad.output.includes("SECRET_ENCRYPTION_KEY is missing"),
    `an environment without SECRET_ENCRYPTION_KEY is taken:\n${bad.output}`,
  );
  const told = good.output + bad.output;
  promise(
    !Object.entries(environment).some(([name, value]) => /KEY|TOKEN/.test(name) && told.includes(value)),
    "the verifier prints a secret",
  );
  return lastLineOf(good.output);
}

async function smoke({ operator, ingress, environment }: Rehearsal): Promise<string> {
  const output = await operator.command(
    [
      ...["hosted", "smoke-readiness", "--console", ingress.console],
      ...["--operator-token-env", "REHEARSAL_OPERATOR_TOKEN"],
    ],
    {
      MODELFAUCET_API_BASE_URL: ingress.api,
      MODELFAUCET_GATEWAY_BASE_URL: ingress.gateway,
      NODE_EXTRA_CA_CERTS: ingress.caFile,
      ALLOW_PRIVATE_HOSTED_SMOKE: "1",
      REHEARSAL_OPERATOR_TOKEN: environment.ADMIN_TOKEN!,
    },
  );
  promise(!output.includes(environment.ADMIN_TOKEN!), "the smoke test prints the operator's token");
  return lastLineOf(output);
}

/** From outside, as one tenant that reaches for another's things. */
async function attack({ operator, ingress, environment }: Rehearsal): Promise<string> {
  const output = await operator.command(["hosted", "check-isolation", "--attack"], {
    MODELFAUCET_API_BASE_URL: ingress.api,
    MODELFAUCET_GATEWAY_BASE_URL: ingress.gateway,
    NODE_EXTRA_CA_CERTS: ingress.caFile,
    DEVELOPER_ADMIN_TOKEN: environment.DEVELOPER_ADMIN_TOKEN!,
  });
  return lastLineOf(output);
}
